"""The JSON form of a routing trace, version 1, which the page's own engine writes as well.

An object with `version, model {name, sha256}, tokens [{id, text, start, end}], T, k, sparsity,
layers, heads, scores, order, indices, attention, next_top {ids, probabilities}, provenance`, and,
where known, `next_true {loss, rank}` and `counts`. Arrays are objects of `dtype`, `shape` and
base64 `data`, little-endian; positions are zero-based, `start` and `end` count code points.
"""

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from mosa_edu.checks import require
from mosa_edu.records.arrays import check_fields, decode, encode, is_count

if TYPE_CHECKING:
    from mosa_edu.records.trace import RoutingTrace

VERSION = 1
SIZES = ("T", "k", "layers", "heads")
PLAIN = ("scores", "order", "indices", "attention")
NEEDED = {"version", "model", "tokens", *SIZES, "sparsity", *PLAIN, "next_top", "provenance"}
GROUPS = {
    "next_top": {"ids": "next_ids", "probabilities": "next_probabilities"},
    "next_true": {"loss": "true_loss", "rank": "true_rank"},
}


class Token(NamedTuple):
    """A token and the code points `[start, end)` of the text it stands for."""

    id: int
    text: str
    start: int
    end: int


def write(trace: "RoutingTrace") -> str:
    """Return a trace as JSON text, one field a line.

    Parameters
    ----------
    trace : RoutingTrace
        What is written.

    Returns
    -------
    str
        JSON text; equal traces give equal text.
    """
    values: dict[str, Any] = {"version": trace.version, "model": trace.model}
    values["tokens"] = [token._asdict() for token in trace.tokens]
    values |= {name: getattr(trace, name) for name in ("T", "k", "sparsity", "layers", "heads")}
    values |= {name: encode(getattr(trace, name)) for name in PLAIN}
    for group, members in GROUPS.items():
        arrays = {key: getattr(trace, name) for key, name in members.items()}
        if all(array is not None for array in arrays.values()):
            values[group] = {key: encode(array) for key, array in arrays.items()}
    if trace.counts is not None:
        values["counts"] = encode(trace.counts)
    values["provenance"] = trace.provenance
    lines = (
        f"{json.dumps(name)}: {json.dumps(value, allow_nan=False, separators=(',', ':'))}"
        for name, value in values.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read(values: dict[str, Any]) -> dict[str, Any]:
    """Turn parsed JSON into the arguments of `RoutingTrace`.

    Parameters
    ----------
    values : dict
        The parsed object.

    Returns
    -------
    dict
        Keyword arguments; their values are checked by the class.

    Raises
    ------
    ValueError
        Naming the field that is missing, unknown or has no readable form.
    """
    version = values.get("version")
    require(version == VERSION, "version", version, f"{VERSION}")
    check_fields(values, NEEDED, {"next_true", "counts"}, "RoutingTrace")
    arguments = {name: values[name] for name in ("version", "model", "sparsity", "provenance")}
    arguments["tokens"] = [_token(value) for value in _list(values["tokens"])]
    arguments |= {name: decode(values[name], name) for name in PLAIN}
    for group, members in GROUPS.items():
        if group in values:
            require(isinstance(values[group], dict), group, values[group], "an object")
            check_fields(values[group], set(members), set(), group)
            for key, name in members.items():
                arguments[name] = decode(values[group][key], f"{group}.{key}")
    if "counts" in values:
        arguments["counts"] = decode(values["counts"], "counts")
    return arguments


def _list(tokens: Any) -> list[Any]:
    require(isinstance(tokens, list), "tokens", type(tokens).__name__, "a list")
    return tokens


def _token(value: Any) -> Token:
    require(isinstance(value, dict), "tokens", value, "a list of objects")
    check_fields(value, {"id", "text", "start", "end"}, set(), "tokens")
    counts = [value[name] for name in ("id", "start", "end")]
    known = isinstance(value["text"], str) and all(is_count(count) for count in counts)
    require(known, "tokens", value, "objects of text and of integers id, start, end >= 0")
    return Token(**value)
