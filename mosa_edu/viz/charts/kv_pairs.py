"""Key-value pairs of a layer, and which heads they belong to."""

from collections.abc import Mapping

import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.viz.charts.base import AXIS, explain, new_figure, percent, plural
from mosa_edu.viz.charts.lines import value_axis
from mosa_edu.viz.style import LIGHT

ROW = 44  # pixels


def kv_pairs(models: Mapping[str, tuple[int, int]]) -> go.Figure:
    """Draw what dense and MoSA heads of some models store after a text.

    Parameters
    ----------
    models : mapping of str to (int, int)
        Pairs of the dense heads and of the MoSA heads, by model; the first is what the others
        are compared with.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar a model: dense heads grey, MoSA heads blue.

    Raises
    ------
    ValueError
        If there are fewer than two models, or the first stores nothing.
    """
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
    return explain(figure, _finding(models), encoding)


def _finding(models: Mapping[str, tuple[int, int]]) -> str:
    """Compare each model with the first, and say what its MoSA heads hold."""
    (first, whole), *others = ((name, sum(pairs)) for name, pairs in models.items())
    said = [f"{first}: {plural(whole, 'pair')}"]
    for name, pairs in others:
        change = f"{percent(abs(pairs - whole), whole)} {'fewer' if pairs < whole else 'more'}"
        said.append(f"{name}: {pairs:,}, {change}, MoSA heads hold {models[name][1]:,}")
    return "; ".join(said) + "."
