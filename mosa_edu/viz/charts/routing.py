"""How every head scores every token."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

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
from mosa_edu.viz.charts.base import AXIS, explain, new_figure
from mosa_edu.viz.style import CONTINUOUS, LIGHT, SIZES


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
