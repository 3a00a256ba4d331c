"""What the FLOPs of one head are spent on."""

from collections.abc import Mapping

import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.costs import HeadFlops
from mosa_edu.viz.charts.base import explain, new_figure, percent
from mosa_edu.viz.charts.lines import value_axis
from mosa_edu.viz.style import LIGHT

PARTS = {
    "attention": LIGHT.pick,
    "projections": LIGHT.dense,
    "scores and gates": LIGHT.cursor,
}
"""From the bottom up."""


def cost_parts(dense: HeadFlops, sparse: Mapping[int, HeadFlops]) -> go.Figure:
    """Draw the shares of attention, projections and routing in the cost of heads.

    Parameters
    ----------
    dense : HeadFlops
        Cost of a dense head: the first bar.
    sparse : mapping of int to HeadFlops
        Costs of sparse heads by their sparsity, ascending, at least one.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar of 100 % a head.

    Raises
    ------
    ValueError
        If there is no sparse head, or a head costs nothing.
    """
    require(len(sparse) > 0, "sparse", dict(sparse), "at least one head")
    heads = {"dense": dense} | {str(sparsity): cost for sparsity, cost in sparse.items()}
    for name, cost in heads.items():
        require(cost.total > 0, f"cost of {name}", cost, "more than 0 FLOPs")
    figure = new_figure("Where the FLOPs of a head go", "share of each part, in percent", 360)
    figure.update_layout(
        **{"barmode": "stack", "bargap": 0.25, "margin_r": 116},
        xaxis={**value_axis("sparsity"), "type": "category", "showgrid": False, "dtick": 1},
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
    encoding = f"Stacked bars, dense and sparsity {', '.join(list(heads)[1:])}: {', '.join(PARTS)}."
    return explain(figure, _parts_finding(dense, sparse), encoding)


def _spent(cost: HeadFlops) -> dict[str, int]:
    routing = cost.scoring + cost.gating
    spent = cost.attention, cost.projections, routing
    return dict(zip(PARTS, spent, strict=True))


def _parts_finding(dense: HeadFlops, sparse: Mapping[int, HeadFlops]) -> str:
    """Say what the dense head and the sparsest one spend."""
    sparsest = max(sparse)
    return (
        f"Of its FLOPs a dense head spends {_shares(dense)}; "
        f"at sparsity {sparsest} a head spends {_shares(sparse[sparsest])}."
    )


def _shares(cost: HeadFlops) -> str:
    spent = _spent(cost)
    return ", ".join(f"{percent(n, cost.total)} on {part}" for part, n in spent.items() if n)
