"""What later tokens are worth: losses on coin flips, and gains under the three scores."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.analysis import AblationRow, CoinFlipRow, Interval
from mosa_edu.analysis.held_out import NO_INTEREST, Experiment
from mosa_edu.checks import require
from mosa_edu.records.scores import NONCAUSAL, SWAPPED_SUFFIX
from mosa_edu.viz.base import explain, new_figure
from mosa_edu.viz.charts.parts import (
    MARKS,
    add_dots,
    add_legend,
    add_reference,
    new_rows,
    value_axis,
)
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
        seeds = [row.gained[way].stacked().mean(axis=1).tolist() for row in rows]
        shift = 0.22 * (place - 1)
        add_dots(figure, name, points, mark=(mark[0], mark[1]), shift=shift, seeds=seeds)
    add_legend(figure)
    add_reference(figure, 0.0, "")
    drawn = f"Dots of gains with intervals: {', '.join(names)}; dotted, no gain."
    return explain(figure, drawn, caption)


def forest_plot(found: Experiment, on: str = "dense", caption: str = "") -> go.Figure:
    """Draw what each arm gains on another: as the paper scores it, and without the future.

    One row an arm, best first; a line is a 95 % interval, small dots are seeds, and the band is the
    margin within which a difference is of no interest.
    """
    arms = [kind for kind in found.arms if kind != on]
    require(len(arms) > 0, "found", list(found.arms), f"an arm beside {on}")
    arms.sort(key=lambda kind: -found.gain(kind, on).mean)
    names = [ARMS.get(kind, kind.replace("_", " ")) for kind in arms]
    note = f"nats per token, {len(found.seeds)} seeds; 95 % intervals"
    figure = new_rows(f"Gain on {ARMS.get(on, on)}", note, names, "nats per token")
    figure.add_vrect(
        **{"x0": -NO_INTEREST, "x1": NO_INTEREST, "line_width": 0, "layer": "below"},
        fillcolor=LIGHT.quiet,
        opacity=0.12,
    )
    for evaluation, shift in ((NONCAUSAL, -0.14), (SWAPPED_SUFFIX, 0.14)):
        rows = [
            (place, kind)
            for place, kind in enumerate(arms)
            if evaluation == NONCAUSAL or found.arms[kind].leaks
        ]
        base = found.mean_losses(on)
        name, colour, symbol = MARKS[evaluation]
        add_dots(
            figure,
            name,
            [(place, found.gain(kind, on, evaluation)) for place, kind in rows],
            mark=(colour, symbol),
            shift=shift,
            seeds=[(base - found.mean_losses(kind, evaluation)).tolist() for _, kind in rows],
        )
    add_legend(figure)
    add_reference(figure, 0.0, "no gain")
    drawn = f"Dots of gains with intervals: {', '.join(names)}; dotted, no gain."
    return explain(figure, drawn, caption)


ARMS = {
    "dense": "2 dense heads",
    "dense_ablation": "1 dense head alone",
    "mosa": "MoSA",
    "prefix": "prefix top-k",
    "gated_random": "random slots, learned gates",
    "fixed": "every 8th token",
    "no_sink": "MoSA without token 0",
    "random": "random slots",
    "routing": "Routing",
    "local": "local heads",
    "parameter_matched": "dense, as large as MoSA",
}
"""Arms of the plan ``heads`` in words."""


def price_by_position(found: Experiment, kind: str, bins: int = 16, caption: str = "") -> go.Figure:
    """Draw what hiding the future costs, over the position in the window.

    After the last token nothing is hidden, so the price there is 0 whatever the model does: a
    dose and its response, which needs no statistics.
    """
    price = found.price_by_position(kind, SWAPPED_SUFFIX)
    T = len(price)
    require(1 <= bins <= T, "bins", bins, f"in 1..{T}")
    parts = np.array_split(np.arange(T), bins)
    figure = new_figure("Price of the future by position", f"nats per token, T = {T}", 320)
    figure.update_layout(xaxis=value_axis("position in the window"), yaxis=value_axis(""))
    figure.add_scatter(
        x=[float(part.mean()) for part in parts] + [T - 1],
        y=[round(float(np.nanmean(price[part])), 5) for part in parts] + [round(price[-1], 5)],
        **{"mode": "lines+markers", "showlegend": False},
        **{"line": {"color": LIGHT.pick, "width": 2}, "marker": {"size": 6}},
        hovertemplate="positions around %{x:.0f}: %{y:.4f} nats<extra></extra>",
    )
    drawn = f"A line of the price over positions, mean of {bins} ranges, and of the last one."
    return explain(figure, drawn, caption)
