"""Where one dense head looks: the whole triangle of weights."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.viz.charts.base import AXIS, explain, new_figure, share
from mosa_edu.viz.style import CONTINUOUS, MONO
from mosa_edu.viz.tokens import token_labels


def dense_map(weights: np.ndarray, texts: Sequence[str], heading: str) -> go.Figure:
    """Draw the attention weights of a dense head as a field of colour.

    Parameters
    ----------
    weights : ndarray of float, shape (T, T)
        Rows are queries and sum to 1; nothing above the diagonal.
    texts : sequence of str
        The T tokens as written.
    heading : str
        Which head it is, in a few words.

    Returns
    -------
    plotly.graph_objects.Figure
        A T x T heat map.

    Raises
    ------
    ValueError
        If the weights do not fit the tokens, or look ahead.
    """
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
