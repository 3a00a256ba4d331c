"""Probes: tests that tell whether the future reaches the past, and how much of it does."""

from typing import Any

import torch

from mosa_edu.records import provenance
from mosa_edu.records.probe import ProbeRecord


def record_of_run(
    probe: str,
    run: str,
    settings: dict[str, Any],
    rows: list[dict[str, Any]],
    series: dict[str, list[Any]],
    command: str | None,
) -> ProbeRecord:
    """Describe what a probe measured of a trained run."""
    settings = {"run": run, **settings, "threads": torch.get_num_threads()}
    origin = provenance(torch.__version__, command=command)
    return ProbeRecord(probe, f"{probe}-{run}", settings, rows, series, origin)
