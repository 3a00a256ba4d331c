"""One head among the heads of its layer: what it scores, what it keeps."""

import numpy as np
import plotly.graph_objects as go

from mosa_edu.records import RoutingTrace
from mosa_edu.viz.charts.axes import head_names, small
from mosa_edu.viz.charts.base import explain
from mosa_edu.viz.charts.routing import routing_heatmap
from mosa_edu.viz.finding import finding
from mosa_edu.viz.style import LIGHT


def head_heatmap(trace: RoutingTrace, layer: int, head: int) -> go.Figure:
    """Draw the router scores of a layer, with one head pointed out.

    Parameters
    ----------
    trace : RoutingTrace
        What is drawn.
    layer, head : int
        The head.

    Returns
    -------
    plotly.graph_objects.Figure
        Heat map of heads x tokens; the head's row is framed, its picks are blue. The last trace
        holds them: `figure.data[-1].x` are positions.

    Raises
    ------
    ValueError
        If the trace has no such head.
    """
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
