"""What a head costs as the text grows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.costs import HeadFlops
from mosa_edu.viz.base import AXIS, explain, new_figure, percent, plural
from mosa_edu.viz.charts.parts import add_lines, value_axis
from mosa_edu.viz.style import LIGHT


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


PARTS = {
    "attention": LIGHT.pick,
    "projections": LIGHT.dense,
    "scores and gates": LIGHT.cursor,
}
"""From the bottom up."""


def cost_parts(dense: HeadFlops, sparse: Mapping[int, HeadFlops]) -> go.Figure:
    """Draw the shares of attention, projections and routing in the cost of heads."""
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


def equal_flops(sparsities: Sequence[int], multiples: Mapping[str, Sequence[float]]) -> go.Figure:
    """Draw quantities of models with equal FLOPs as multiples of the dense model's."""
    ascending = len(sparsities) >= 2 and all(np.diff(sparsities) > 0)
    require(ascending, "sparsities", list(sparsities), "at least two numbers, ascending")
    require(len(multiples) > 0, "multiples", dict(multiples), "at least one quantity")
    for name, values in multiples.items():
        known = len(values) == len(sparsities) and min(values) > 0
        require(known, f"multiples[{name!r}]", list(values), f"{len(sparsities)} positive numbers")
    figure = new_figure("At equal FLOPs", "multiples of the dense model, over the sparsity", 380)
    figure.update_layout(**_axes(sparsities, multiples))
    x = np.array(sparsities, dtype=np.int32)
    lines = {name: (x, np.array(line, dtype=np.float64)) for name, line in multiples.items()}
    add_lines(figure, lines, "%{y:.3g} times dense<br>at sparsity %{x}")
    figure.add_shape(
        **{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1},
        line={"color": LIGHT.ink, "width": 1, "dash": "dot"},
    )
    encoding = f"Lines over the sparsity: {', '.join(multiples)}; dotted, the dense model."
    return explain(figure, _finding(sparsities, multiples), encoding)


def _axes(sparsities: Sequence[int], multiples: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return two logarithmic axes that hold all values and 1."""
    joined = [value for values in multiples.values() for value in values]
    low, high = min(0.8, min(joined) / 1.2), max(1.25, max(joined) * 1.2)
    marks = [n for n in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= n <= high]
    x = {"tickvals": list(sparsities), "ticktext": [str(n) for n in sparsities]}
    y = {"tickvals": marks, "ticktext": [f"{n:g}\N{NO-BREAK SPACE}times" for n in marks]}
    across, up = value_axis("sparsity", log=True), value_axis("", log=True)
    return {
        "xaxis": {**across, **x, "range": np.log10([sparsities[0], sparsities[-1]])},
        "yaxis": {**up, **y, "range": np.log10([low, high])},
    }


def _finding(sparsities: Sequence[int], multiples: Mapping[str, Sequence[float]]) -> str:
    """Name the largest multiple of every quantity and where it is."""
    said = []
    for name, values in multiples.items():
        best = int(np.argmax(values))
        said.append(f"{name} up to {values[best]:.3g} times (sparsity {sparsities[best]})")
    return f"With the FLOPs of the dense model: {', '.join(said)}."


ROW = 44  # pixels


def kv_pairs(models: Mapping[str, tuple[int, int]]) -> go.Figure:
    """Draw what dense and MoSA heads of some models store after a text."""
    require(len(models) >= 2, "models", list(models), "at least two")
    first = next(iter(models))
    require(sum(models[first]) > 0, first, models[first], "a model that stores pairs")
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
    encoding = f"Bars, grey for dense heads and blue for MoSA heads: {', '.join(models)}."
    return explain(figure, _finding_kv_pairs(models), encoding)


def _finding_kv_pairs(models: Mapping[str, tuple[int, int]]) -> str:
    """Compare each model with the first, and say what its MoSA heads hold."""
    (first, whole), *others = ((name, sum(pairs)) for name, pairs in models.items())
    said = [f"{first}: {plural(whole, 'pair')}"]
    for name, pairs in others:
        change = f"{percent(abs(pairs - whole), whole)} {'fewer' if pairs < whole else 'more'}"
        said.append(f"{name}: {pairs:,}, {change}, MoSA heads hold {models[name][1]:,}")
    return "; ".join(said) + "."


Point = tuple[float, float]


def perplexity_vs_parameters(
    dense: Mapping[str, Point], hybrids: Mapping[str, Sequence[Point]]
) -> go.Figure:
    """Draw models by parameters and perplexity, those of equal FLOPs joined to a line."""
    require(len(dense) >= 2, "dense", list(dense), "at least two models")
    require(hybrids.keys() <= dense.keys(), "hybrids", list(hybrids), f"among {list(dense)}")
    figure = new_figure(
        "Perplexity against parameters", "blue lines: equal FLOPs, rising sparsity", 420
    )
    figure.update_layout(**_axes_model_sizes(dense, hybrids))
    for name, points in hybrids.items():
        _line(figure, f"{name}, MoSA", [dense[name], *points], LIGHT.pick, "dot", 5)
    _line(figure, "dense", list(dense.values()), LIGHT.ink, "solid", 8)
    for name, (size, perplexity) in dense.items():
        figure.add_annotation(
            **{"text": name, "x": np.log10(size), "y": np.log10(perplexity)},
            **{"showarrow": False, "xanchor": "right", "yanchor": "top", "xshift": -4},
        )
    encoding = f"Black dots, dense models: {', '.join(dense)}. Blue lines from each, its hybrids."
    return explain(figure, _finding_model_sizes(dense, hybrids), encoding)


def _line(
    figure: go.Figure, name: str, points: Sequence[Point], colour: str, dash: str, size: int
) -> None:
    figure.add_scatter(
        **{"x": [x for x, _ in points], "y": [y for _, y in points], "name": name},
        **{"mode": "lines+markers", "line": {"color": colour, "dash": dash, "width": 2}},
        marker={"color": colour, "size": size},
        hovertemplate=f"<b>{name}</b><br>%{{x:.3s}} parameters<br>perplexity %{{y}}<extra></extra>",
    )


def _axes_model_sizes(
    dense: Mapping[str, Point], hybrids: Mapping[str, Sequence[Point]]
) -> dict[str, dict[str, object]]:
    points = [*dense.values(), *(point for line in hybrids.values() for point in line)]
    axes = {}
    for name, title, values, digits in (
        ("xaxis", "parameters", [x for x, _ in points], (1, 3)),
        ("yaxis", "perplexity", [y for _, y in points], (1, 1.2, 1.5, 2, 3, 5)),
    ):
        low, high = min(values), max(values)
        steps = [n * 10**power for power in range(12) for n in digits]
        axis = {"tickvals": [n for n in steps if low / 1.3 < n < high * 1.2]}
        edges = np.log10([low / 1.35, high * 1.2])
        axes[name] = {**value_axis(title, log=True), **axis, "range": edges, "tickformat": ".2~s"}
    return axes


def _finding_model_sizes(dense: Mapping[str, Point], hybrids: Mapping[str, Sequence[Point]]) -> str:
    """Count hybrids above and below the line of dense models, where it reaches."""
    sizes, perplexities = (np.log(values) for values in zip(*dense.values(), strict=True))
    below = total = 0
    for size, perplexity in (point for line in hybrids.values() for point in line):
        if sizes[0] <= np.log(size) <= sizes[-1]:
            total += 1
            below += bool(np.log(perplexity) < np.interp(np.log(size), sizes, perplexities))
    gained = sum(
        perplexity < dense[name][1] for name, line in hybrids.items() for _, perplexity in line
    )
    count = sum(len(line) for line in hybrids.values())
    return (
        f"At equal FLOPs {gained} of {plural(count, 'hybrid')} are below their dense model. At "
        f"equal parameters, where the dense line reaches, {below} of {total} are."
    )
