"""How every head scores every token."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.base import AXIS, explain, keep_square, listed, new_figure, plural, share
from mosa_edu.viz.charts.parts import (
    add_targets,
    filled,
    head_axis,
    head_names,
    head_rows,
    ranks,
    shown_labels,
    small,
    squares,
    token_axis,
    token_names,
)
from mosa_edu.viz.components.finding import finding, token_labels, word_around
from mosa_edu.viz.style import CLEAR, CONTINUOUS, LIGHT, MONO, SIZES


def routing_heatmap(
    trace: RoutingTrace, layer: int | None = None, order: str = "head"
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
    rows = head_rows(trace, layer, order)
    scores = np.array([trace.scores[row] for row in rows])
    height = max(11 if layer is None else 18, 120 // len(rows)) * len(rows)
    where = "all layers" if layer is None else f"layer {layer}"
    note = "a dot where the head keeps the token"
    figure = new_figure(f"Router scores, {where}", note, height + 130)
    figure.add_heatmap(
        z=np.round(scores / 655.35).astype(np.uint8),  # percent: one byte a score
        x=token_names(trace),
        y=head_names(rows),
        customdata=ranks(trace, rows),
        **{"zmin": 0, "zmax": 100, "colorscale": CONTINUOUS},
        colorbar=_colorbar(),
        hovertemplate="%{y}   <b>%{x}</b><br>score %{z} %, rank %{customdata}<extra></extra>",
    )
    heads, tokens = np.nonzero([trace.picked()[row] for row in rows])
    figure.add_scatter(
        x=small(tokens),
        y=small(heads),
        **{"xaxis": "x2", "yaxis": "y2", "mode": "markers", "hoverinfo": "skip"},
        marker={
            "size": float(np.clip(300 / trace.T, 2.5, 6)),
            "color": LIGHT.ground,
            "line": {"color": LIGHT.ink, "width": 1},
        },
    )
    hidden = {**AXIS, "visible": False}
    figure.update_layout(
        xaxis=token_axis(),
        yaxis=head_axis(rows, layer),
        xaxis2={**hidden, "overlaying": "x", "range": [-0.5, trace.T - 0.5]},
        yaxis2={**hidden, "overlaying": "y", "range": [len(rows) - 0.5, -0.5]},
        shapes=_layer_gaps(rows),
    )
    encoding = f"Heat map of router scores: {len(rows)} heads by {trace.T} tokens of {where}."
    return explain(figure, _overlap_finding(trace, rows), encoding)


def _layer_gaps(rows: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Lines between layers."""
    line = {"color": LIGHT.ground, "width": 3}
    span = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "line": line}
    edges = [row for row in range(1, len(rows)) if rows[row][0] != rows[row - 1][0]]
    return [{**span, "y0": row - 0.5, "y1": row - 0.5} for row in edges]


def _colorbar() -> dict[str, Any]:
    font = {"size": SIZES["axis"], "color": LIGHT.ink2}
    bar = {"thickness": 10, "len": 1, "outlinewidth": 0, "xpad": 6, "ypad": 0}
    return {**bar, "tickvals": [0, 50, 100], "ticktext": ["0", ".5", "1"], "tickfont": font}


def _overlap_finding(trace: RoutingTrace, rows: list[tuple[int, int]]) -> str:
    """Say how much the heads of a figure agree, beside chance."""
    picked = np.array([trace.picked()[row] for row in rows]).astype(np.int64)
    sizes, n = picked.sum(axis=1), len(rows)
    low, high = int(sizes.min()), int(sizes.max())
    kept = f"{low}" if low == high else f"{low} to {high}"
    said = f"Each head keeps {kept} of {trace.T} tokens"
    if n == 1:
        return said + "."
    shared = (picked.sum(axis=0) ** 2).sum() - (picked**2).sum()
    chance = (sizes.sum() ** 2 - (sizes**2).sum()) / trace.T
    pairs = n * (n - 1)
    return (
        f"{said}; two heads have {shared / pairs:.1f} of them in common on average, "
        f"where picks at random would have {chance / pairs:.1f}."
    )


HISTOGRAM = 80  # pixels


def selections_per_head(
    trace: RoutingTrace, layer: int | None = None, head: int | None = None
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
    rows = head_rows(trace, None, "head")
    marks = np.array([trace.picked()[row] for row in rows]).astype(np.uint8)
    said = _counts_finding(trace)
    require((layer is None) == (head is None), "head", head, "given together with layer")
    height = 9 * len(rows)
    total = height + HISTOGRAM + 24
    note = "a mark where the head keeps the token"
    figure = new_figure(f"All {len(rows)} heads", note, total + 110)
    figure.add_heatmap(
        z=marks,
        x=token_names(trace),
        y=head_names(rows),
        customdata=ranks(trace, rows),
        **{"zmin": 0, "zmax": 2, "xgap": 0.5, "ygap": 1, "showscale": False},
        colorscale=[[0, CLEAR], [0.5, LIGHT.quiet], [1, LIGHT.pick]],
        hovertemplate="%{y}   <b>%{x}</b><br>rank %{customdata}<extra></extra>",
    )
    _add_histogram(figure, trace, "y2")
    if layer is not None and head is not None:
        trace.check_head(layer, head)
        said = f"{finding(trace, layer, head).sentence} {said}"
        _point_out(figure, rows, (layer, head))
    figure.update_layout(
        xaxis={**token_axis(), "anchor": "y2"},
        yaxis={**head_axis(rows, None), "domain": [1 - height / total, 1]},
        yaxis2={**_count_axis(trace), "domain": [0, HISTOGRAM / total]},
    )
    encoding = f"{len(rows)} rows, one a head; a mark for each token that the head keeps."
    return explain(figure, said, encoding)


def heads_per_token(trace: RoutingTrace) -> go.Figure:
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
    figure.update_layout(xaxis=token_axis(), yaxis=_count_axis(trace))
    return explain(
        figure, _counts_finding(trace), f"Bars over {trace.T} tokens: heads that keep it."
    )


def _add_histogram(figure: go.Figure, trace: RoutingTrace, axis: str) -> None:
    counts, names = trace.heads_per_token(), np.array(token_names(trace))
    hubs = counts >= max(2 * counts.mean(), 1)
    for chosen, colour in ((~hubs & (counts > 0), LIGHT.quiet), (hubs, LIGHT.ink)):
        figure.add_bar(
            x=names[chosen].tolist(),
            y=small(counts[chosen]),
            yaxis=axis,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="<b>%{x}</b><br>%{y} heads<extra></extra>",
        )
    figure.add_scatter(
        x=names[counts == 0].tolist(),
        y=small(counts[counts == 0]),
        **{"yaxis": axis, "mode": "markers", "cliponaxis": False},
        marker={"symbol": "circle-open", "size": 6, "color": LIGHT.ink, "line": {"width": 1.5}},
        hovertemplate="<b>%{x}</b><br>kept by no head<extra></extra>",
    )
    mean = float(counts.mean())
    figure.add_shape(
        **{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": axis, "y0": mean, "y1": mean},
        line={"color": LIGHT.ink, "width": 1, "dash": "dot"},
    )
    figure.update_layout(
        barmode="overlay",
        bargap=0.15,
        # Named once and in order, or tokens would stand as the traces bring them.
        xaxis={"categoryorder": "array", "categoryarray": names.tolist()},
    )


def _count_axis(trace: RoutingTrace) -> dict[str, Any]:
    most = max(int(trace.heads_per_token().max()), 1)
    title = {**AXIS["title"], "text": "heads"}
    scale = {"tickvals": [0, most], "range": [-0.06 * most, 1.05 * most]}
    return {**AXIS, **scale, "title": title}


def _point_out(figure: go.Figure, rows: list[tuple[int, int]], chosen: tuple[int, int]) -> None:
    """Give one row its colour, a band across the figure and its name at the end."""
    row = rows.index(chosen)
    marks = figure.data[0].z.copy()
    marks[row] *= 2
    figure.data[0].z = marks
    figure.add_shape(
        **{"type": "rect", "xref": "paper", "x0": 0, "x1": 1},
        **{"yref": "y", "y0": row - 0.5, "y1": row + 0.5},
        **{"fillcolor": LIGHT.pick_wash, "line": {"width": 0}, "layer": "below"},
    )
    figure.add_annotation(
        text=f"<b>{head_names([chosen])[0]}</b>",
        font={"color": LIGHT.pick, "size": SIZES["axis"]},
        **{"xref": "paper", "x": 1, "xanchor": "left", "yref": "y", "y": row, "showarrow": False},
    )
    figure.update_layout(margin_r=56)


def _counts_finding(trace: RoutingTrace) -> str:
    """Name the token that most heads keep, and those that none keeps."""
    texts = [token.text for token in trace.tokens]
    counts, labels = trace.heads_per_token(), token_labels(texts)
    n, top = trace.layers * trace.heads, int(counts.argmax())
    if counts[top] == 0:
        return "No head keeps any token."
    before, piece, after = word_around(texts, top)
    name = f"“{piece}” of “{before}{piece}{after}”" if before or after else f"“{piece}”"
    said = (
        f"{name}, position {top}, is kept by {counts[top]} of {plural(n, 'head')}, "
        f"{counts[top] / counts.mean():.1f} times the mean of {counts.mean():.1f}. "
    )
    orphans = [labels[position] for position in np.flatnonzero(counts == 0)]
    if not orphans:
        return said + "Every token is kept by some head."
    are = "is 1 token" if len(orphans) == 1 else f"are {len(orphans)} tokens"
    return f"{said}There {are} that no head keeps: {listed(orphans, 6)}."


def head_heatmap(trace: RoutingTrace, layer: int, head: int) -> go.Figure:
    """Draw the router scores of a layer, with one head pointed out."""
    picks = trace.picks(layer, head)
    figure = routing_heatmap(trace, layer)
    figure.add_scatter(
        x=small(picks),
        y=np.full(len(picks), head, dtype=np.uint8).tolist(),
        **{"xaxis": "x2", "yaxis": "y2", "mode": "markers", "hoverinfo": "skip"},
        marker={
            "size": float(np.clip(650 / trace.T, 5, 11)),
            "color": LIGHT.pick,
            "line": {"color": LIGHT.ground, "width": 1},
        },
    )
    for colour, width in ((LIGHT.ink, 5), (LIGHT.ground, 2)):  # one is seen on any score
        figure.add_shape(
            **{"type": "rect", "xref": "paper", "x0": 0, "x1": 1},
            **{"yref": "y2", "y0": head - 0.5, "y1": head + 0.5},
            line={"color": colour, "width": width},
        )
    names = head_names([(layer, number) for number in range(trace.heads)])
    shown = [f"<b>{name}</b>" if row == head else name for row, name in enumerate(names)]
    figure.update_layout(yaxis={"tickmode": "array", "tickvals": names, "ticktext": shown})
    found = finding(trace, layer, head)
    encoding = (
        f"Heat map of router scores: {trace.heads} heads by {trace.T} tokens of layer {layer}; "
        f"the row of head {head} is framed, its picks are blue."
    )
    return explain(figure, f"{found.sentence} {found.detail}".strip(), encoding)


CELL = 26  # pixels of a pair, at most
MOST_NAMES = 24  # on an axis, on a phone


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
        If the trace has no such head or token, or the head keeps nothing.
    """
    picks, weights = trace.picks(layer, head), trace.attention_matrix(layer, head)
    require(token is None or 0 <= token < trace.T, "token", token, f"None or in [0, {trace.T})")
    k = len(picks)
    require(k > 0, "head", head, "a head that keeps at least one token")
    labels = shown_labels(trace)
    names = [labels[position] for position in picks]
    side = int(np.clip(CELL * k, 120, 560))
    heading = f"Attention among the picks of L{layer}·H{head}"
    figure = new_figure(heading, "rows look at columns; area is weight", side + 130)
    rows, columns = np.tril_indices(k)
    hover = [
        f"{names[i]} → {names[j]}<br>weight {share(weights[i, j])}"
        for i, j in zip(rows, columns, strict=True)
    ]
    add_targets(figure, rows, columns, hover)
    words = _word_axis(names)
    across = {"range": [0, k], "constraintoward": "left", "tickangle": -90}
    down = {"range": [k, 0], "constraintoward": "top", "scaleanchor": "x"}
    shapes = _weight_squares(weights, picks == (-1 if token is None else token))
    figure.update_layout(xaxis={**words, **across}, yaxis={**words, **down}, shapes=shapes)
    encoding = f"Triangle of {k} by {k} attention weights of layer {layer}, head {head}."
    explain(figure, _weights_finding(trace, picks, weights), encoding)
    return keep_square(figure, 0.86, side)


def _weight_squares(weights: np.ndarray, studied: np.ndarray) -> list[dict[str, Any]]:
    """Squares on the wash of the pairs that are allowed; orange in the rows under study."""
    rows, columns = np.tril_indices(len(weights))
    shapes = []
    for chosen, colour, wash in (
        (~studied[rows], LIGHT.pick, LIGHT.pick_wash),
        (studied[rows], LIGHT.cursor, LIGHT.cursor_wash),
    ):
        if chosen.any():
            i, j = rows[chosen], columns[chosen]
            shapes.append(filled(squares(i, j, 0.94), wash))
            shapes.append(filled(squares(i, j, np.sqrt(weights[i, j])), colour))
    return shapes


def _word_axis(names: list[str]) -> dict[str, Any]:
    shown = range(0, len(names), 1 + len(names) // MOST_NAMES)
    places = {"tickvals": [i + 0.5 for i in shown], "ticktext": [names[i] for i in shown]}
    font = {**AXIS["tickfont"], "family": MONO}
    return {**AXIS, **places, "tickfont": font, "constrain": "domain"}


def _weights_finding(trace: RoutingTrace, picks: np.ndarray, weights: np.ndarray) -> str:
    """Say how much the queries look at themselves, and which looks away most."""
    labels = token_labels([token.text for token in trace.tokens])
    if len(picks) == 1:
        return f"The only token kept, “{labels[picks[0]]}”, looks at itself."
    said = (
        f"Tokens give {share(float(np.mean(np.diag(weights)[1:])))} of their weight to themselves"
    )
    away = np.tril(weights, -1)
    i, j = np.unravel_index(int(away.argmax()), away.shape)
    if away[i, j] < 0.05:
        return said + " on average and hardly look at anything else."
    return (
        f"{said} on average, the first one left out. The largest weight elsewhere is "
        f"{share(float(away[i, j]))}: from “{labels[picks[i]]}” at position {picks[i]} "
        f"to “{labels[picks[j]]}” at {picks[j]}."
    )


SIDE = 300  # pixels of a panel


def growing_text(rules: Mapping[str, np.ndarray], texts: Sequence[str]) -> go.Figure:
    """Draw the seats of one head under two rules, for every length of one text."""
    T = len(texts)
    require(len(rules) == 2, "rules", list(rules), "two rules")
    for name, seats in rules.items():
        require(seats.shape == (T, T), name, seats.shape, f"of shape ({T}, {T})")
        require(not np.triu(seats, 1).any(), name, "a token to come", "seats of tokens 0 .. t")
    labels = [label.replace("&", "&amp;").replace("<", "&lt;") for label in token_labels(texts)]
    figure = new_figure("Seats while the text grows", "rows: the text so far", SIDE + 120)
    shapes, titles = [], []
    for axis, (name, seats) in zip(("x", "x2"), rules.items(), strict=True):
        gone = lost(seats)
        shapes += _drawn(seats, gone, axis)
        titles.append(_title(axis, name, int(gone.sum())))
        for marks, said in ((seats, "has a seat"), (gone, "has lost its seat")):
            rows, columns = np.nonzero(marks)
            hover = [f"{labels[column]} {column} {said}" for column in columns.tolist()]
            add_targets(figure, rows, columns, hover, axis)
    figure.update_layout(**_panels(T), shapes=shapes, annotations=titles)
    encoding = f"Two squares of {T} by {T}: blue, seats; orange, seats just lost."
    return keep_square(explain(figure, _finding(rules, T), encoding), 0.42, SIDE)


def _drawn(seats: np.ndarray, gone: np.ndarray, axis: str) -> list[dict[str, Any]]:
    """Shapes of one panel: the text so far, who sits, and who has just left."""
    T = len(seats)
    seat_rows, seat_columns = np.nonzero(seats)
    rows, columns = np.nonzero(gone)
    shapes = [
        filled(f"M0,0V{T}H{T}Z", LIGHT.wash, axis),
        filled(squares(seat_rows, seat_columns), LIGHT.pick, axis),
        filled(squares(rows, columns, 0.6), LIGHT.cursor, axis),
    ]
    return [shape for shape in shapes if shape["path"]]


def lost(seats: np.ndarray) -> np.ndarray:
    """Mark the seats that a token had one row earlier and has no more.

    >>> lost(np.array([[True, False], [False, True]])).tolist()
    [[False, False], [True, False]]
    """
    gone = np.zeros_like(seats)
    gone[1:] = seats[:-1] & ~seats[1:]
    return gone


def _panels(T: int) -> dict[str, Any]:
    frame = {**AXIS, "showline": True, "mirror": True, "linecolor": LIGHT.rule, "automargin": False}
    step = max(T // 4 // 4 * 4, 1)
    ticks = {"tickvals": [t + 0.5 for t in range(0, T, step)], "ticktext": list(range(0, T, step))}
    across = {**frame, **ticks, "constrain": "domain", "range": [0, T], "constraintoward": "left"}
    down = {**frame, "constrain": "domain", "range": [T, 0], "constraintoward": "top"}
    return {
        "margin": {"l": 34, "r": 8, "t": 100, "b": 24},
        "xaxis": {**across, "domain": [0, 0.47]},
        "xaxis2": {**across, "domain": [0.53, 1]},
        "yaxis": {**down, **ticks, "scaleanchor": "x"},
        "yaxis2": {**down, "tickvals": [], "scaleanchor": "x2", "anchor": "x2"},
    }


def _title(axis: str, name: str, gone: int) -> dict[str, Any]:
    said = f"{plural(gone, 'seat')} lost" if gone else "nobody leaves"
    colour = LIGHT.cursor_text if gone else LIGHT.ink2
    place = {"xref": f"{axis} domain", "x": 0, "xanchor": "left", "yanchor": "bottom"}
    above = {"yref": f"{axis.replace('x', 'y')} domain", "y": 1, "yshift": 2}
    font = {"size": SIZES["note"], "color": colour}
    text = f"<b>{name}</b><br>{said}"
    return {"text": text, "font": font, "showarrow": False, "align": "left", **place, **above}


def _finding(rules: Mapping[str, np.ndarray], T: int) -> str:
    """Count under each rule the seats that were lost again, and who sits at the end."""
    said = []
    for name, seats in rules.items():
        gone = int(lost(seats).sum())
        what = f"{plural(gone, 'seat')} {'is' if gone == 1 else 'are'} lost again"
        said.append(f"{name}: {what if gone else 'no seat is ever lost'}, {seats[-1].sum()} held")
    return f"One head while a text grows to {T} tokens. {'. '.join(said)}."
