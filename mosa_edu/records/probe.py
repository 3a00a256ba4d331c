"""What a probe measured: a small table with its settings and the command that makes it again."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.records.codec import check_fields, plain, read_object, read_text, write_atomic

VERSION = 1
PROBES = (
    "coin-flips",
    "jacobian",
    "perturbation-layer",
    "perturbation-model",
    "decoding",
    "predictor",
    "selection",
    "riddles",
    "positions",
    "pair",
    "bench-steps",
    "bench-lengths",
    "bench-roofline",
    "bench-long-context",
    "bench-page",
    "bench-rules",
)


@dataclass(frozen=True)
class ProbeRecord:
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
    version : int
        Version of this format; only 1 is known.

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
    version: int = VERSION

    def __post_init__(self) -> None:
        require(self.version == VERSION, "ProbeRecord.version", self.version, f"{VERSION}")
        require(self.probe in PROBES, "ProbeRecord.probe", self.probe, f"one of {PROBES}")
        for name in ("settings", "series", "provenance"):
            value = getattr(self, name)
            require(isinstance(value, Mapping), f"ProbeRecord.{name}", value, "an object")
            object.__setattr__(self, name, plain(value, f"ProbeRecord.{name}"))
        object.__setattr__(self, "rows", plain(list(self.rows), "ProbeRecord.rows"))
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

    def to_json(self) -> str:
        """Write the record as JSON text: one row a line, the same bytes every time."""
        head = {
            "version": self.version,
            "probe": self.probe,
            "name": self.name,
            "settings": self.settings,
        }
        lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
        lines.append('"rows": [\n  ' + ",\n  ".join(map(json.dumps, self.rows)) + "\n ]")
        lines += [f'"series": {json.dumps(self.series)}']
        lines += [f'"provenance": {json.dumps(self.provenance)}']
        return "{\n " + ",\n ".join(lines) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> "ProbeRecord":
        """Read what `to_json` wrote."""
        values = read_object(text, "ProbeRecord")
        needed = {"version", "probe", "name", "settings", "rows"}
        check_fields(values, needed, {"series", "provenance"}, "ProbeRecord")
        return cls(**values)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the record to ``<folder>/<name>.json``, whole or not at all."""
        path = Path(folder) / f"{self.name}.json"
        write_atomic(path, self.to_json())
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ProbeRecord":
        """Read a record from a file."""
        return cls.from_json(read_text(path))
