"""Lines with their names at their ends: colours by meaning, a dash as the second channel."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.viz.charts.base import AXIS
from mosa_edu.viz.style import LIGHT, SIZES

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
NAME_HEIGHT = 15  # pixels


def line_styles(names: Sequence[str]) -> list[dict[str, Any]]:
    """Choose a line for each name: MoSA blue, dense black, all others grey in their own dash.

    Parameters
    ----------
    names : sequence of str
        Names of runs or of kinds of heads; the first word decides.

    Returns
    -------
    list of dict
        `color`, `dash` and `width` of a Plotly line.
    """
    styles, used = [], {LIGHT.pick: 0, LIGHT.ink: 0, LIGHT.quiet: 1}
    for name in names:
        kind = name.lower().replace("_", " ").replace("-", " ").split()
        colour = LIGHT.quiet
        if kind and kind[0] in ("mosa", "dense"):
            colour = LIGHT.pick if kind[0] == "mosa" else LIGHT.ink
        dash = DASHES[used[colour] % len(DASHES)]
        used[colour] += 1
        styles.append({"color": colour, "dash": dash, "width": 2})
    return styles


def add_lines(
    figure: go.Figure,
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]],
    hovertemplate: str,
) -> None:
    """Add lines, each with its name at its right end.

    Parameters
    ----------
    figure : Figure
        Changed in place; its height must be set.
    lines : mapping of str to (x, y)
        Values by name, at least one of them finite.
    hovertemplate : str
        What the pointer reads, after the name.
    """
    styles = line_styles(list(lines))
    for (name, (x, y)), style in zip(lines.items(), styles, strict=True):
        figure.add_scatter(
            **{"x": x, "y": y, "name": name, "mode": "lines", "line": style},
            hovertemplate=f"<b>{name}</b><br>{hovertemplate}<extra></extra>",
        )
    ends = [(float(x[-1]), last_finite(y)) for x, y in lines.values()]
    for name, style, end, shift in zip(lines, styles, ends, _shifts(figure, lines), strict=True):
        figure.add_annotation(
            text=name,
            font={"color": LIGHT.ink2 if style["color"] == LIGHT.quiet else style["color"]},
            **{"showarrow": False, "xanchor": "left", "xshift": 6, "yshift": shift},
            x=_place(end[0], figure.layout.xaxis.type),
            y=_place(end[1], figure.layout.yaxis.type),
        )
    longest = max(len(name) for name in lines)
    figure.update_layout(margin_r=16 + int(6.6 * longest))


def value_axis(title: str, log: bool = False) -> dict[str, Any]:
    """Return an axis of numbers with hairlines.

    Parameters
    ----------
    title : str
        What is measured, with its unit.
    log : bool
        Logarithmic.

    Returns
    -------
    dict
        For a Plotly layout.
    """
    grid = {"showgrid": True, "gridcolor": LIGHT.rule, "gridwidth": 1, "nticks": 6}
    text = {"text": title, "font": {"size": SIZES["note"], "color": LIGHT.ink2}, "standoff": 8}
    kind = {"type": "log", "dtick": 1, "exponentformat": "SI"} if log else {"type": "linear"}
    return {**AXIS, **grid, **kind, "title": text}


def last_finite(values: np.ndarray) -> float:
    """Return the last value that is a number; NaN if there is none."""
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else float("nan")


def _shifts(figure: go.Figure, lines: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """Move names apart that would overlap: pixels upwards for each, in the order of `lines`."""
    log = figure.layout.yaxis.type == "log"
    values = [np.log10(y) if log else y for _, y in lines.values()]
    low, high = _range(figure, values)
    pixels = figure.layout.height - figure.layout.margin.t - 60
    places = [(last_finite(y) - low) / (high - low or 1) * pixels for y in values]
    return [new - old for new, old in zip(_apart(places), places, strict=True)]


def _apart(places: list[float]) -> list[float]:
    """Move places as little as can be (least squares) so that names do not overlap."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    groups: list[list[int]] = []  # neighbours that touch, lowest first
    means: list[float] = []  # where each group would have its lowest name
    for rank, index in enumerate(order):
        groups.append([index])
        means.append(places[index] - rank * NAME_HEIGHT)
        while len(means) > 1 and means[-2] > means[-1]:
            last, mean = groups.pop(), means.pop()
            before = len(groups[-1])
            means[-1] = (means[-1] * before + mean * len(last)) / (before + len(last))
            groups[-1] += last
    moved = [0.0] * len(places)
    levels = [mean for group, mean in zip(groups, means, strict=True) for _ in group]
    for rank, (index, level) in enumerate(zip(order, levels, strict=True)):
        moved[index] = level + rank * NAME_HEIGHT
    return moved


def _range(figure: go.Figure, values: list[np.ndarray]) -> tuple[float, float]:
    if figure.layout.yaxis.range is not None:
        low, high = figure.layout.yaxis.range
        return float(low), float(high)
    joined = np.concatenate(values)
    return float(np.nanmin(joined)), float(np.nanmax(joined))


def _place(value: float, kind: str) -> float:
    """Annotations on logarithmic axes are placed by the logarithm."""
    return float(np.log10(value)) if kind == "log" else value
