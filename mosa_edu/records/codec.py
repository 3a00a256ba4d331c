"""Between numpy and JSON: arrays as little-endian base64, everything else as plain values."""

import base64
import binascii
import contextlib
import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from mosa_edu.checks import require

DTYPES: dict[str, np.dtype[Any]] = {
    "uint8": np.dtype("<u1"),
    "uint16": np.dtype("<u2"),
    "float32": np.dtype("<f4"),
}


def encode(array: np.ndarray) -> dict[str, Any]:
    """Describe an array in plain JSON values.

    >>> encode(np.array([1, 258], dtype=np.uint16))
    {'dtype': 'uint16', 'shape': [2], 'data': 'AQACAQ=='}
    """
    name = array.dtype.name
    require(name in DTYPES, "dtype", name, f"one of {sorted(DTYPES)}")
    data = np.ascontiguousarray(array, dtype=DTYPES[name]).tobytes()
    return {
        "dtype": name,
        "shape": list(array.shape),
        "data": base64.b64encode(data).decode("ascii"),
    }


def decode(value: Any, field: str) -> np.ndarray:
    """Rebuild the array that `encode` described."""
    keys = sorted(value) if isinstance(value, dict) else None
    require(keys == ["data", "dtype", "shape"], field, keys, "an object of dtype, shape and data")
    require(value["dtype"] in DTYPES, f"{field}.dtype", value["dtype"], f"one of {sorted(DTYPES)}")
    shape = value["shape"]
    sizes_are_right = isinstance(shape, list) and all(is_count(size) for size in shape)
    require(sizes_are_right, f"{field}.shape", shape, "a list of integers >= 0")
    try:
        data = base64.b64decode(value["data"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError(f"{field}.data must be base64 text: {error}") from None
    dtype = DTYPES[value["dtype"]]
    expected = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    require(len(data) == expected, f"{field}.data", f"{len(data)} bytes", f"{expected} bytes long")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def is_count(value: Any) -> bool:
    """Whether `value` is an integer >= 0 (`True` is none)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def read_object(text: str, what: str) -> dict[str, Any]:
    """Parse JSON that must be an object."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{what} must be JSON: {error}") from None
    require(isinstance(value, dict), what, type(value).__name__, "a JSON object")
    return value


def check_fields(found: dict[str, Any], needed: set[str], optional: set[str], what: str) -> None:
    """Refuse an object that lacks a field or has one that nobody knows."""
    missing, unknown = sorted(needed - found.keys()), sorted(found.keys() - needed - optional)
    if missing:
        raise ValueError(f"{what} lacks the field {missing[0]!r}")
    if unknown:
        raise ValueError(f"{what} has an unknown field {unknown[0]!r}")


def plain(value: Any, field: str) -> Any:
    """Turn tuples, numpy numbers and arrays into the values that JSON gives back.

    >>> plain({"loss": np.float32("nan"), "shape": (2, np.int64(3))}, "extra")
    {'loss': None, 'shape': [2, 3]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item, field) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), field)
    if isinstance(value, list | tuple):
        return [plain(item, field) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    known = value is None or isinstance(value, str | int)
    require(known, field, type(value).__name__, "made of plain JSON values")
    return value


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
        """Write the record to a file, whole or not at all."""
        write_atomic(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a record from a file."""
        return cls.from_json(read_text(path))


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a file of UTF-8 text."""
    require(Path(path).is_file(), "path", str(path), "an existing file")
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"path must be a file of UTF-8 text, got {str(path)!r}") from None


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write a file so that a crash at any moment leaves the old content or the new.

    The data goes to a temporary file in the same folder, is forced to the disk, and takes the
    name in one step. Missing parent folders are made.
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
    """Force new names in a folder to the disk, where the system can (Windows cannot)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
