"""What sparse heads bring to the dense heads beside them, with the future in view and without."""

from collections.abc import Sequence

import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.results import BroughtRow
from mosa_edu.viz.charts.base import explain, plural
from mosa_edu.viz.charts.intervals import three_scores


def brought_by_heads(rows: Sequence[BroughtRow]) -> go.Figure:
    """Draw the gains of hybrids over their dense heads alone, under the three scores.

    Parameters
    ----------
    rows : sequence of BroughtRow
        Such as `mosa_edu.results.brought_rows` returns, at least one.

    Returns
    -------
    plotly.graph_objects.Figure
        One row a model, one dot a score with its 95 % interval; a dotted line at 0.

    Raises
    ------
    ValueError
        If there is no row.
    """
    require(len(rows) > 0, "rows", len(rows), "at least one")
    names = [row.label for row in rows]
    note = "nats per token; 95 % intervals"
    heading = "Gain over the same dense heads alone"
    figure = three_scores(heading, note, names, [row.gains for row in rows])
    encoding = f"Dots of gains with intervals: {', '.join(names)}; dotted, no gain."
    return explain(figure, _finding(rows), encoding)


def _finding(rows: Sequence[BroughtRow]) -> str:
    """Say what the heads bring that have enough seeds, then name the others."""
    said = [_said(row) for row in rows if row.decides]
    few = [f"{row.label} ({plural(len(row.seeds), 'seed')})" for row in rows if not row.decides]
    said += [f"too few seeds to say: {', '.join(few)}"] if few else []
    return f"What heads bring, in nats per token: {'; '.join(said)}."


def _said(row: BroughtRow) -> str:
    full, cut_off = row.gains["full"], row.gains["prefix"]
    if abs(row.future["prefix"].mean) < 1e-4:
        return f"{row.label} {full}, whatever follows"
    return f"{row.label} {full}, with the future cut off {cut_off}"
