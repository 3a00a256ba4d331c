"""The table of a record in columns, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mosa_edu.records.probe import ProbeRecord


def columns(record: ProbeRecord) -> str:
    """Lay out the rows of a record in columns."""
    names = list(record.rows[0])
    lines = [names, *([_cell(row[name]) for name in names] for row in record.rows)]
    return "\n".join(_align(line, lines) for line in lines)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _align(line: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(other[column]) for other in lines) for column in range(len(line))]
    return "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
