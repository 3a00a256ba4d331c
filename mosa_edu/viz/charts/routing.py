"""Who keeps which token: heads by tokens, with scores, marks and counts."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.base import AXIS, explain, new_figure
from mosa_edu.viz.charts.parts import add_level
from mosa_edu.viz.style import CLEAR, CONTINUOUS, LIGHT, MONO, SIZES
from mosa_edu.viz.words import shown_labels

ORDERS = ("head", "similarity")
HISTOGRAM = 80  # pixels


def routing_heatmap(
    trace: RoutingTrace, layer: int | None = None, order: str = "head", caption: str = ""
) -> go.Figure:
    """Draw the router scores of every head for every token, with a dot on each pick.

    Parameters
    ----------
    trace : RoutingTrace
        What is drawn.
    layer : int, optional
        Only this layer; all layers if not given.
    order : {"head", "similarity"}
        Heads by number, or, within each layer, next to heads that keep the same tokens.

    Returns
    -------
    plotly.graph_objects.Figure
        Heat map of heads x tokens.

    Raises
    ------
    ValueError
        If the trace has no such layer, or `order` is unknown.
    """
    rows = _head_rows(trace, layer, order)
    scores = np.array([trace.scores[row] for row in rows])
    height = max(11 if layer is None else 18, 120 // len(rows)) * len(rows)
    where = "all layers" if layer is None else f"layer {layer}"
    figure = new_figure(
        f"Router scores, {where}", "a dot where the head keeps the token", height + 130
    )
    figure.add_heatmap(
        z=np.round(scores / 655.35).astype(np.uint8),  # percent: one byte a score
        x=_token_names(trace),
        y=_head_names(rows),
        customdata=_ranks(trace, rows),
        **{"zmin": 0, "zmax": 100, "colorscale": CONTINUOUS},
        colorbar={
            **{"thickness": 10, "len": 1, "outlinewidth": 0, "xpad": 6, "ypad": 0},
            **{"tickvals": [0, 50, 100], "ticktext": ["0", ".5", "1"]},
            **{"tickfont": {"size": SIZES["axis"], "color": LIGHT.ink2}},
        },
        hovertemplate="%{y}   <b>%{x}</b><br>score %{z} %, rank %{customdata}<extra></extra>",
    )
    heads, tokens = np.nonzero([trace.selected_mask()[row] for row in rows])
    ring = {"color": LIGHT.ink, "width": 1}
    size = float(np.clip(300 / trace.T, 2.5, 6))
    _add_dots(figure, tokens, heads, {"size": size, "color": LIGHT.ground, "line": ring})
    hidden = {**AXIS, "visible": False}
    gaps = [row for row in range(1, len(rows)) if rows[row][0] != rows[row - 1][0]]
    figure.update_layout(
        xaxis=_token_axis(),
        yaxis=_head_axis(rows, layer),
        xaxis2={**hidden, "overlaying": "x", "range": [-0.5, trace.T - 0.5]},
        yaxis2={**hidden, "overlaying": "y", "range": [len(rows) - 0.5, -0.5]},
        shapes=[
            {
                **{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y"},
                **{"y0": row - 0.5, "y1": row - 0.5, "line": {"color": LIGHT.ground, "width": 3}},
            }
            for row in gaps
        ],
    )
    drawn = f"Heat map of router scores: {len(rows)} heads by {trace.T} tokens of {where}."
    return explain(figure, drawn, caption)


def head_heatmap(trace: RoutingTrace, layer: int, head: int) -> go.Figure:
    """Draw the router scores of a layer, with one head pointed out."""
    selected = trace.selected(layer, head)
    figure = routing_heatmap(trace, layer)
    ring = {"color": LIGHT.ground, "width": 1}
    size = float(np.clip(650 / trace.T, 5, 11))
    row = np.full(len(selected), head)
    _add_dots(figure, selected, row, {"size": size, "color": LIGHT.pick, "line": ring})
    for colour, width in ((LIGHT.ink, 5), (LIGHT.ground, 2)):  # one is seen on any score
        figure.add_shape(
            **{"type": "rect", "xref": "paper", "x0": 0, "x1": 1},
            **{"yref": "y2", "y0": head - 0.5, "y1": head + 0.5},
            line={"color": colour, "width": width},
        )
    names = _head_names([(layer, number) for number in range(trace.heads)])
    shown = [f"<b>{name}</b>" if row == head else name for row, name in enumerate(names)]
    figure.update_layout(yaxis={"tickmode": "array", "tickvals": names, "ticktext": shown})
    drawn = (
        f"Heat map of router scores: {trace.heads} heads by {trace.T} tokens of layer {layer}; "
        f"the row of head {head} is framed, its {len(selected)} picks are blue."
    )
    return explain(figure, drawn, "")


def selections_per_head(
    trace: RoutingTrace, layer: int | None = None, head: int | None = None, caption: str = ""
) -> go.Figure:
    """Draw what every head keeps, one row a head, over the number of heads that keep each token.

    Parameters
    ----------
    trace : RoutingTrace
        What is drawn.
    layer, head : int, optional
        A head to point out.

    Returns
    -------
    plotly.graph_objects.Figure
        Marks above, bars below, on one axis of tokens.

    Raises
    ------
    ValueError
        If the trace has no such head, or only one of the two is given.
    """
    rows = _head_rows(trace, None, "head")
    marks = np.array([trace.selected_mask()[row] for row in rows]).astype(np.uint8)
    require((layer is None) == (head is None), "head", head, "given together with layer")
    height = 9 * len(rows)
    total = height + HISTOGRAM + 24
    note = "a mark where the head keeps the token"
    figure = new_figure(f"All {len(rows)} heads", note, total + 110)
    if layer is not None and head is not None:
        trace.check_head(layer, head)
        marks[rows.index((layer, head))] *= 2
        _point_out(figure, rows.index((layer, head)), f"L{layer}·H{head}")
    figure.add_heatmap(
        z=marks,
        x=_token_names(trace),
        y=_head_names(rows),
        customdata=_ranks(trace, rows),
        **{"zmin": 0, "zmax": 2, "xgap": 0.5, "ygap": 1, "showscale": False},
        colorscale=[[0, CLEAR], [0.5, LIGHT.quiet], [1, LIGHT.pick]],
        hovertemplate="%{y}   <b>%{x}</b><br>rank %{customdata}<extra></extra>",
    )
    _add_histogram(figure, trace, "y2")
    figure.update_layout(
        xaxis={**_token_axis(), "anchor": "y2"},
        yaxis={**_head_axis(rows, None), "domain": [1 - height / total, 1]},
        yaxis2={**_count_axis(trace), "domain": [0, HISTOGRAM / total]},
    )
    drawn = f"{len(rows)} rows, one a head; a mark for each token that the head keeps."
    return explain(figure, drawn, caption)


def _point_out(figure: go.Figure, row: int, name: str) -> None:
    """Draw a band across one row, with its name at the end."""
    figure.add_shape(
        **{"type": "rect", "xref": "paper", "x0": 0, "x1": 1},
        **{"yref": "y", "y0": row - 0.5, "y1": row + 0.5},
        **{"fillcolor": LIGHT.pick_wash, "line": {"width": 0}, "layer": "below"},
    )
    figure.add_annotation(
        text=f"<b>{name}</b>",
        font={"color": LIGHT.pick, "size": SIZES["axis"]},
        **{"xref": "paper", "x": 1, "xanchor": "left", "yref": "y", "y": row, "showarrow": False},
    )
    figure.update_layout(margin_r=56)


def heads_per_token(trace: RoutingTrace, caption: str = "") -> go.Figure:
    """Draw how many heads keep each token.

    Parameters
    ----------
    trace : RoutingTrace
        What is drawn.

    Returns
    -------
    plotly.graph_objects.Figure
        Bars: bold from twice the mean on; a ring for a token that no head keeps.
    """
    note = "dotted: mean; bold: twice the mean; ring: no head"
    figure = new_figure("Heads per token", note, 300)
    _add_histogram(figure, trace, "y")
    figure.update_layout(xaxis=_token_axis(), yaxis=_count_axis(trace))
    return explain(figure, f"Bars over {trace.T} tokens: heads that keep it.", caption)


def _add_histogram(figure: go.Figure, trace: RoutingTrace, axis: str) -> None:
    counts, names = trace.heads_per_token(), np.array(_token_names(trace))
    hubs = counts >= max(2 * counts.mean(), 1)
    for chosen, colour in ((~hubs & (counts > 0), LIGHT.quiet), (hubs, LIGHT.ink)):
        figure.add_bar(
            x=names[chosen].tolist(),
            y=_small(counts[chosen]),
            yaxis=axis,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="<b>%{x}</b><br>%{y} heads<extra></extra>",
        )
    figure.add_scatter(
        x=names[counts == 0].tolist(),
        y=_small(counts[counts == 0]),
        **{"yaxis": axis, "mode": "markers", "cliponaxis": False},
        marker={"symbol": "circle-open", "size": 6, "color": LIGHT.ink, "line": {"width": 1.5}},
        hovertemplate="<b>%{x}</b><br>kept by no head<extra></extra>",
    )
    add_level(figure, float(counts.mean()), axis=axis)
    figure.update_layout(
        barmode="overlay",
        bargap=0.15,
        # Named once and in order, or tokens would stand as the traces bring them.
        xaxis={"categoryorder": "array", "categoryarray": names.tolist()},
    )


def _count_axis(trace: RoutingTrace) -> dict[str, Any]:
    most = max(int(trace.heads_per_token().max()), 1)
    title = {**AXIS["title"], "text": "heads"}
    return {**AXIS, "tickvals": [0, most], "range": [-0.06 * most, 1.05 * most], "title": title}


def _add_dots(
    figure: go.Figure, tokens: np.ndarray, rows: np.ndarray, marker: dict[str, Any]
) -> None:
    """Add dots on the hidden axes of numbers that lie over a heat map's axes of names."""
    figure.add_scatter(
        **{"x": _small(tokens), "y": _small(rows), "mode": "markers", "marker": marker},
        **{"xaxis": "x2", "yaxis": "y2", "hoverinfo": "skip"},
    )


def _head_rows(trace: RoutingTrace, layer: int | None, order: str) -> list[tuple[int, int]]:
    """Return (layer, head) of every row, from top to bottom."""
    require(order in ORDERS, "order", order, f"one of {ORDERS}")
    layers = range(trace.layers) if layer is None else [layer]
    trace.check_head(layers[0], 0)
    picked = trace.selected_mask()
    rows: list[tuple[int, int]] = []
    for number in layers:
        heads = by_similarity(picked[number]) if order == "similarity" else range(trace.heads)
        rows += [(number, head) for head in heads]
    return rows


def by_similarity(picked: np.ndarray) -> list[int]:
    """Order heads so that neighbours keep the same tokens, from the head that shares least."""
    shared = picked.astype(np.int64) @ picked.T.astype(np.int64)  # (H, H) picks in common
    left = list(range(len(picked)))
    chain = [int(shared.sum(axis=1).argmin())]
    left.remove(chain[0])
    while left:
        chain.append(max(left, key=lambda head: (shared[chain[-1], head], -head)))
        left.remove(chain[-1])
    return chain


def _ranks(trace: RoutingTrace, rows: list[tuple[int, int]]) -> np.ndarray:
    """Rank of every token in every row, from 1."""
    order = np.array([trace.order[row] for row in rows]).astype(np.int64)
    return _small(np.argsort(order, axis=1) + 1)


def _token_names(trace: RoutingTrace) -> list[str]:
    """Return a name for each token, its label and its position: equal words stay apart."""
    labels = shown_labels([token.text for token in trace.tokens])
    return [f"{label} {position}" for position, label in enumerate(labels)]


def _head_names(rows: list[tuple[int, int]]) -> list[str]:
    return [f"L{layer}·H{head}" for layer, head in rows]


def _token_axis() -> dict[str, Any]:
    """Return the axis of tokens: Plotly leaves out the names that find no room."""
    font = {**AXIS["tickfont"], "family": MONO}
    return {**AXIS, "type": "category", "tickangle": -90, "tickfont": font}


def _head_axis(rows: list[tuple[int, int]], layer: int | None) -> dict[str, Any]:
    """Return the axis of heads: each by name within one layer, else the layers where they begin."""
    axis = {**AXIS, "type": "category", "autorange": "reversed"}
    if layer is not None:
        return axis
    layers = [number for number, _ in rows]
    firsts = [row for row, number in enumerate(layers) if number not in layers[:row]]
    texts = [f"Layer {layers[row]}" for row in firsts]
    return {**axis, "tickmode": "array", "tickvals": firsts, "ticktext": texts}


def _small(values: np.ndarray) -> np.ndarray:
    """Return whole numbers >= 0 in the smallest type that holds them: pages store them."""
    return values.astype(np.uint8 if values.max(initial=0) < 256 else np.uint16)
