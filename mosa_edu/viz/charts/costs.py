"""What heads and models cost: over the length, the sparsity, and beside what they reach."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.costs import HeadFlops
from mosa_edu.viz.base import AXIS, explain, new_figure
from mosa_edu.viz.charts.parts import add_level, add_lines, check_lines, log_axis, over, value_axis
from mosa_edu.viz.style import LIGHT

PARTS = {
    "attention": LIGHT.pick,
    "projections": LIGHT.dense,
    "scores and gates": LIGHT.cursor,
}
"""From the bottom up."""
ROW = 44  # pixels
Point = tuple[float, float]


def cost_vs_length(
    lengths: Sequence[int],
    costs: Mapping[str, Sequence[float]],
    unit: str = "FLOPs per head",
    caption: str = "",
) -> go.Figure:
    """Draw costs over the length of the text, both logarithmic.

    Parameters
    ----------
    lengths : sequence of int
        Tokens T, ascending, at least two.
    costs : mapping of str to sequence of float
        By kind of head, one positive number for each length, as `mosa_edu.costs` counts them.
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
    check_lines("lengths", lengths, costs, "costs")
    figure = new_figure(f"{unit[0].upper()}{unit[1:]}", "over the length of the text", 380)
    across = log_axis("tokens T", lengths[0], lengths[-1], lengths)
    figure.update_layout(xaxis=across, yaxis=value_axis("", log=True))
    add_lines(figure, over(lengths, costs), f"%{{y:.3s}} {unit}<br>at T = %{{x}}")
    drawn = f"Lines of {unit} over the tokens of the text: {', '.join(costs)}."
    return explain(figure, drawn, caption)


def cost_parts(dense: HeadFlops, sparse: Mapping[int, HeadFlops], caption: str = "") -> go.Figure:
    """Draw the shares of attention, projections and routing in the cost of heads, by sparsity."""
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
    drawn = f"Stacked bars, dense and sparsity {', '.join(list(heads)[1:])}: {', '.join(PARTS)}."
    return explain(figure, drawn, caption)


def _spent(cost: HeadFlops) -> dict[str, int]:
    spent = cost.attention, cost.projections, cost.scoring + cost.gating
    return dict(zip(PARTS, spent, strict=True))


def equal_flops(
    sparsities: Sequence[int], multiples: Mapping[str, Sequence[float]], caption: str = ""
) -> go.Figure:
    """Draw quantities of models with equal FLOPs as multiples of the dense model's."""
    check_lines("sparsities", sparsities, multiples, "multiples")
    figure = new_figure("At equal FLOPs", "multiples of the dense model, over the sparsity", 380)
    joined = [value for values in multiples.values() for value in values]
    low, high = min(0.8, min(joined) / 1.2), max(1.25, max(joined) * 1.2)
    figure.update_layout(
        xaxis=log_axis("sparsity", sparsities[0], sparsities[-1], sparsities),
        yaxis=log_axis("", low, high, text="{}\N{NO-BREAK SPACE}times"),
    )
    add_lines(figure, over(sparsities, multiples), "%{y:.3g} times dense<br>at sparsity %{x}")
    add_level(figure, 1)
    drawn = f"Lines over the sparsity: {', '.join(multiples)}; dotted, the dense model."
    return explain(figure, drawn, caption)


def kv_pairs(models: Mapping[str, tuple[int, int]], caption: str = "") -> go.Figure:
    """Draw what dense and MoSA heads of some models store after a text."""
    require(len(models) >= 2, "models", list(models), "at least two")
    height = 100 + ROW * len(models)
    figure = new_figure("Pairs to store", "a layer, by dense heads and MoSA heads", height)
    figure.update_layout(
        **{"barmode": "stack", "bargap": 0.35},
        xaxis={**value_axis("key-value pairs"), "rangemode": "tozero"},
        yaxis={**AXIS, "autorange": "reversed"},
    )
    for number, (heads, colour) in enumerate({"dense": LIGHT.dense, "MoSA": LIGHT.pick}.items()):
        figure.add_bar(
            x=[pairs[number] for pairs in models.values()],
            y=list(models),
            name=heads,
            orientation="h",
            marker={"color": colour},
            hovertemplate=f"<b>%{{y}}</b><br>{heads} heads %{{x:,}} pairs<extra></extra>",
        )
    drawn = f"Bars, grey for dense heads and blue for MoSA heads: {', '.join(models)}."
    return explain(figure, drawn, caption)


def perplexity_vs_parameters(
    dense: Mapping[str, Point], hybrids: Mapping[str, Sequence[Point]], caption: str = ""
) -> go.Figure:
    """Draw models by parameters and perplexity, those of equal FLOPs joined to a line."""
    require(len(dense) >= 2, "dense", list(dense), "at least two models")
    require(hybrids.keys() <= dense.keys(), "hybrids", list(hybrids), f"among {list(dense)}")
    figure = new_figure(
        "Perplexity against parameters", "blue lines: equal FLOPs, rising sparsity", 420
    )
    points = [*dense.values(), *(point for line in hybrids.values() for point in line)]
    for axis, title, number, digits in (
        ("xaxis", "parameters", 0, (1, 3)),
        ("yaxis", "perplexity", 1, (1, 1.2, 1.5, 2, 3, 5)),
    ):
        low, high = (extreme(point[number] for point in points) for extreme in (min, max))
        steps = [n * 10**power for power in range(12) for n in digits]
        ticks = [n for n in steps if low / 1.3 < n < high * 1.2]
        shown = {**value_axis(title, log=True), "tickvals": ticks, "tickformat": ".2~s"}
        figure.layout[axis] = {**shown, "range": np.log10([low / 1.35, high * 1.2])}
    for name, line in hybrids.items():
        _add_models(figure, f"{name}, MoSA", [dense[name], *line], LIGHT.pick, "dot", 5)
    _add_models(figure, "dense", list(dense.values()), LIGHT.ink, "solid", 8)
    for name, (size, perplexity) in dense.items():
        figure.add_annotation(
            **{"text": name, "x": np.log10(size), "y": np.log10(perplexity)},
            **{"showarrow": False, "xanchor": "right", "yanchor": "top", "xshift": -4},
        )
    drawn = f"Black dots, dense models: {', '.join(dense)}. Blue lines from each, its hybrids."
    return explain(figure, drawn, caption)


def _add_models(
    figure: go.Figure, name: str, points: Sequence[Point], colour: str, dash: str, size: int
) -> None:
    figure.add_scatter(
        **{"x": [x for x, _ in points], "y": [y for _, y in points], "name": name},
        **{"mode": "lines+markers", "line": {"color": colour, "dash": dash, "width": 2}},
        marker={"color": colour, "size": size},
        hovertemplate=f"<b>{name}</b><br>%{{x:.3s}} parameters<br>perplexity %{{y}}<extra></extra>",
    )
