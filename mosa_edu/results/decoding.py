"""What a token costs when a text is written one token at a time: sparse caches and dense ones."""

from dataclasses import dataclass
from typing import Any

from mosa_edu.checks import require
from mosa_edu.records.probe import ProbeRecord


@dataclass(frozen=True)
class DecodingRow:
    """The attention of one layer, reading the last tokens of a text of T.

    Attributes
    ----------
    kind : str
        ``dense``, or the kind of the sparse heads.
    sparsity : int
        T / k; 1 for dense heads.
    length : int
        T, tokens in the text.
    milliseconds : float
        Of processor time a token, median over the rounds.
    ratio, ratio_low, ratio_high : float
        Time of as many dense heads divided by this, taken within each round: median, quartiles.
    slots, bytes : int
        Key-value pairs that the heads of the layer hold after token T, and their size.
    """

    kind: str
    sparsity: int
    length: int
    milliseconds: float
    ratio: float
    ratio_low: float
    ratio_high: float
    slots: int
    bytes: int


def decoding_rows(
    probe: ProbeRecord, *, sparsity: int | None = None, length: int | None = None
) -> list[DecodingRow]:
    """Read the decoding costs of a record, all of them or a part.

    Parameters
    ----------
    probe : ProbeRecord
        Of `mosa-edu probe decoding`, such as ``recorded_probe("decoding-seed0")``.
    sparsity : int, optional
        Dense heads and sparse ones of this sparsity alone.
    length : int, optional
        Texts of this length alone.

    Returns
    -------
    list of DecodingRow
        By length, kind and sparsity, as recorded.

    Raises
    ------
    ValueError
        If the record is of something else, or nothing in it has this sparsity or length.
    """
    require(probe.probe == "decoding", "probe", probe.probe, "'decoding'")
    _known(probe, "sparsity", sparsity)
    _known(probe, "T", length)
    rows = [_row(values) for values in probe.rows]
    return [
        row
        for row in rows
        if length in (None, row.length)
        and (sparsity in (None, row.sparsity) or row.kind == "dense")
    ]


def _known(probe: ProbeRecord, column: str, value: int | None) -> None:
    known = sorted(set(probe.column(column)))
    require(value is None or value in known, column, value, f"one of {known}")


def _row(values: dict[str, Any]) -> DecodingRow:
    rest = {name: values[name] for name in values if name != "T"}
    return DecodingRow(length=values["T"], **rest)
