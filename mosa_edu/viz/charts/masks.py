"""What is left to compute: the pairs of a dense head beside those of a sparse one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.base import AXIS, explain, keep_square, new_figure, percent, plural, share
from mosa_edu.viz.charts.parts import (
    add_targets,
    filled,
    rectangle,
    shown_labels,
    squares,
    triangle,
)
from mosa_edu.viz.components.finding import token_labels
from mosa_edu.viz.style import CONTINUOUS, LIGHT, MONO, SIZES

SIDE = 300  # pixels of a mask


def selection_mask(
    trace: RoutingTrace, layer: int, head: int, token: int | None = None
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
    picks, T = trace.picks(layer, head), trace.T
    require(token is None or 0 <= token < T, "token", token, f"None or in [0, {T})")
    rows, columns = np.tril_indices(len(picks))
    queries, keys = picks[rows], picks[columns]
    dense, sparse = T * (T + 1) // 2, len(queries)
    heading = f"Who may look at whom, L{layer}·H{head}"
    figure = new_figure(heading, "rows look at columns", SIDE + 120)
    labels, weights = shown_labels(trace), trace.attention_matrix(layer, head)[rows, columns]
    hover = [
        f"{labels[i]} → {labels[j]}<br>positions {i} → {j}, weight {share(weight)}"
        for i, j, weight in zip(queries, keys, weights, strict=True)
    ]
    add_targets(figure, queries, keys, hover, "x2")
    titles = [
        _panel_title("x", "A dense head", plural(dense, "pair")),
        _panel_title("x2", "This head", plural(sparse, "pair")),
    ]
    shapes = _pairs(T, queries, keys, token)
    figure.update_layout(**_panels(T), shapes=shapes, annotations=titles)
    said = (
        f"Layer {layer}, head {head} keeps {len(picks)} of {T} tokens and computes "
        f"{plural(sparse, 'pair')} where a dense head computes {dense:,}: "
        f"{percent(sparse, dense)}."
    )
    encoding = f"Two squares of {T} by {T} pairs to scale, a full lower triangle and single dots."
    return keep_square(explain(figure, said, encoding), 0.42, SIDE)


def _pairs(
    T: int, queries: np.ndarray, keys: np.ndarray, token: int | None
) -> list[dict[str, Any]]:
    """Shapes of both panels: what may be computed, and what is."""
    studied = queries == (-1 if token is None else token)
    shapes = [
        filled(triangle(T), LIGHT.dense),
        filled(triangle(T), LIGHT.wash, "x2"),
        filled(squares(queries[~studied], keys[~studied]), LIGHT.pick, "x2"),
    ]
    if token is not None:
        row = rectangle(0, token, token + 1, token + 1)
        shapes.append(filled(row, LIGHT.cursor))
        shapes.append(filled(squares(queries[studied], keys[studied]), LIGHT.cursor, "x2"))
    return [shape for shape in shapes if shape["path"]]


def _panels(T: int) -> dict[str, Any]:
    """Layout of two squares side by side."""
    step = max(T // 4 // 8 * 8, 8)
    ticks = list(range(step, T, step)) if T >= 32 else [T]
    frame = {**AXIS, "showline": True, "mirror": True, "linecolor": LIGHT.rule, "automargin": False}
    square = {**frame, "constrain": "domain"}
    across = {**square, "range": [0, T], "tickvals": ticks, "constraintoward": "left"}
    down = {**square, "range": [T, 0], "constraintoward": "top"}
    return {
        "margin": {"l": 34, "r": 8, "t": 100, "b": 24},
        "xaxis": {**across, "domain": [0, 0.47]},
        "xaxis2": {**across, "domain": [0.53, 1]},
        "yaxis": {**down, "tickvals": ticks, "scaleanchor": "x"},
        "yaxis2": {**down, "tickvals": [], "scaleanchor": "x2", "anchor": "x2"},
    }


def _panel_title(axis: str, title: str, note: str) -> dict[str, Any]:
    text = f"<b>{title}</b><br>{note}"
    place = {"xref": f"{axis} domain", "x": 0, "xanchor": "left", "yanchor": "bottom"}
    size = {"size": SIZES["note"], "color": LIGHT.ink}
    above = {"yref": f"{axis.replace('x', 'y')} domain", "y": 1, "yshift": 2}
    return {"text": text, "font": size, "showarrow": False, "align": "left", **place, **above}


COLUMNS = 2  # what a phone has room for
MASK_ZOO_SIDE = 220  # pixels of a mask, at most
WORDS = 52  # pixels for the two lines around it


@dataclass(frozen=True, eq=False)
class Mask:
    """One rule of who may look at whom, applied to a text.

    Parameters
    ----------
    name, rule : str
        What it is called and what it keeps, in a word or three each.
    pairs : ndarray of bool, shape (T, T)
        True where a query (row) may look at a key (column).
    sees_ahead : bool
        Whether a later token can change an earlier row; the mask itself does not tell.
    """

    name: str
    rule: str
    pairs: np.ndarray
    sees_ahead: bool = False


def mask_zoo(
    masks: Sequence[Mask], texts: Sequence[str], query: int, heading: str = "Who may look at whom"
) -> go.Figure:
    """Draw masks on one text, with one query's row pointed out in all of them."""
    T = len(texts)
    require(len(masks) > 0, "masks", masks, "at least one")
    require(0 <= query < T, "query", query, f"in [0, {T})")
    for mask in masks:
        shape = mask.pairs.shape
        require(shape == (T, T), mask.name, shape, f"of shape ({T}, {T})")
        require(
            not np.triu(mask.pairs, 1).any(), mask.name, "a later key", "a mask below the diagonal"
        )
    labels = [label.replace("&", "&amp;").replace("<", "&lt;") for label in token_labels(texts)]
    rows = -(-len(masks) // COLUMNS)
    note = f"rows look at columns; “{labels[query]}” at {query} in orange"
    figure = new_figure(heading, note, rows * (MASK_ZOO_SIDE + WORDS) + 70)
    figure.update_layout(**_panels_mask_zoo(len(masks), rows, T, query))
    shapes, words = [], []
    for number, mask in enumerate(masks):
        axis = _axis(number)
        shapes += _drawn(mask.pairs, query, axis)
        words += _said_around(mask, axis)
        keys = np.flatnonzero(mask.pairs[query])
        hover = [f"{labels[query]} {query} → {labels[key]} {key}" for key in keys]
        add_targets(figure, np.full(len(keys), query), keys, hover, axis)
    figure.update_layout(shapes=shapes, annotations=words)
    encoding = f"{plural(len(masks), 'square')} of {T} by {T} pairs, to one scale."
    explain(figure, _finding(masks, token_labels(texts)[query], query), encoding)
    return keep_square(figure, 0.42 * rows, MASK_ZOO_SIDE * rows)


def _axis(number: int) -> str:
    return "x" if number == 0 else f"x{number + 1}"


def _drawn(pairs: np.ndarray, query: int, axis: str) -> list[dict[str, Any]]:
    """Shapes of one panel: what causal attention allows, what the mask does, and one row of it."""
    T = len(pairs)
    row = pairs & (np.arange(T) == query)[:, None]
    shapes = [filled(f"M0,0V{T}H{T}Z", LIGHT.wash, axis)]
    if np.array_equal(pairs, np.tri(T, dtype=bool)):
        shapes = [filled(triangle(T), LIGHT.dense, axis)]
    else:
        shapes.append(filled(_runs(pairs & ~row), LIGHT.pick, axis))
    band = rectangle(0, query, query + 1, query + 1)
    shapes += [filled(band, LIGHT.cursor_wash, axis), filled(_runs(row), LIGHT.cursor, axis)]
    return [shape for shape in shapes if shape["path"]]


def _runs(pairs: np.ndarray) -> str:
    """SVG path of a mask, with one rectangle for neighbours in a row."""
    edges = np.diff(np.pad(pairs.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]
    boxes = zip(starts.tolist(), rows.tolist(), stops.tolist(), strict=True)
    return "".join(rectangle(start, row, stop, row + 1) for start, row, stop in boxes)


def _panels_mask_zoo(n: int, rows: int, T: int, query: int) -> dict[str, Any]:
    """Layout of n squares, each with room for a line above and a line below."""
    pitch = 1 / rows
    side = pitch * MASK_ZOO_SIDE / (MASK_ZOO_SIDE + WORDS)
    frame = {**AXIS, "showline": True, "mirror": True, "linecolor": LIGHT.rule, "automargin": False}
    square = {**frame, "constrain": "domain"}
    studied = {**AXIS["tickfont"], "color": LIGHT.cursor_text}
    layout: dict[str, Any] = {"margin": {"l": 26, "r": 4, "t": 78, "b": 0}}
    for number in range(n):
        row, column = divmod(number, COLUMNS)
        x = _axis(number)
        y, top, left = x.replace("x", "y"), 1 - row * pitch, 0.54 * column
        layout[f"xaxis{x[1:]}"] = {
            **square,
            **{"domain": [left, left + 0.46], "anchor": y, "constraintoward": "left"},
            **{"range": [0, T], "tickvals": []},
        }
        layout[f"yaxis{x[1:]}"] = {
            **square,
            **{"domain": [top - side, top], "anchor": x, "constraintoward": "top"},
            **{"range": [T, 0], "scaleanchor": x, "tickfont": studied},
            **{"tickvals": [query + 0.5], "ticktext": [str(query)]},
        }
    return layout


def _said_around(mask: Mask, axis: str) -> list[dict[str, Any]]:
    """Write the line above a panel and the line below it."""
    place = {"xref": f"{axis} domain", "yref": f"{axis.replace('x', 'y')} domain", "x": 0}
    line = {**place, "xanchor": "left", "align": "left", "showarrow": False}
    kind = "✕ sees ahead" if mask.sees_ahead else "✓ causal"
    colour = LIGHT.cursor_text if mask.sees_ahead else LIGHT.ink2
    texts = (f"<b>{mask.name}</b> {mask.rule}", f"{plural(int(mask.pairs.sum()), 'pair')} {kind}")
    above = {"y": 1, "yanchor": "bottom", "font": {"size": SIZES["note"], "color": LIGHT.ink}}
    below = {"y": 0, "yanchor": "top", "font": {"size": SIZES["note"], "color": colour}}
    return [{**line, **above, "text": texts[0]}, {**line, **below, "text": texts[1]}]


def _finding(masks: Sequence[Mask], label: str, query: int) -> str:
    """Say what each mask leaves, what the query reads, and whose choice needs the future."""
    T = len(masks[0].pairs)
    whole = T * (T + 1) // 2
    by_count: dict[int, list[str]] = {}
    for mask in masks:
        by_count.setdefault(int(mask.pairs.sum()), []).append(mask.name)
    left = [
        ("all" if count == whole else f"{count:,} ({percent(count, whole)})")
        + f" {'each ' if len(names) > 1 else ''}in {_joined(names)}"
        for count, names in sorted(by_count.items(), reverse=True)
    ]
    reads = [f"{int(mask.pairs[query].sum()) or 'none'} in {mask.name}" for mask in masks]
    ahead = [mask.name for mask in masks if mask.sees_ahead]
    said = (
        f"The {plural(whole, 'pair')} of {T} tokens: {', '.join(left)}. "
        f"In the row of “{label}” at {query}: {', '.join(reads)}."
    )
    if not ahead:
        return said
    return f"{said} Later tokens can change an earlier row of {_joined(ahead)}."


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def dense_map(weights: np.ndarray, texts: Sequence[str], heading: str) -> go.Figure:
    """Draw the attention weights of a dense head as a field of colour."""
    T = len(texts)
    require(weights.shape == (T, T), "weights", weights.shape, f"of shape ({T}, {T})")
    ahead = float(np.triu(weights, 1).max(initial=0))
    require(ahead == 0, "weights", f"{ahead:.3f} above the diagonal", "causal")
    names = [f"{label} {place}" for place, label in enumerate(token_labels(list(texts)))]
    below = np.where(np.tril(np.ones((T, T), dtype=bool)), np.round(100 * weights), np.nan)
    figure = new_figure(heading, "rows look at columns; brighter is more", 520)
    figure.add_heatmap(
        x=names,
        y=names,
        z=[[None if np.isnan(value) else int(value) for value in row] for row in below],
        colorscale=CONTINUOUS,
        zmin=0,
        zmax=100,
        showscale=False,
        hovertemplate="%{y} → %{x}<br>%{z} %<extra></extra>",
    )
    axis = {**AXIS, "type": "category", "tickfont": {**AXIS["tickfont"], "family": MONO}}
    figure.update_layout(
        xaxis={**axis, "tickangle": -90},
        yaxis={**axis, "autorange": "reversed"},
    )
    first, itself = float(weights[1:, 0].mean()), float(np.diag(weights)[1:].mean())
    finding = (
        f"On average a token gives {share(itself)} of its weight to itself and {share(first)} to "
        f"the first token; the head computes all {T * (T + 1) // 2:,} pairs of {T} tokens."
    )
    return explain(figure, finding, f"Lower triangle of {T} by {T} attention weights.")
