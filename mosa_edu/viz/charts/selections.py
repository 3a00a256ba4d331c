"""What every head keeps, and how many heads keep each token."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.charts.axes import (
    head_axis,
    head_names,
    head_rows,
    ranks,
    small,
    token_axis,
    token_names,
)
from mosa_edu.viz.charts.base import AXIS, explain, listed, new_figure, plural
from mosa_edu.viz.finding import finding
from mosa_edu.viz.style import CLEAR, LIGHT, SIZES
from mosa_edu.viz.tokens import token_labels, word_around

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
