"""Perplexity against parameters: what a comparison at equal FLOPs leaves free."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.viz.charts.base import explain, new_figure, plural
from mosa_edu.viz.charts.lines import value_axis
from mosa_edu.viz.style import LIGHT

Point = tuple[float, float]


def perplexity_vs_parameters(
    dense: Mapping[str, Point], hybrids: Mapping[str, Sequence[Point]]
) -> go.Figure:
    """Draw models by parameters and perplexity, those of equal FLOPs joined to a line.

    Parameters
    ----------
    dense : mapping of str to (float, float)
        Parameters and perplexity of the dense models by name, smallest first, at least two.
    hybrids : mapping of str to sequence of (float, float)
        Those that cost the FLOPs of the dense model of that name, by rising sparsity.

    Returns
    -------
    plotly.graph_objects.Figure
        Two logarithmic axes; dense models black, hybrids blue.

    Raises
    ------
    ValueError
        If there are fewer than two dense models, or hybrids of a model that is not among them.
    """
    require(len(dense) >= 2, "dense", list(dense), "at least two models")
    require(hybrids.keys() <= dense.keys(), "hybrids", list(hybrids), f"among {list(dense)}")
    figure = new_figure(
        "Perplexity against parameters", "blue lines: equal FLOPs, rising sparsity", 420
    )
    figure.update_layout(**_axes(dense, hybrids))
    for name, points in hybrids.items():
        _line(figure, f"{name}, MoSA", [dense[name], *points], LIGHT.pick, "dot", 5)
    _line(figure, "dense", list(dense.values()), LIGHT.ink, "solid", 8)
    for name, (size, perplexity) in dense.items():
        figure.add_annotation(
            **{"text": name, "x": np.log10(size), "y": np.log10(perplexity)},
            **{"showarrow": False, "xanchor": "right", "yanchor": "top", "xshift": -4},
        )
    encoding = f"Black dots, dense models: {', '.join(dense)}. Blue lines from each, its hybrids."
    return explain(figure, _finding(dense, hybrids), encoding)


def _line(
    figure: go.Figure, name: str, points: Sequence[Point], colour: str, dash: str, size: int
) -> None:
    figure.add_scatter(
        **{"x": [x for x, _ in points], "y": [y for _, y in points], "name": name},
        **{"mode": "lines+markers", "line": {"color": colour, "dash": dash, "width": 2}},
        marker={"color": colour, "size": size},
        hovertemplate=f"<b>{name}</b><br>%{{x:.3s}} parameters<br>perplexity %{{y}}<extra></extra>",
    )


def _axes(
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


def _finding(dense: Mapping[str, Point], hybrids: Mapping[str, Sequence[Point]]) -> str:
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
