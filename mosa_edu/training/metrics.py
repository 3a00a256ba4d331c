"""The log of a run: one JSON object a line, each step once, however often the run was killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class MetricsLog:
    """Append-only JSON lines, cut back to the checkpoint that a run resumes from.

    Parameters
    ----------
    path : pathlib.Path
        Created on the first line.
    step : int
        Lines of later steps, and a last line that a kill cut short, are dropped on opening: the
        resumed run writes them again.
    """

    def __init__(self, path: Path, step: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = open(path, "a+b")  # noqa: SIM115  held open for the run, see close
        self._stream.seek(0)
        end = 0
        for line in self._stream:
            if not line.endswith(b"\n") or _step_of(line) > step:
                break
            end += len(line)
        self._stream.truncate(end)

    def write(self, step: int, **values: Any) -> None:
        """Append one line."""
        self._stream.write(json.dumps({"step": step, **values}).encode() + b"\n")

    def flush(self) -> None:
        """Hand the lines so far to readers, without waiting for the disk."""
        self._stream.flush()

    def sync(self) -> None:
        """Make the lines so far durable; called before the checkpoint that relies on them."""
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Flush and close the file."""
        self._stream.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a log; an absent file is an empty log."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines if _step_of(line) < float("inf")]


def _step_of(line: bytes) -> float:
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")
