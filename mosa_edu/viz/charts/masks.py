"""What is left to compute: the pairs of a dense head beside those of a sparse one."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.charts.axes import shown_labels
from mosa_edu.viz.charts.base import AXIS, explain, keep_square, new_figure, percent, plural, share
from mosa_edu.viz.charts.shapes import add_targets, filled, rectangle, squares, triangle
from mosa_edu.viz.style import LIGHT, SIZES

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
