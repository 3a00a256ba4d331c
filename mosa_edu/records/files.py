"""Files that are either the old version or the new one, never half of each."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Self

from mosa_edu.checks import require


class JsonRecord:
    """A record that is one JSON file: subclasses say how they are written and read as text."""

    def to_json(self) -> str:
        """Write the record as JSON text."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record to a file, whole or not at all.

        Parameters
        ----------
        path : path-like
            The file; missing folders are made.
        """
        write_atomic(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a record from a file.

        Parameters
        ----------
        path : path-like
            A file that `save` wrote.

        Raises
        ------
        ValueError
            If there is no such file, or naming the field that is missing, unknown or wrong.
        """
        return cls.from_json(read_text(path))


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a file of UTF-8 text.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    str
        All of it.

    Raises
    ------
    ValueError
        If there is no such file, or it is not UTF-8.
    """
    require(Path(path).is_file(), "path", str(path), "an existing file")
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"path must be a file of UTF-8 text, got {str(path)!r}") from None


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write a file so that a crash at any moment leaves the old content or the new.

    The data goes to a temporary file in the same folder, is forced to the disk, and takes the
    name in one step. Missing parent folders are made.

    Parameters
    ----------
    path : path-like
        The file to write.
    data : bytes or str
        Its whole content; text is encoded as UTF-8.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    content = data.encode() if isinstance(data, str) else data
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _default_mode())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def _default_mode() -> int:
    """Mode that `open` would have given: `mkstemp` makes files that only their owner can read."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def sync_folder(folder: Path) -> None:
    """Force new names in a folder to the disk, where the system can (Windows cannot).

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
