"""Finished parts of long work, kept in a file: a call that was ended is gone on with."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mosa_edu.records.codec import write_atomic

SAVE_SECONDS = 2.0
"""Work that a kill without notice may cost, beside the part that it was at."""


class Parts:
    """Arrays by name, each made once: used in a ``with`` block, which ends with the work.

    A block that is left by an error or Ctrl-C leaves its file, a finished one removes it.

    Parameters
    ----------
    path : pathlib.Path or None
        The file; None keeps nothing.
    key : str
        Names the work: what was kept of another, such as other weights, is not used.

    Examples
    --------
    >>> with Parts(None, "squares") as parts:
    ...     [int(parts.get(str(n), lambda n=n: np.array(n * n))) for n in range(3)]
    [0, 1, 4]
    """

    def __init__(self, path: Path | None, key: str) -> None:
        self.path, self.key = path, key
        self._found = {} if path is None else self._read(path)
        self._saved_at = time.monotonic()

    def _read(self, path: Path) -> dict[str, np.ndarray]:
        try:
            with np.load(path, allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
        except (OSError, EOFError, ValueError, zipfile.BadZipFile):
            return {}
        return found if str(found.pop("key", "")) == self.key else {}

    def get(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return a part, made now unless an earlier call made it."""
        if name not in self._found:
            self._found[name] = make()
            if time.monotonic() - self._saved_at > SAVE_SECONDS:
                self._save()
        return self._found[name]

    def _save(self) -> None:
        if self.path is not None and self._found:
            file = io.BytesIO()
            np.savez(file, key=np.array(self.key), **self._found)  # type: ignore[arg-type]
            write_atomic(self.path, file.getvalue())
        self._saved_at = time.monotonic()

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._save()
        elif self.path is not None:
            self.path.unlink(missing_ok=True)
