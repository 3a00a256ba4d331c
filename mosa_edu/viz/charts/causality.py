"""What later tokens are worth: losses on coin flips, and gains under the three scores."""

from collections.abc import Sequence

import plotly.graph_objects as go

from mosa_edu.analysis import AblationRow, CoinFlipRow, Interval
from mosa_edu.checks import require
from mosa_edu.viz.base import explain
from mosa_edu.viz.charts.parts import MARKS, add_dots, add_legend, add_reference, new_rows
from mosa_edu.viz.style import LIGHT


def coin_flip_losses(rows: Sequence[CoinFlipRow], caption: str = "") -> go.Figure:
    """Draw the losses of models trained on coin flips, one row a kind, one dot a seed."""
    rows = [row for row in rows if row.loss == row.loss]  # not NaN: those have diverged
    require(len(rows) > 0, "rows", len(rows), "at least one run with a loss")
    kinds = list(dict.fromkeys(row.kind for row in rows))
    note = "nats per token on fresh flips, one dot a seed"
    figure = new_rows("Loss on coin flips", note, kinds, "nats per token")
    for name, below, mark in (
        ("below guessing", True, (LIGHT.pick, "circle")),
        ("not below guessing", False, (LIGHT.quiet, "circle-open")),
    ):
        points = [
            (
                kinds.index(row.kind),
                Interval(row.loss, row.loss - 2 * row.stderr, row.loss + 2 * row.stderr),
            )
            for row in rows
            if row.sees_the_future == below
        ]
        if points:
            add_dots(figure, name, points, mark=mark, digits=5)
    add_reference(figure, rows[0].floor, f"ln V = {rows[0].floor:.4f}, guessing")
    drawn = f"Dots of the loss of {', '.join(kinds)}; dotted, the loss of guessing."
    return explain(figure, drawn, caption)


def ablation_gains(rows: Sequence[AblationRow], caption: str = "") -> go.Figure:
    """Draw the gains of hybrids over their dense heads alone, under the three scores."""
    require(len(rows) > 0, "rows", len(rows), "at least one")
    names = [row.label for row in rows]
    note = "nats per token; 95 % intervals"
    figure = new_rows("Gain over the same dense heads alone", note, names, "nats per token")
    for place, (way, (name, *mark)) in enumerate(MARKS.items()):
        points = [(number, row.gains[way]) for number, row in enumerate(rows)]
        add_dots(figure, name, points, mark=(mark[0], mark[1]), shift=0.22 * (place - 1))
    add_legend(figure)
    add_reference(figure, 0.0, "")
    drawn = f"Dots of gains with intervals: {', '.join(names)}; dotted, no gain."
    return explain(figure, drawn, caption)
