"""What is left to compute: pairs of a dense head beside those of a sparse one, and weights."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.charts.base import (
    AXIS,
    explain,
    keep_square,
    new_figure,
    percent,
    plural,
    rectangle,
    share,
    squares,
)
from mosa_edu.viz.style import CLEAR, LIGHT, MONO, SIZES
from mosa_edu.viz.tokens import token_labels

CELL = 26  # pixels of a pair of the gathered square, at most
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
    dense_pairs = T * (T + 1) // 2
    figure = new_figure(
        f"Who may look at whom, L{layer}·H{head}", "rows look at columns", SIDE + 120
    )
    studied = queries == (-1 if token is None else token)
    shapes = [
        _shape(_triangle(T), LIGHT.dense, "x"),
        _shape(_triangle(T), LIGHT.wash, "x2"),
        _shape(squares(_cells(queries[~studied], keys[~studied])), LIGHT.pick, "x2"),
    ]
    if token is not None:
        shapes += [
            _shape(rectangle(0, token, token + 1, token + 1), LIGHT.cursor, "x"),
            _shape(squares(_cells(queries[studied], keys[studied])), LIGHT.cursor, "x2"),
        ]
    labels, weights = (
        token_labels([t.text for t in trace.tokens]),
        trace.attention_matrix(layer, head),
    )
    hover = [
        f"{labels[i]} → {labels[j]}<br>positions {i} → {j}, weight {share(weight)}"
        for i, j, weight in zip(queries, keys, weights[rows, columns], strict=True)
    ]
    _add_targets(figure, keys + 0.5, queries + 0.5, hover, "2")
    frame = {**AXIS, "showline": True, "mirror": True, "linecolor": LIGHT.rule, "automargin": False}
    ticks = [T] if T < 32 else [*range(T // 4 // 8 * 8, T, max(T // 4 // 8 * 8, 8))]
    across = {**frame, "range": [0, T], "tickvals": ticks}
    down = {**frame, "range": [T, 0], "constrain": "domain", "constraintoward": "top"}
    figure.update_layout(
        margin={"l": 34, "r": 8, "t": 100, "b": 24},
        xaxis={**across, "domain": [0, 0.47], "constrain": "domain", "constraintoward": "left"},
        xaxis2={**across, "domain": [0.53, 1], "constrain": "domain", "constraintoward": "left"},
        yaxis={**down, "tickvals": ticks, "scaleanchor": "x"},
        yaxis2={**down, "tickvals": [], "scaleanchor": "x2", "anchor": "x2"},
        shapes=shapes,
        annotations=[
            _panel_title("x", "A dense head", f"{dense_pairs:,} pairs"),
            _panel_title("x2", "This head", plural(len(rows), "pair")),
        ],
    )
    kept = percent(len(rows), dense_pairs)
    said = (
        f"Layer {layer}, head {head} keeps {len(picks)} of {T} tokens and computes "
        f"{plural(len(rows), 'pair')} where a dense head computes {dense_pairs:,}: {kept}."
    )
    encoding = f"Two squares of {T} by {T} pairs to scale, a full lower triangle and single dots."
    return keep_square(explain(figure, said, encoding), 0.42, SIDE)


def attention_map(
    trace: RoutingTrace, layer: int, head: int, token: int | None = None
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
        If the trace has no such head or token.
    """
    picks, weights = trace.picks(layer, head), trace.attention_matrix(layer, head)
    require(token is None or 0 <= token < trace.T, "token", token, f"None or in [0, {trace.T})")
    k = len(picks)
    rows, columns = np.tril_indices(k)
    labels = token_labels([t.text for t in trace.tokens])
    names = [labels[position] for position in picks]
    studied = picks[rows] == (-1 if token is None else token)
    side = int(np.clip(CELL * k, 120, 560))
    heading = f"Attention among the picks of L{layer}·H{head}"
    figure = new_figure(heading, "rows look at columns; area is weight", side + 130)
    shapes = []
    for chosen, colour, wash in (
        (~studied, LIGHT.pick, LIGHT.pick_wash),
        (studied, LIGHT.cursor, LIGHT.cursor_wash),
    ):
        if chosen.any():
            i, j = rows[chosen], columns[chosen]
            shapes.append(_shape(squares(_cells(i, j, 0.94)), wash, "x"))
            shapes.append(_shape(squares(_cells(i, j, np.sqrt(weights[i, j]))), colour, "x"))
    hover = [
        f"{names[i]} → {names[j]}<br>weight {share(weights[i, j])}"
        for i, j in zip(rows, columns, strict=True)
    ]
    _add_targets(figure, columns + 0.5, rows + 0.5, hover, "")
    font = {**AXIS["tickfont"], "family": MONO}
    shown = range(0, k, 1 + k // 24)  # on a phone 24 names find room
    places = {"tickvals": [i + 0.5 for i in shown], "ticktext": [names[i] for i in shown]}
    words = {**AXIS, **places, "tickfont": font}
    figure.update_layout(
        xaxis={**words, "range": [0, k], "tickangle": -90, "constrain": "domain"},
        yaxis={**words, "range": [k, 0], "scaleanchor": "x", "constrain": "domain"},
        shapes=shapes,
    )
    figure.update_layout(xaxis_constraintoward="left", yaxis_constraintoward="top")
    encoding = f"Triangle of {k} by {k} attention weights of layer {layer}, head {head}."
    explain(figure, _weights_finding(names, picks, weights), encoding)
    return keep_square(figure, 0.86, side)


def _weights_finding(names: list[str], picks: np.ndarray, weights: np.ndarray) -> str:
    """Say how much the queries look at themselves, and which looks away most."""
    if len(names) == 1:
        return f"The only token kept, “{names[0]}”, looks at itself."
    said = (
        f"Tokens give {share(float(np.mean(np.diag(weights)[1:])))} of their weight to themselves"
    )
    away = np.tril(weights, -1)
    i, j = np.unravel_index(int(away.argmax()), away.shape)
    if away[i, j] < 0.05:
        return said + " on average and hardly look at anything else."
    return (
        f"{said} on average, the first one left out. The largest weight elsewhere is "
        f"{share(float(away[i, j]))}: "
        f"from “{names[i]}” at position {picks[i]} to “{names[j]}” at {picks[j]}."
    )


def _cells(rows: np.ndarray, columns: np.ndarray, side: Any = 1.0) -> Any:
    sides = np.broadcast_to(side, rows.shape)
    return zip(columns + 0.5, rows + 0.5, sides, strict=True)


def _triangle(T: int) -> str:
    """Outline of the pairs that a causal head of T tokens computes: a staircase, to scale."""
    steps = "".join(f"H{t + 1}V{t}" for t in range(T - 1, -1, -1))
    return f"M0,0V{T}{steps}Z"


def _shape(path: str, colour: str, axis: str) -> dict[str, Any]:
    place = {"xref": axis, "yref": axis.replace("x", "y"), "layer": "below"}
    return {"type": "path", "path": path, "fillcolor": colour, "line": {"width": 0}, **place}


def _add_targets(
    figure: go.Figure, x: np.ndarray, y: np.ndarray, hover: list[str], axes: str
) -> None:
    """Add invisible marks that answer the pointer, since shapes do not."""
    figure.add_scatter(
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        **{"text": hover, "hovertemplate": "%{text}<extra></extra>", "mode": "markers"},
        **{"xaxis": f"x{axes}", "yaxis": f"y{axes}"},
        marker={"size": 8, "color": CLEAR, "symbol": "square"},
    )


def _panel_title(axis: str, title: str, note: str) -> dict[str, Any]:
    text = f"<b>{title}</b><br>{note}"
    place = {"xref": f"{axis} domain", "x": 0, "xanchor": "left", "yanchor": "bottom"}
    size = {"size": SIZES["note"], "color": LIGHT.ink}
    above = {"yref": f"{axis.replace('x', 'y')} domain", "y": 1, "yshift": 2}
    return {"text": text, "font": size, "showarrow": False, "align": "left", **place, **above}
