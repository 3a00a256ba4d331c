"""What the FLOPs of one head are spent on."""

from collections.abc import Mapping

import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.costs import HeadFlops
from mosa_edu.viz.charts.base import AXIS, explain, new_figure, percent
from mosa_edu.viz.charts.lines import value_axis
from mosa_edu.viz.style import LIGHT

PARTS = {"attention": LIGHT.pick, "projections": LIGHT.dense, "router": LIGHT.cursor}
"""From the bottom up, with their colours; the router scores all tokens and gates the kept ones."""


def cost_parts(heads: Mapping[str, HeadFlops]) -> go.Figure:
    """Draw the shares of attention, projections and router in the cost of heads.

    Parameters
    ----------
    heads : mapping of str to HeadFlops
        Costs by the name of the head, from left to right, at least two.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar of 100 % a head.

    Raises
    ------
    ValueError
        If there are fewer than two heads, or one costs nothing.
    """
    require(len(heads) >= 2, "heads", list(heads), "at least two")
    for name, cost in heads.items():
        require(cost.total > 0, f"heads[{name!r}]", cost, "more than 0 FLOPs")
    figure = new_figure("Where the FLOPs of a head go", "share of each part, in percent", 340)
    figure.update_layout(
        barmode="stack",
        bargap=0.25,
        xaxis={**AXIS, "type": "category"},
        yaxis={**value_axis(""), "range": [0, 100]},
    )
    below = 0.0
    for part, colour in PARTS.items():
        shares = [100 * _spent(cost)[part] / cost.total for cost in heads.values()]
        figure.add_bar(
            x=list(heads),
            y=[round(share, 2) for share in shares],
            name=part,
            marker={"color": colour},
            hovertemplate=f"<b>%{{x}}</b><br>{part} %{{y:.3g}} %<extra></extra>",
        )
        figure.add_annotation(
            **{"text": part, "xref": "paper", "x": 1, "y": max(below + shares[-1] / 2, 3)},
            **{"showarrow": False, "xanchor": "left", "xshift": 6},
        )
        below += shares[-1]
    figure.update_layout(margin_r=92)
    encoding = f"Stacked bars for {', '.join(heads)}: {', '.join(PARTS)}, from the bottom up."
    return explain(figure, _parts_finding(heads), encoding)


def _spent(cost: HeadFlops) -> dict[str, int]:
    router = cost.scoring + cost.gating
    return {"attention": cost.attention, "projections": cost.projections, "router": router}


def _parts_finding(heads: Mapping[str, HeadFlops]) -> str:
    """Say what the first and the last head spend."""
    names = list(heads)
    said = []
    for name in (names[0], names[-1]):
        spent, total = _spent(heads[name]), heads[name].total
        said.append(", ".join(f"{part} {percent(n, total)}" for part, n in spent.items() if n))
    return f"Share of the FLOPs of a head. {names[0]}: {said[0]}. {names[-1]}: {said[1]}."
