"""How much faster each change makes a layer, with what the machine's noise leaves open."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.results import Interval
from mosa_edu.viz.charts.base import explain
from mosa_edu.viz.charts.intervals import add_dots, add_legend, add_reference, new_rows
from mosa_edu.viz.style import LIGHT

MARKS = {
    "forward": (LIGHT.pick, "circle"),
    "forward + backward": (LIGHT.ink, "diamond-open"),
}


def step_speed(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Draw how many times faster than the straight way a layer is after each change.

    Parameters
    ----------
    rows : sequence of mapping
        Of a ``bench-steps`` record, all of one size; the first step is the straight way.

    Returns
    -------
    plotly.graph_objects.Figure
        One row a step, one dot a pass with the quartiles of its rounds; a dotted line at 1.

    Raises
    ------
    ValueError
        If there is no row, or rows are of several sizes.
    """
    sizes = {(row["batch"], row["T"], row["sparsity"]) for row in rows}
    require(len(sizes) == 1, "rows", sorted(sizes), "of one size")
    ((batch, T, sparsity),) = sizes
    steps = list(dict.fromkeys(row["step"] for row in rows))
    names = [steps[0], *(f"+ {step}" for step in steps[1:-1]), steps[-1]]
    texts = "1 text" if batch == 1 else f"{batch} texts"
    note = f"{texts} of {T:,} tokens, sparsity {sparsity}; medians, quartiles"
    figure = new_rows("Faster, change by change", note, names, "times as fast as the straight way")
    shifts = dict(zip(MARKS, (-0.13, 0.13), strict=True))
    for which, mark in MARKS.items():
        found = {row["step"]: row for row in rows if row["pass"] == which}
        points = [
            (number, Interval(row["ratio"], row["ratio_low"], row["ratio_high"]))
            for number, row in enumerate(found[step] for step in steps[1:])
        ]
        moved = [(number + 1, interval) for number, interval in points]
        add_dots(figure, which, moved, mark=mark, shift=shifts[which], digits=2)
    add_legend(figure)
    add_reference(figure, 1.0, "")
    encoding = f"Dots of times as fast, with quartiles: {', '.join(names)}; dotted, as fast."
    return explain(figure, _finding(rows, T, sparsity), encoding)


def _finding(rows: Sequence[Mapping[str, Any]], T: int, sparsity: int) -> str:
    """Say what all changes reach together, and which one does most, pass by pass."""
    said = []
    for which in MARKS:
        found = [row for row in rows if row["pass"] == which]
        best = max(found[1:-1], key=lambda row: row["gain"])
        last = found[-1]
        said.append(
            f"{which} {last['ratio']:.2f} times as fast "
            f"[{last['ratio_low']:.2f}, {last['ratio_high']:.2f}], "
            f"the largest step “{best['step']}” ({best['gain']:.2f})"
        )
    return f"At T = {T:,}, sparsity {sparsity}, all changes together: {'; '.join(said)}."
