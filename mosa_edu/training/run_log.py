"""The log of a run: one JSON object a line, each step once, however often the run was killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO


class MetricsLog:
    """Append-only JSON lines; the open file is also the lock on the run's folder.

    Parameters
    ----------
    path : pathlib.Path
        Created if absent, its folder too.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = open(path, "a+b")  # noqa: SIM115  held open for the run, see close
        if not _lock(self._stream):
            self._stream.close()
            raise ValueError(f"run_dir must be free of other trainers, got {str(path.parent)!r}")

    def cut_after(self, step: int) -> None:
        """Drop lines of later steps and one that a kill cut short; they will be written again."""
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


def _lock(stream: BinaryIO) -> bool:
    """Take the lock that the system drops when the process dies; without one, trust the user."""
    try:
        import fcntl  # not on Windows
    except ImportError:
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
