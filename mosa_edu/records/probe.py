"""What a probe measured: a small table with its settings and the command that makes it again."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.records.codec import JsonRecord, plain

PROBES = (
    "coin-flips",
    "jacobian",
    "perturbation-layer",
    "perturbation-model",
    "decoding",
    "predictor",
    "selection",
    "cloze",
    "positions",
    "pair",
    "recipes",
    "causality-check",
    "bench-steps",
    "bench-lengths",
    "bench-roofline",
    "bench-long-context",
    "bench-page",
    "bench-rules",
)


@dataclass(frozen=True)
class ProbeRecord(JsonRecord):
    """A measurement of one model or layer, or of several in one table.

    Parameters
    ----------
    probe : str
        What was measured: one of `PROBES`.
    name : str
        Names the record among all others, and its file.
    settings : dict
        What was the same in all rows, as plain JSON values.
    rows : sequence of dict
        The table: every row has the same columns, with numbers, texts or None in them.
    series : dict
        Longer lists of numbers by name, such as a loss by position.
    provenance : dict
        Where the record comes from; ``command`` makes it again.

    Raises
    ------
    ValueError
        If the fields do not fit together.

    Examples
    --------
    >>> record = ProbeRecord("jacobian", "example", {"T": 64}, [{"heads": 1, "future": 0.0}])
    >>> record.column("future")
    [0.0]
    """

    probe: str
    name: str
    settings: dict[str, Any]
    rows: Sequence[dict[str, Any]]
    series: dict[str, list[Any]] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.probe in PROBES, "ProbeRecord.probe", self.probe, f"one of {PROBES}")
        self.settle(rows=lambda rows: plain(list(rows), "ProbeRecord.rows"))
        require(len(self.rows) > 0, "ProbeRecord.rows", self.rows, "at least one row")
        for row in self.rows:
            same = isinstance(row, dict) and row.keys() == self.rows[0].keys()
            require(same, "ProbeRecord.rows", row, "rows of the same columns")

    @property
    def command(self) -> str | None:
        """The command that makes the record again."""
        return self.provenance.get("command")

    def column(self, name: str) -> list[Any]:
        """Return one column of the table."""
        require(name in self.rows[0], "name", name, f"one of {sorted(self.rows[0])}")
        return [row[name] for row in self.rows]

    def row(self, **values: Any) -> dict[str, Any]:
        """Return the only row whose columns have these values.

        Raises
        ------
        ValueError
            If there is none, or more than one.
        """
        found = [row for row in self.rows if values.items() <= row.items()]
        require(len(found) == 1, "values", values, f"those of one row, not of {len(found)}")
        return found[0]

    def line(self, name: str, value: Any) -> str:
        """Write one row a line."""
        if name != "rows":
            return super().line(name, value)
        return (
            "[\n  " + ",\n  ".join(super(ProbeRecord, self).line(name, v) for v in value) + "\n ]"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the record to ``<path>/<name>.json``, whole or not at all."""
        return super().save(Path(path) / f"{self.name}.json")
