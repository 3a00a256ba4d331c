"""What several charts draw: axes of numbers, named lines, dots with intervals, references."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.analysis import Interval
from mosa_edu.checks import require
from mosa_edu.head_kinds import HEAD_KINDS
from mosa_edu.viz.base import AXIS, new_figure
from mosa_edu.viz.style import LIGHT, SIZES


def value_axis(title: str, log: bool = False) -> dict[str, Any]:
    """Return an axis of numbers with hairlines."""
    grid = {"showgrid": True, "gridcolor": LIGHT.rule, "gridwidth": 1, "nticks": 6}
    text = {"text": title, "font": {"size": SIZES["note"], "color": LIGHT.ink2}, "standoff": 8}
    kind = {"type": "log", "dtick": 1, "exponentformat": "SI"} if log else {"type": "linear"}
    return {**AXIS, **grid, **kind, "title": text}


def log_axis(
    title: str, low: float, high: float, ticks: Sequence[float] | None = None, text: str = "{}"
) -> dict[str, Any]:
    """Return a logarithmic axis from `low` to `high`, with ticks at 1, 2, 5, 10 ... or as given."""
    ticks = round_numbers(low, high) if ticks is None else ticks
    names = {"tickvals": list(ticks), "ticktext": [text.format(written(tick)) for tick in ticks]}
    return {**value_axis(title, log=True), **names, "range": np.log10([low, high])}


def round_numbers(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten from `low` to `high`.

    >>> round_numbers(0.15, 6)
    [0.2, 0.5, 1.0, 2.0, 5.0]
    """
    numbers = (digit * 10.0**power for power in range(-3, 13) for digit in (1, 2, 5))
    return [round(number, 3) for number in numbers if low <= number <= high]


def written(number: float) -> str:
    """Write a number without an exponent and without zeros at its end.

    >>> written(2e9), written(0.5)
    ('2,000,000,000', '0.5')
    """
    return f"{number:,.3f}".rstrip("0").rstrip(".")


def check_lines(
    what: str, places: Sequence[int], lines: Mapping[str, Sequence[float]], names: str
) -> None:
    """Refuse lines that no logarithmic axes can show."""
    ascending = len(places) >= 2 and all(np.diff(places) > 0)
    require(ascending, what, list(places), "at least two numbers, ascending")
    require(len(lines) > 0, names, dict(lines), "at least one line")
    for name, values in lines.items():
        known = len(values) == len(places) and min(values) > 0
        require(known, f"{names}[{name!r}]", list(values), f"{len(places)} positive numbers")


def add_level(
    figure: go.Figure, value: float, text: str = "", axis: str = "y", **place: Any
) -> None:
    """Draw a dotted line across at a value; its name stands above its right end."""
    line = {"color": LIGHT.ink, "width": 1, "dash": "dot"}
    across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value}
    figure.add_shape(**across, yref=axis, line=line)
    if text:
        end = {"xref": "paper", "x": 1, "xanchor": "right", "yanchor": "bottom", **place}
        font = {"color": LIGHT.ink2}
        figure.add_annotation(text=text, y=value, showarrow=False, font=font, **end)


def over(
    places: Sequence[int], lines: Mapping[str, Sequence[float]]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return lines over the same places, each as (x, y)."""
    x = np.array(places, dtype=np.int32)
    return {name: (x, np.array(y, dtype=np.float64)) for name, y in lines.items()}


DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
NAME_HEIGHT = 15  # pixels


def line_styles(names: Sequence[str]) -> list[dict[str, Any]]:
    """Choose a line for each name: MoSA blue, dense black, all others grey in their own dash."""
    styles, used = [], {LIGHT.pick: 0, LIGHT.ink: 0, LIGHT.quiet: 1}
    for name in names:
        kind = name.lower().replace("_", " ").replace("-", " ").split()
        known = HEAD_KINDS.get(kind[0]) if kind else None
        colour = getattr(LIGHT, known.colour if known else "quiet")
        dash = DASHES[used[colour] % len(DASHES)]
        used[colour] += 1
        styles.append({"color": colour, "dash": dash, "width": 2})
    return styles


def add_lines(
    figure: go.Figure,
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]],
    hovertemplate: str,
    details: Mapping[str, Sequence[Sequence[float | None]]] | None = None,
) -> None:
    """Add lines of (x, y), each named at its right end; `details` are customdata by name."""
    styles = line_styles(list(lines))
    for (name, (x, y)), style in zip(lines.items(), styles, strict=True):
        figure.add_scatter(
            **{"x": x, "y": y, "name": name, "mode": "lines", "line": style},
            hovertemplate=f"<b>{name}</b><br>{hovertemplate}<extra></extra>",
            customdata=details[name] if details else None,
        )
    log = [figure.layout[axis].type == "log" for axis in ("xaxis", "yaxis")]
    ends = [(float(x[-1]), last_finite(y)) for x, y in lines.values()]
    for name, style, end, shift in zip(lines, styles, ends, _shifts(figure, lines), strict=True):
        # Annotations on logarithmic axes are placed by the logarithm.
        at = [float(np.log10(v)) if by_log else v for v, by_log in zip(end, log, strict=True)]
        figure.add_annotation(
            text=name,
            font={"color": LIGHT.ink2 if style["color"] == LIGHT.quiet else style["color"]},
            **{"showarrow": False, "xanchor": "left", "xshift": 6, "yshift": shift},
            **{"x": at[0], "y": at[1]},
        )
    longest = max(len(name) for name in lines)
    figure.update_layout(margin_r=16 + int(6.6 * longest))


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


ROW = 34  # pixels

MARKS = {
    "full": ("full score", LIGHT.pick, "circle"),
    "prefix": ("prefix only", LIGHT.ink, "diamond-open"),
    "foreign": ("foreign future", LIGHT.cursor, "square-open"),
}
"""How a gain under each score is drawn."""


def new_rows(heading: str, note: str, names: Sequence[str], title: str) -> go.Figure:
    """Make a figure with one row for each name, from top to bottom."""
    figure = new_figure(heading, note, 150 + ROW * len(names))
    rows = {"tickvals": list(range(len(names))), "ticktext": list(names), "tickmode": "array"}
    figure.update_layout(
        xaxis=value_axis(title),
        yaxis={**AXIS, **rows, "range": [len(names) - 0.5, -0.5]},
        **{"margin_r": 24, "margin_t": 84},
    )
    return figure


def add_dots(
    figure: go.Figure,
    name: str,
    points: Sequence[tuple[int, Interval]],
    *,
    mark: tuple[str, str],
    shift: float = 0.0,
    digits: int = 3,
    seeds: Sequence[Sequence[float]] = (),
) -> None:
    """Add dots of one meaning, each with a line from its lower to its upper bound.

    An infinite interval has no line. With `seeds`, the values behind each dot are small dots.
    """
    names = figure.layout.yaxis.ticktext
    if seeds:
        figure.add_scatter(
            x=[round(value, 6) for values in seeds for value in values],
            y=[row + shift for (row, _), values in zip(points, seeds, strict=True) for _ in values],
            mode="markers",
            marker={"color": mark[0], "symbol": "circle", "size": 4, "opacity": 0.45},
            hoverinfo="skip",
            showlegend=False,
        )
    # Rounded: the last bits differ from one processor to another, and pages store them.
    found = [Interval(*np.round([i.mean, i.low, i.high], 6).tolist()) for _, i in points]
    ends = [(i.low, i.high) if math.isfinite(i.half) else (i.mean, i.mean) for i in found]
    number = f".{digits}f"
    figure.add_scatter(
        x=[interval.mean for interval in found],
        y=[row + shift for row, _ in points],
        text=[names[row] for row, _ in points],
        customdata=[bounds(interval) for interval in found],
        mode="markers",
        name=name,
        marker={"color": mark[0], "symbol": mark[1], "size": 9},
        error_x={
            **{"type": "data", "symmetric": False, "color": mark[0], "thickness": 1.5, "width": 3},
            "array": [round(high - i.mean, 6) for i, (_, high) in zip(found, ends, strict=True)],
            "arrayminus": [round(i.mean - low, 6) for i, (low, _) in zip(found, ends, strict=True)],
        },
        hovertemplate=f"<b>%{{text}}</b>, {name}<br>%{{x:{number}}} "
        f"[%{{customdata[0]:{number}}}, %{{customdata[1]:{number}}}]<extra></extra>",
    )


def bounds(found: Interval) -> list[float | None]:
    """Return the bounds of an interval for a page: JSON has no word for infinity."""
    return [found.low, found.high] if math.isfinite(found.half) else [None, None]


def add_reference(figure: go.Figure, value: float, text: str) -> None:
    """Draw a dotted line up through all rows, with its name above it."""
    line = {"color": LIGHT.ink, "width": 1, "dash": "dot"}
    up = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": value, "x1": value}
    figure.add_shape(**up, line=line, layer="below")
    figure.add_annotation(
        **{"text": text, "x": value, "yref": "paper", "y": 1, "yanchor": "bottom"},
        showarrow=False,
        font={"color": LIGHT.ink2},
    )


def add_legend(figure: go.Figure) -> None:
    """Name the marks below the figure, which grows by as much.

    On a phone the names take two lines, and a figure of one row must still have room above them.
    """
    place = {"orientation": "h", "x": 0, "xref": "container", "xanchor": "left"}
    below = {"y": 0, "yref": "container", "yanchor": "bottom"}
    taller = figure.layout.height + 64
    figure.update_layout(showlegend=True, legend={**place, **below}, margin_b=64, height=taller)
