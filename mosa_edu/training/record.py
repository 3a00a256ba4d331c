"""From the folder of a run to the record that tables and pictures are made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mosa_edu.records import RunRecord, provenance
from mosa_edu.training.config import TrainingConfig
from mosa_edu.training.metrics import read_metrics

MAX_POINTS = 400


def make_record(
    folder: Path,
    result: Mapping[str, Any],
    config: TrainingConfig,
    *,
    name: str,
    model: Mapping[str, Any],
    data: Mapping[str, Any],
    n_parameters: int,
    validation: Mapping[str, dict[str, Any]],
    flops_per_token: float | None = None,
    command: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> RunRecord:
    """Describe a run from its metrics and what `Trainer.run` returned.

    Parameters
    ----------
    folder : pathlib.Path
        The run's folder.
    result : mapping
        What `Trainer.run` returned.
    config : TrainingConfig
        The recipe.
    name, model, data, n_parameters, validation, flops_per_token, command
        As in `RunRecord`.
    extra : mapping, optional
        Further JSON values; the curve of the validation loss is added as ``validation_curve``.

    Returns
    -------
    RunRecord
        Its training curve has at most `MAX_POINTS` points.
    """
    lines = read_metrics(folder / "metrics.jsonl")
    origin = provenance(torch_version=torch.__version__, hardware=_accelerator(), command=command)
    return RunRecord(
        name=name,
        command=origin["command"],
        commit=origin["commit"],
        seed=config.seed,
        model=dict(model),
        training=config.to_json(),
        data=dict(data),
        n_parameters=n_parameters,
        hardware=origin["hardware"],
        wall_seconds=round(float(result["seconds"]), 3),
        tokens_seen=int(result["tokens"]),
        train_curve=_thin([[x["step"], x["tokens"], x["loss"]] for x in lines if "loss" in x]),
        validation=dict(validation),
        status=str(result["status"]),
        flops_per_token=flops_per_token,
        extra={
            **(extra or {}),
            "validation_curve": [
                [x["step"], x["tokens"], x["validation_loss"], x["validation_stderr"]]
                for x in lines
                if "validation_loss" in x
            ],
            "torch": origin["torch"],
            "python": origin["python"],
            "package": origin["package"],
        },
    )


def _thin(points: list[list[Any]]) -> list[list[Any]]:
    """Keep every n-th point, counted from the last, so that the end of the run is there."""
    every = -(-len(points) // MAX_POINTS)
    return points[::-1][:: max(every, 1)][::-1]


def _accelerator() -> str | None:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
