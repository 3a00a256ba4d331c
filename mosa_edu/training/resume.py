"""Whether a checkpoint belongs to this run, and putting its numbers back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mosa_edu.checks import require
from mosa_edu.training.checkpoint import Checkpoint
from mosa_edu.training.config import HOUSEKEEPING, TrainingConfig


def require_same_run(
    checkpoint: Checkpoint, config: TrainingConfig, identity: Mapping[str, Any]
) -> None:
    """Refuse a checkpoint whose recipe, model or data differ from this run's.

    Parameters
    ----------
    checkpoint : Checkpoint
        What was found in the run's folder.
    config : TrainingConfig
        What was asked for now; fields in `HOUSEKEEPING` may differ.
    identity : mapping
        The caller's description of model and data.

    Raises
    ------
    ValueError
        Naming the first value that differs.
    """
    require_same_recipe(config, checkpoint.details["config"])
    require_same_values(identity, checkpoint.details["identity"])


def require_same_recipe(config: TrainingConfig, saved: Mapping[str, Any]) -> None:
    """Refuse a recipe that would end with other weights than the one saved by `to_json`."""
    recipe = TrainingConfig.from_json(saved).to_json()
    _require_equal(config.to_json(), recipe, ignored=HOUSEKEEPING)


def require_same_values(asked: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """Refuse nested JSON values that differ from those of a saved run, naming the first."""
    _require_equal(_flat(asked), _flat(saved))


@torch.no_grad()
def restore(live: Mapping[str, torch.Tensor], saved: Mapping[str, torch.Tensor]) -> None:
    """Copy saved numbers into the tensors of a run.

    Parameters
    ----------
    live : mapping of str to torch.Tensor
        References into model and optimizer, written in place.
    saved : mapping of str to torch.Tensor
        The same names, shapes and dtypes.

    Raises
    ------
    ValueError
        If names, shapes or dtypes differ: the checkpoint is of another model.
    """
    _require_equal(_layout(live), _layout(saved), "tensor ")
    require(set(live) == set(saved), "tensors", sorted(set(live) ^ set(saved)), "in the checkpoint")
    for name, tensor in live.items():
        tensor.copy_(saved[name])


def _layout(tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    return {name: [list(value.shape), str(value.dtype)] for name, value in tensors.items()}


def _require_equal(
    asked: Mapping[str, Any],
    saved: Mapping[str, Any],
    kind: str = "",
    ignored: tuple[str, ...] = (),
) -> None:
    # A key that only one side has did not exist in the version that wrote the other.
    for name in (name for name in asked if name in saved and name not in ignored):
        require(
            asked[name] == saved[name],
            kind + name,
            asked[name],
            f"{saved[name]!r} as in the run that is there",
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
