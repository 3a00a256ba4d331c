"""Who predicts coin flips: the loss of every trained model beside that of guessing."""

from collections.abc import Sequence

import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.results import CoinFlipRow, Interval
from mosa_edu.viz.charts.base import explain, plural
from mosa_edu.viz.charts.intervals import add_dots, add_reference, new_rows
from mosa_edu.viz.style import LIGHT


def coin_flip_losses(rows: Sequence[CoinFlipRow]) -> go.Figure:
    """Draw the losses of models trained on coin flips, one row a kind, one dot a seed.

    Parameters
    ----------
    rows : sequence of CoinFlipRow
        At least one that did not diverge, such as ``coin_flip_rows(recorded_probes())``.

    Returns
    -------
    plotly.graph_objects.Figure
        Dots with two standard errors to each side; a dotted line at ln V.

    Raises
    ------
    ValueError
        If there is no row with a loss.
    """
    rows = [row for row in rows if row.loss == row.loss]
    require(len(rows) > 0, "rows", len(rows), "at least one run with a loss")
    kinds = list(dict.fromkeys(row.kind for row in rows))
    note = "nats per token on fresh flips, one dot a seed"
    figure = new_rows("Loss on coin flips", note, kinds, "nats per token")
    marks = {
        "below guessing": (LIGHT.pick, "circle"),
        "not below guessing": (LIGHT.quiet, "circle-open"),
    }
    for name, mark in marks.items():
        points = [
            (kinds.index(row.kind), _two_errors(row))
            for row in rows
            if row.sees_the_future == (name == "below guessing")
        ]
        if points:
            add_dots(figure, name, points, mark=mark, digits=5)
    add_reference(figure, rows[0].floor, f"ln V = {rows[0].floor:.4f}, guessing")
    encoding = f"Dots of the loss of {', '.join(kinds)}; dotted, the loss of guessing."
    return explain(figure, _finding(rows), encoding)


def _two_errors(row: CoinFlipRow) -> Interval:
    return Interval(row.loss, row.loss - 2 * row.stderr, row.loss + 2 * row.stderr)


def _finding(rows: Sequence[CoinFlipRow]) -> str:
    """Name those below guessing with their distance, and how near all others are to it."""
    seeing = [row for row in rows if row.sees_the_future]
    others = [row for row in rows if not row.sees_the_future]
    said = "No kind gets below guessing."
    if seeing:
        kinds = ", ".join(dict.fromkeys(row.kind for row in seeing))
        least = min(row.stderrs_below for row in seeing)
        runs = f"{plural(len(seeing), 'run')} of {kinds}"
        said = f"Below guessing by {least:.0f} standard errors or more: {runs}."
    if others:
        kinds = ", ".join(dict.fromkeys(row.kind for row in others))
        far = max(abs(row.below) for row in others)
        said += f" Within {far:.4f} nats of it: {kinds}."
    return said
