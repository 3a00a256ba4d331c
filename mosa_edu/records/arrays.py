"""Between numpy and JSON: arrays as little-endian base64, everything else as plain values."""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mosa_edu.checks import require

DTYPES: dict[str, np.dtype[Any]] = {
    "uint8": np.dtype("<u1"),
    "uint16": np.dtype("<u2"),
    "float32": np.dtype("<f4"),
}


def encode(array: np.ndarray) -> dict[str, Any]:
    """Describe an array in plain JSON values.

    Parameters
    ----------
    array : ndarray of uint8, uint16 or float32
        Any shape; stored in C order.

    Returns
    -------
    dict
        `{"dtype": str, "shape": [int, ...], "data": base64 text, little-endian}`.

    Examples
    --------
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
    """Rebuild the array that `encode` described.

    Parameters
    ----------
    value : Any
        What stands in the JSON.
    field : str
        Name of the field, for the message.

    Returns
    -------
    ndarray
        With the stored shape, in the machine's own byte order.

    Raises
    ------
    ValueError
        If `value` is not an encoded array, or its data do not fill its shape.
    """
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
    """Parse JSON that must be an object.

    Parameters
    ----------
    text : str
        The JSON text.
    what : str
        What it should hold, for the message.

    Returns
    -------
    dict
        The object.

    Raises
    ------
    ValueError
        If `text` is not JSON, or not an object.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{what} must be JSON: {error}") from None
    require(isinstance(value, dict), what, type(value).__name__, "a JSON object")
    return value


def check_fields(found: dict[str, Any], needed: set[str], optional: set[str], what: str) -> None:
    """Refuse an object that lacks a field or has one that nobody knows.

    Raises
    ------
    ValueError
        Naming the first field that is missing or unknown.
    """
    missing, unknown = sorted(needed - found.keys()), sorted(found.keys() - needed - optional)
    if missing:
        raise ValueError(f"{what} lacks the field {missing[0]!r}")
    if unknown:
        raise ValueError(f"{what} has an unknown field {unknown[0]!r}")


def plain(value: Any, field: str) -> Any:
    """Turn tuples, numpy numbers and arrays into the values that JSON gives back.

    Parameters
    ----------
    value : Any
        Nested mappings, sequences and numbers.
    field : str
        Name of the field, for the message.

    Returns
    -------
    Any
        The same in dicts, lists, str, int, float, bool and None; not-finite numbers are None.

    Raises
    ------
    ValueError
        If something in it has no JSON form.

    Examples
    --------
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
