"""Where the tokens of one sparse head look."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.charts.axes import shown_labels
from mosa_edu.viz.charts.base import AXIS, explain, keep_square, new_figure, share
from mosa_edu.viz.charts.shapes import add_targets, filled, squares
from mosa_edu.viz.style import LIGHT, MONO
from mosa_edu.viz.tokens import token_labels

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
