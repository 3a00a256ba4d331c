"""Who may look at whom: masks and attention weights as squares of queries and keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.base import AXIS, explain, keep_square, new_figure, plural, share
from mosa_edu.viz.style import CLEAR, CONTINUOUS, LIGHT, MONO, SIZES
from mosa_edu.viz.words import shown_labels, token_labels

SIDE = 300  # pixels of one of two masks
ZOO_SIDE = 220  # pixels of one of many, at most
ZOO_COLUMNS = 2  # what a phone has room for
ZOO_WORDS = 52  # pixels for the two lines around it
CELL = 26  # pixels of a weight, at most
MOST_NAMES = 24  # on an axis, on a phone
FRAME = {**AXIS, "showline": True, "mirror": True, "linecolor": LIGHT.rule, "automargin": False}


def selection_mask(
    trace: RoutingTrace, layer: int, head: int, token: int | None = None, caption: str = ""
) -> go.Figure:
    """Draw the pairs that a dense head computes beside those of a sparse head, both to scale.

    Parameters
    ----------
    trace : RoutingTrace
        What is drawn.
    layer, head : int
        The sparse head.
    token : int, optional
        Position under study: its row is orange in both.

    Returns
    -------
    plotly.graph_objects.Figure
        Two T x T squares; rows are queries, columns are keys.

    Raises
    ------
    ValueError
        If the trace has no such head or token.
    """
    selected, T = trace.selected(layer, head), trace.T
    require(token is None or 0 <= token < T, "token", token, f"None or in [0, {T})")
    rows, columns = np.tril_indices(len(selected))
    queries, keys = selected[rows], selected[columns]
    dense, sparse = T * (T + 1) // 2, len(queries)
    heading = f"Who may look at whom, L{layer}·H{head}"
    figure = new_figure(heading, "rows look at columns", SIDE + 120)
    labels = shown_labels([token.text for token in trace.tokens])
    weights = trace.attention_matrix(layer, head)[rows, columns]
    hover = [
        f"{labels[i]} → {labels[j]}<br>positions {i} → {j}, weight {share(weight)}"
        for i, j, weight in zip(queries, keys, weights, strict=True)
    ]
    _add_targets(figure, queries, keys, hover, "x2")
    studied = queries == (-1 if token is None else token)
    shapes = [
        _filled(triangle(T), LIGHT.dense),
        _filled(triangle(T), LIGHT.wash, "x2"),
        _filled(squares(queries[~studied], keys[~studied]), LIGHT.pick, "x2"),
    ]
    if token is not None:
        shapes.append(_filled(_rectangle(0, token, token + 1, token + 1), LIGHT.cursor))
        shapes.append(_filled(squares(queries[studied], keys[studied]), LIGHT.cursor, "x2"))
    titles = [
        _above("x", f"<b>A dense head</b><br>{plural(dense, 'pair')}"),
        _above("x2", f"<b>This head</b><br>{plural(sparse, 'pair')}"),
    ]
    step = max(T // 4 // 8 * 8, 8)
    ticks = list(range(step, T, step)) if T >= 32 else [T]
    figure.update_layout(**_two_panels(T, {"tickvals": ticks}), annotations=titles)
    _set_shapes(figure, shapes)
    drawn = (
        f"Two squares of {T} by {T} pairs to scale: all {dense:,} of a dense head, "
        f"and the {sparse:,} of layer {layer}, head {head}."
    )
    return keep_square(explain(figure, drawn, caption), 0.42, SIDE)


def growing_text(
    rules: Mapping[str, np.ndarray], texts: Sequence[str], caption: str = ""
) -> go.Figure:
    """Draw whom one head selects under two rules, (T, T) each, for every length of one text."""
    T = len(texts)
    require(len(rules) == 2, "rules", list(rules), "two rules")
    for name, selected in rules.items():
        _check_mask(name, selected, T)
    labels = shown_labels(texts)
    figure = new_figure("Seats while the text grows", "rows: the text so far", SIDE + 120)
    shapes, titles = [], []
    for axis, (name, selected) in zip(("x", "x2"), rules.items(), strict=True):
        gone = lost(selected)
        count = int(gone.sum())
        shapes += [
            _filled(f"M0,0V{T}H{T}Z", LIGHT.wash, axis),
            _filled(cells(selected), LIGHT.pick, axis),
            _filled(cells(gone, 0.6), LIGHT.cursor, axis),
        ]
        said = f"{plural(count, 'seat')} lost" if count else "nobody leaves"
        colour = LIGHT.cursor_text if count else LIGHT.ink2
        titles.append(_above(axis, f"<b>{name}</b><br>{said}", colour))
        for marks, what in ((selected, "has a seat"), (gone, "has lost its seat")):
            rows, columns = np.nonzero(marks)
            hover = [f"{labels[column]} {column} {what}" for column in columns.tolist()]
            _add_targets(figure, rows, columns, hover, axis)
    step = max(T // 4 // 4 * 4, 1)
    ticks = {"tickvals": [t + 0.5 for t in range(0, T, step)], "ticktext": list(range(0, T, step))}
    figure.update_layout(**_two_panels(T, ticks), annotations=titles)
    _set_shapes(figure, shapes)
    drawn = f"Two squares of {T} by {T}: blue, seats; orange, seats just lost."
    return keep_square(explain(figure, drawn, caption), 0.42, SIDE)


def lost(selected: np.ndarray) -> np.ndarray:
    """Mark the tokens that were selected one row earlier and are no more.

    >>> lost(np.array([[True, False], [False, True]])).tolist()
    [[False, False], [True, False]]
    """
    gone = np.zeros_like(selected)
    gone[1:] = selected[:-1] & ~selected[1:]
    return gone


@dataclass(frozen=True, eq=False)
class Mask:
    """One rule of who may look at whom, applied to a text: True in `pairs` (T, T) where it may.

    `name` and `rule` take a word or three each. `sees_ahead` says whether a later token can change
    an earlier row; the mask itself does not tell.
    """

    name: str
    rule: str
    pairs: np.ndarray
    sees_ahead: bool = False


def mask_zoo(
    masks: Sequence[Mask],
    texts: Sequence[str],
    query: int,
    heading: str = "Who may look at whom",
    caption: str = "",
) -> go.Figure:
    """Draw masks on one text, with one query's row pointed out in all of them."""
    T = len(texts)
    require(len(masks) > 0, "masks", masks, "at least one")
    require(0 <= query < T, "query", query, f"in [0, {T})")
    for mask in masks:
        _check_mask(mask.name, mask.pairs, T)
    labels = shown_labels(texts)
    rows = -(-len(masks) // ZOO_COLUMNS)
    note = f"rows look at columns; “{labels[query]}” at {query} in orange"
    figure = new_figure(heading, note, rows * (ZOO_SIDE + ZOO_WORDS) + 70)
    layout: dict[str, Any] = {"margin": {"l": 26, "r": 4, "t": 78, "b": 0}}
    shapes, words = [], []
    pitch = 1 / rows
    side = pitch * ZOO_SIDE / (ZOO_SIDE + ZOO_WORDS)
    for number, mask in enumerate(masks):
        row, column = divmod(number, ZOO_COLUMNS)
        x = "x" if number == 0 else f"x{number + 1}"
        top, left = 1 - row * pitch, 0.54 * column
        across, down = _square_axes(x, T)
        layout[f"xaxis{x[1:]}"] = {**across, "domain": [left, left + 0.46], "tickvals": []}
        layout[f"yaxis{x[1:]}"] = {
            **{**down, "domain": [top - side, top], "scaleanchor": x},
            **{"tickfont": {**AXIS["tickfont"], "color": LIGHT.cursor_text}},
            **{"tickvals": [query + 0.5], "ticktext": [str(query)]},
        }
        shapes += _zoo_shapes(mask.pairs, query, x)
        words.append(_above(x, f"<b>{mask.name}</b> {mask.rule}"))
        kind = "✕ sees ahead" if mask.sees_ahead else "✓ causal"
        below = f"{plural(int(mask.pairs.sum()), 'pair')} {kind}"
        colour = LIGHT.cursor_text if mask.sees_ahead else LIGHT.ink2
        words.append({**_above(x, below, colour), "y": 0, "yanchor": "top", "yshift": 0})
        keys = np.flatnonzero(mask.pairs[query])
        hover = [f"{labels[query]} {query} → {labels[key]} {key}" for key in keys]
        _add_targets(figure, np.full(len(keys), query), keys, hover, x)
    figure.update_layout(**layout, annotations=words)
    _set_shapes(figure, shapes)
    drawn = f"{plural(len(masks), 'square')} of {T} by {T} pairs, to one scale."
    return keep_square(explain(figure, drawn, caption), 0.42 * rows, ZOO_SIDE * rows)


def _zoo_shapes(pairs: np.ndarray, query: int, axis: str) -> list[dict[str, Any]]:
    """Shapes of one panel: what causal attention allows, what the mask does, and one row of it."""
    T = len(pairs)
    row = pairs & (np.arange(T) == query)[:, None]
    shapes = [
        _filled(f"M0,0V{T}H{T}Z", LIGHT.wash, axis),
        _filled(_runs(pairs & ~row), LIGHT.pick, axis),
    ]
    if np.array_equal(pairs, np.tri(T, dtype=bool)):
        shapes = [_filled(triangle(T), LIGHT.dense, axis)]
    band = _rectangle(0, query, query + 1, query + 1)
    return [
        *shapes,
        _filled(band, LIGHT.cursor_wash, axis),
        _filled(_runs(row), LIGHT.cursor, axis),
    ]


def attention_map(
    trace: RoutingTrace, layer: int, head: int, token: int | None = None, caption: str = ""
) -> go.Figure:
    """Draw the attention weights among the tokens that a head keeps.

    Parameters
    ----------
    trace : RoutingTrace
        What is drawn.
    layer, head : int
        The head.
    token : int, optional
        Position under study: its row is orange, if the head keeps it.

    Returns
    -------
    plotly.graph_objects.Figure
        A k x k lower triangle; the area of each square is the weight.

    Raises
    ------
    ValueError
        If the trace has no such head or token, or the head keeps nothing.
    """
    selected, weights = trace.selected(layer, head), trace.attention_matrix(layer, head)
    require(token is None or 0 <= token < trace.T, "token", token, f"None or in [0, {trace.T})")
    k = len(selected)
    require(k > 0, "head", head, "a head that keeps at least one token")
    labels = shown_labels([token.text for token in trace.tokens])
    names = [labels[position] for position in selected]
    side = int(np.clip(CELL * k, 120, 560))
    heading = f"Attention among the picks of L{layer}·H{head}"
    figure = new_figure(heading, "rows look at columns; area is weight", side + 130)
    rows, columns = np.tril_indices(k)
    hover = [
        f"{names[i]} → {names[j]}<br>weight {share(weights[i, j])}"
        for i, j in zip(rows, columns, strict=True)
    ]
    _add_targets(figure, rows, columns, hover)
    studied = (selected == (-1 if token is None else token))[rows]
    shapes = []
    for chosen, colour, wash in (
        (~studied, LIGHT.pick, LIGHT.pick_wash),
        (studied, LIGHT.cursor, LIGHT.cursor_wash),
    ):
        i, j = rows[chosen], columns[chosen]
        shapes.append(_filled(squares(i, j, 0.94), wash))
        shapes.append(_filled(squares(i, j, np.sqrt(weights[i, j])), colour))
    shown = range(0, k, 1 + k // MOST_NAMES)
    words = {
        **{**AXIS, "constrain": "domain", "tickfont": {**AXIS["tickfont"], "family": MONO}},
        **{"tickvals": [i + 0.5 for i in shown], "ticktext": [names[i] for i in shown]},
    }
    across = {**words, "range": [0, k], "constraintoward": "left", "tickangle": -90}
    down = {**words, "range": [k, 0], "constraintoward": "top", "scaleanchor": "x"}
    figure.update_layout(xaxis=across, yaxis=down)
    _set_shapes(figure, shapes)
    drawn = f"Triangle of {k} by {k} attention weights of layer {layer}, head {head}."
    return keep_square(explain(figure, drawn, caption), 0.86, side)


def dense_map(
    weights: np.ndarray, texts: Sequence[str], heading: str, caption: str = ""
) -> go.Figure:
    """Draw the attention weights of a dense head, (T, T), as a field of colour."""
    T = len(texts)
    require(weights.shape == (T, T), "weights", weights.shape, f"of shape ({T}, {T})")
    ahead = float(np.triu(weights, 1).max(initial=0))
    require(ahead == 0, "weights", f"{ahead:.3f} above the diagonal", "causal")
    names = [f"{label} {place}" for place, label in enumerate(token_labels(list(texts)))]
    percent = np.round(100 * weights).astype(int).tolist()
    figure = new_figure(heading, "rows look at columns; brighter is more", 520)
    figure.add_heatmap(
        x=names,
        y=names,
        z=[[*row[: i + 1], *[None] * (T - 1 - i)] for i, row in enumerate(percent)],
        **{"colorscale": CONTINUOUS, "zmin": 0, "zmax": 100, "showscale": False},
        hovertemplate="%{y} → %{x}<br>%{z} %<extra></extra>",
    )
    axis = {**AXIS, "type": "category", "tickfont": {**AXIS["tickfont"], "family": MONO}}
    figure.update_layout(
        xaxis={**axis, "tickangle": -90},
        yaxis={**axis, "autorange": "reversed"},
    )
    return explain(figure, f"Lower triangle of {T} by {T} attention weights.", caption)


def _check_mask(name: str, mask: np.ndarray, T: int) -> None:
    require(mask.shape == (T, T), name, mask.shape, f"of shape ({T}, {T})")
    require(not np.triu(mask, 1).any(), name, "a later key", "a mask below the diagonal")


def _square_axes(x: str, T: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both axes of one square of T by T."""
    square = {**FRAME, "constrain": "domain"}
    across = {**square, "range": [0, T], "constraintoward": "left", "anchor": x.replace("x", "y")}
    return across, {**square, "range": [T, 0], "constraintoward": "top", "anchor": x}


def _two_panels(T: int, ticks: dict[str, Any]) -> dict[str, Any]:
    """Layout of two squares side by side."""
    across, down = _square_axes("x", T)
    across2, down2 = _square_axes("x2", T)
    return {
        "margin": {"l": 34, "r": 8, "t": 100, "b": 24},
        "xaxis": {**across, **ticks, "domain": [0, 0.47]},
        "xaxis2": {**across2, **ticks, "domain": [0.53, 1]},
        "yaxis": {**down, **ticks, "scaleanchor": "x"},
        "yaxis2": {**down2, "tickvals": [], "scaleanchor": "x2"},
    }


def _above(axis: str, text: str, colour: str = LIGHT.ink) -> dict[str, Any]:
    """Return an annotation above a panel."""
    place = {"xref": f"{axis} domain", "x": 0, "xanchor": "left", "yanchor": "bottom"}
    above = {"yref": f"{axis.replace('x', 'y')} domain", "y": 1, "yshift": 2}
    font = {"size": SIZES["note"], "color": colour}
    return {"text": text, "font": font, "showarrow": False, "align": "left", **place, **above}


def squares(rows: np.ndarray, columns: np.ndarray, side: float | np.ndarray = 1.0) -> str:
    """Return one SVG path of squares in the middle of cells of a matrix.

    >>> squares(np.array([0, 2]), np.array([1, 1]), side=np.array([1, 0.5]))
    'M1,0H2V1H1ZM1.25,2.25H1.75V2.75H1.25Z'
    """
    half = np.broadcast_to(side, rows.shape) / 2
    x, y = columns + 0.5, rows + 0.5
    boxes = np.stack([x - half, y - half, x + half, y + half], axis=1)
    return "".join(_rectangle(*box) for box in boxes.tolist())


def cells(mask: np.ndarray, side: float = 1.0) -> str:
    """Return one SVG path of squares in the cells that a mask marks."""
    rows, columns = np.nonzero(mask)
    return squares(rows, columns, side)


def _rectangle(left: float, top: float, right: float, bottom: float) -> str:
    x0, y0, x1, y1 = (
        f"{value:.3f}".rstrip("0").rstrip(".") for value in (left, top, right, bottom)
    )
    return f"M{x0},{y0}H{x1}V{y1}H{x0}Z"


def _runs(pairs: np.ndarray) -> str:
    """SVG path of a mask, with one rectangle for neighbours in a row."""
    edges = np.diff(np.pad(pairs.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]
    boxes = zip(starts.tolist(), rows.tolist(), stops.tolist(), strict=True)
    return "".join(_rectangle(start, row, stop, row + 1) for start, row, stop in boxes)


def triangle(T: int) -> str:
    """Return the outline of the pairs of a causal dense head: a staircase of T steps.

    >>> triangle(2)
    'M0,0V2H2V1H1V0Z'
    """
    steps = "".join(f"H{t + 1}V{t}" for t in range(T - 1, -1, -1))
    return f"M0,0V{T}{steps}Z"


def _filled(path: str, colour: str, axis: str = "x") -> dict[str, Any]:
    """Return a layout shape below the marks, on an x axis and the y axis of the same number."""
    place = {"xref": axis, "yref": axis.replace("x", "y"), "layer": "below"}
    return {"type": "path", "path": path, "fillcolor": colour, "line": {"width": 0}, **place}


def _set_shapes(figure: go.Figure, shapes: list[dict[str, Any]]) -> None:
    """Give a figure its shapes, without empty paths, which Plotly refuses."""
    figure.update_layout(shapes=[shape for shape in shapes if shape["path"]])


def _add_targets(
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
