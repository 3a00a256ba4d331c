"""The two axes of every routing figure: tokens across, heads down."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.analysis import Interval
from mosa_edu.checks import require
from mosa_edu.head_kinds import HEAD_KINDS
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.base import AXIS, new_figure
from mosa_edu.viz.components.finding import token_labels
from mosa_edu.viz.style import CLEAR, LIGHT, MONO, SIZES

ORDERS = ("head", "similarity")


def head_rows(trace: RoutingTrace, layer: int | None, order: str) -> list[tuple[int, int]]:
    """Return (layer, head) of every row, from top to bottom."""
    require(order in ORDERS, "order", order, f"one of {ORDERS}")
    layers = range(trace.layers) if layer is None else [layer]
    trace.check_head(layers[0], 0)
    picked = trace.picked()
    rows: list[tuple[int, int]] = []
    for number in layers:
        heads = by_similarity(picked[number]) if order == "similarity" else range(trace.heads)
        rows += [(number, head) for head in heads]
    return rows


def by_similarity(picked: np.ndarray) -> list[int]:
    """Order heads so that neighbours keep the same tokens."""
    shared = picked.astype(np.int64) @ picked.T.astype(np.int64)  # (H, H) picks in common
    left = list(range(len(picked)))
    chain = [int(shared.sum(axis=1).argmin())]
    left.remove(chain[0])
    while left:
        chain.append(max(left, key=lambda head: (shared[chain[-1], head], -head)))
        left.remove(chain[-1])
    return chain


def ranks(trace: RoutingTrace, rows: list[tuple[int, int]]) -> np.ndarray:
    """Rank of every token in every row, from 1."""
    order = np.array([trace.order[row] for row in rows]).astype(np.int64)
    return small(np.argsort(order, axis=1) + 1)


def shown_labels(trace: RoutingTrace) -> list[str]:
    """Return the labels of all tokens as Plotly must read them: it takes `<b>` for markup."""
    labels = token_labels([token.text for token in trace.tokens])
    return [label.replace("&", "&amp;").replace("<", "&lt;") for label in labels]


def token_names(trace: RoutingTrace) -> list[str]:
    """Return a name for each token, its label and its position: equal words stay apart."""
    return [f"{label} {position}" for position, label in enumerate(shown_labels(trace))]


def head_names(rows: list[tuple[int, int]]) -> list[str]:
    """Return the heads' names, zero-based as in Python."""
    return [f"L{layer}·H{head}" for layer, head in rows]


def small(values: np.ndarray) -> np.ndarray:
    """Return whole numbers >= 0 in the smallest type that holds them."""
    return values.astype(np.uint8 if values.max(initial=0) < 256 else np.uint16)


def token_axis() -> dict[str, Any]:
    """Return the axis of tokens: Plotly leaves out the names that find no room."""
    font = {**AXIS["tickfont"], "family": MONO}
    return {**AXIS, "type": "category", "tickangle": -90, "tickfont": font}


def head_axis(rows: list[tuple[int, int]], layer: int | None) -> dict[str, Any]:
    """Return the axis of heads: each by name within one layer, else the layers where they begin."""
    axis = {**AXIS, "type": "category", "autorange": "reversed"}
    if layer is not None:
        return axis
    layers = [number for number, _ in rows]
    firsts = [row for row, number in enumerate(layers) if number not in layers[:row]]
    texts = [f"Layer {layers[row]}" for row in firsts]
    return {**axis, "tickmode": "array", "tickvals": firsts, "ticktext": texts}


def squares(rows: np.ndarray, columns: np.ndarray, side: float | np.ndarray = 1.0) -> str:
    """Return one SVG path of squares in the middle of cells of a matrix.

    >>> squares(np.array([0, 2]), np.array([1, 1]), side=np.array([1, 0.5]))
    'M1,0H2V1H1ZM1.25,2.25H1.75V2.75H1.25Z'
    """
    half = np.broadcast_to(side, rows.shape) / 2
    x, y = columns + 0.5, rows + 0.5
    boxes = np.stack([x - half, y - half, x + half, y + half], axis=1)
    return "".join(rectangle(*box) for box in boxes.tolist())


def rectangle(left: float, top: float, right: float, bottom: float) -> str:
    """Return the SVG path of one rectangle."""
    x0, y0, x1, y1 = (
        f"{value:.3f}".rstrip("0").rstrip(".") for value in (left, top, right, bottom)
    )
    return f"M{x0},{y0}H{x1}V{y1}H{x0}Z"


def triangle(T: int) -> str:
    """Return the outline of the pairs of a causal dense head: a staircase of T steps.

    >>> triangle(2)
    'M0,0V2H2V1H1V0Z'
    """
    steps = "".join(f"H{t + 1}V{t}" for t in range(T - 1, -1, -1))
    return f"M0,0V{T}{steps}Z"


def filled(path: str, colour: str, axis: str = "x") -> dict[str, Any]:
    """Return a layout shape below the marks, on an x axis and the y axis of the same number."""
    place = {"xref": axis, "yref": axis.replace("x", "y"), "layer": "below"}
    return {"type": "path", "path": path, "fillcolor": colour, "line": {"width": 0}, **place}


def add_targets(
    figure: go.Figure, rows: np.ndarray, columns: np.ndarray, hover: Sequence[str], axis: str = "x"
) -> None:
    """Add invisible marks that answer the pointer, since shapes do not."""
    figure.add_scatter(
        x=(columns + 0.5).astype(np.float32),
        y=(rows + 0.5).astype(np.float32),
        **{"text": list(hover), "hovertemplate": "%{text}<extra></extra>", "mode": "markers"},
        **{"xaxis": axis, "yaxis": axis.replace("x", "y")},
        marker={"size": 8, "color": CLEAR, "symbol": "square"},
    )


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
) -> None:
    """Add lines, each with its name at its right end."""
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
    """Return an axis of numbers with hairlines."""
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
) -> None:
    """Add dots of one meaning, each with a line from its lower to its upper bound."""
    names = figure.layout.yaxis.ticktext
    # Rounded: the last bits differ from one processor to another, and pages store them.
    found = [Interval(*np.round([i.mean, i.low, i.high], 6).tolist()) for _, i in points]
    number = f".{digits}f"
    figure.add_scatter(
        x=[interval.mean for interval in found],
        y=[row + shift for row, _ in points],
        text=[names[row] for row, _ in points],
        customdata=[[interval.low, interval.high] for interval in found],
        mode="markers",
        name=name,
        marker={"color": mark[0], "symbol": mark[1], "size": 9},
        error_x={
            **{"type": "data", "symmetric": False, "color": mark[0], "thickness": 1.5, "width": 3},
            "array": [round(interval.high - interval.mean, 6) for interval in found],
            "arrayminus": [round(interval.mean - interval.low, 6) for interval in found],
        },
        hovertemplate=f"<b>%{{text}}</b>, {name}<br>%{{x:{number}}} "
        f"[%{{customdata[0]:{number}}}, %{{customdata[1]:{number}}}]<extra></extra>",
    )


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


def three_scores(
    heading: str, note: str, names: Sequence[str], gains: Sequence[Mapping[str, Interval]]
) -> go.Figure:
    """Draw gains under the three scores, one row each, with a dotted line at 0."""
    figure = new_rows(heading, note, names, "nats per token")
    for place, (way, (name, colour, symbol)) in enumerate(MARKS.items()):
        points = [(number, found[way]) for number, found in enumerate(gains)]
        add_dots(figure, name, points, mark=(colour, symbol), shift=0.22 * (place - 1))
    add_legend(figure)
    add_reference(figure, 0.0, "")
    return figure
