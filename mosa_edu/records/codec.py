"""Between numpy and JSON: arrays as little-endian base64, everything else as plain values."""

import base64
import binascii
import contextlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self, get_origin

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
    """A frozen dataclass with a `version`, that is one JSON object of its fields.

    Arrays are written as `encode` says. Where a record is read, a field that has a default may be
    missing, but for the version.
    """

    version: int
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __post_init__(self) -> None:
        self._check_version(self.version)
        for field in fields(self):
            if get_origin(field.type) is dict:
                name, value = f"{type(self).__name__}.{field.name}", getattr(self, field.name)
                require(isinstance(value, Mapping), name, value, "an object")
                self.settle(**{field.name: lambda found, name=name: plain(found, name)})

    def settle(self, **how: Callable[[Any], Any]) -> None:
        """Bring fields into the form that they are kept in."""
        for name, function in how.items():
            object.__setattr__(self, name, function(getattr(self, name)))

    @classmethod
    def _check_version(cls, version: Any) -> None:
        known = cls.__dataclass_fields__["version"].default
        require(version == known, f"{cls.__name__}.version", version, f"{known}")

    def values(self) -> dict[str, Any]:
        """Return the fields as JSON values, in the order in which they are written."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"version": found.pop("version"), **{n: _json(v) for n, v in found.items()}}

    @classmethod
    def arguments(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Turn parsed JSON into the arguments of the record."""
        cls._check_version(values.get("version"))
        known = {field.name: field for field in fields(cls)}
        optional = {n for n, f in known.items() if _has_default(f)} - {"version"}
        check_fields(values, known.keys() - optional, optional, cls.__name__)
        return {
            name: decode(value, f"{cls.__name__}.{name}")
            if known[name].type is np.ndarray
            else value
            for name, value in values.items()
        }

    def to_json(self) -> str:
        """Write the record as JSON text: one field a line, the same bytes every time."""
        lines = (f"{json.dumps(name)}: {self.line(name, v)}" for name, v in self.values().items())
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def line(self, name: str, value: Any) -> str:
        """Write the value of a field."""
        return json.dumps(value, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(**cls.arguments(read_object(text, cls.__name__)))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the record to a file, whole or not at all."""
        write_atomic(path, self.to_json())
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a record from a file."""
        return cls.from_json(read_text(path))


def _json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return encode(value)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


class Piece(NamedTuple):
    """A token: its id and its text, empty where it is no whole character."""

    id: int
    text: str


class TextRecord(JsonRecord):
    """A record of one text and the model that read it."""

    model: dict[str, Any]
    tokens: Sequence[Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settle(tokens=pieces)

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(token.text for token in self.tokens)


def pieces(rows: Iterable[Sequence[Any]]) -> tuple[Piece, ...]:
    """Return tokens from what JSON gives back."""
    return tuple(Piece(*row) for row in rows)


def ascending(positions: Sequence[int], end: int) -> bool:
    """Return whether positions are distinct, ascending and in [0, end)."""
    return list(positions) == sorted({t for t in positions if 0 <= t < end})


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a file of UTF-8 text."""
    require(Path(path).is_file(), "path", str(path), "an existing file")
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"path must be a file of UTF-8 text, got {str(path)!r}") from None


def write_atomic(
    path: str | os.PathLike[str],
    data: bytes | str,
    reached: Callable[[str], None] = lambda _: None,
) -> None:
    """Write a file so that a crash at any moment leaves the old content or the new.

    The data goes to a temporary file in the same folder, is forced to the disk, and takes the
    name in one step. Missing parent folders are made. `reached` is told of moments at which tests
    kill the process.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    content = data.encode() if isinstance(data, str) else data
    half = len(content) // 2
    prefix = f"{target.name}."
    handle, temporary = tempfile.mkstemp(prefix=prefix, suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content[:half])
            reached("half")
            file.write(content[half:])
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _default_mode())
        reached("whole")
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _default_mode() -> int:
    """Mode that `open` would have given: `mkstemp` makes files that only their owner can read."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Force new names in a folder to the disk, where the system can (Windows cannot)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
