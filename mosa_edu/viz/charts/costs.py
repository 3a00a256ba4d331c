"""What a head costs as the text grows."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.viz.charts.base import explain, new_figure, percent
from mosa_edu.viz.charts.lines import add_lines, value_axis


def cost_vs_length(
    lengths: Sequence[int], costs: Mapping[str, Sequence[float]], unit: str = "FLOPs per head"
) -> go.Figure:
    """Draw costs over the length of the text, both logarithmic.

    Parameters
    ----------
    lengths : sequence of int
        Tokens T, ascending, at least two.
    costs : mapping of str to sequence of float
        By kind of head, one positive number for each length, as `mosa_edu.costs` counts them.
        The first kind is the reference that the caption compares with.
    unit : str
        What is counted.

    Returns
    -------
    plotly.graph_objects.Figure
        One line a kind.

    Raises
    ------
    ValueError
        If lengths do not ascend, or a cost is missing or not positive.
    """
    ascending = len(lengths) >= 2 and all(np.diff(lengths) > 0)
    require(ascending, "lengths", list(lengths), "at least two numbers, ascending")
    require(len(costs) > 0, "costs", dict(costs), "numbers for at least one kind of head")
    for kind, values in costs.items():
        known = len(values) == len(lengths) and min(values) > 0
        require(known, f"costs[{kind!r}]", list(values), f"{len(lengths)} positive numbers")
    figure = new_figure(f"{unit[0].upper()}{unit[1:]}", "over the length of the text", 380)
    across = {**value_axis("tokens T", log=True), "range": np.log10([lengths[0], lengths[-1]])}
    ticks = {"tickvals": list(lengths), "ticktext": [f"{n:,}" for n in lengths]}
    figure.update_layout(xaxis={**across, **ticks}, yaxis=value_axis("", log=True))
    x = np.array(lengths, dtype=np.int32)
    lines = {kind: (x, np.array(values, dtype=np.float64)) for kind, values in costs.items()}
    add_lines(figure, lines, f"%{{y:.3s}} {unit}<br>at T = %{{x}}")
    encoding = f"Lines of {unit} over the tokens of the text: {', '.join(costs)}."
    return explain(figure, _cost_finding(lengths, costs, unit), encoding)


def _cost_finding(lengths: Sequence[int], costs: Mapping[str, Sequence[float]], unit: str) -> str:
    """Compare every kind with the first, at the shortest and the longest text."""
    reference, *others = costs
    first, last = f"{lengths[0]:,}", f"{lengths[-1]:,}"
    if not others:
        growth = costs[reference][-1] / costs[reference][0]
        return f"From {first} to {last} tokens, {unit} of {reference} grow {growth:,.0f} times."
    said = [
        f"{kind} {percent(costs[kind][0], costs[reference][0])} and "
        f"{percent(costs[kind][-1], costs[reference][-1])}"
        for kind in others
    ]
    return (
        f"{unit[0].upper()}{unit[1:]} as a share of {reference}, at {first} and at {last} tokens: "
        f"{'; '.join(said)}."
    )
