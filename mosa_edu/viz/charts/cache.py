"""How a cache fills while a text is written: every sparse head beside a dense one."""

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.viz.charts.axes import small
from mosa_edu.viz.charts.base import explain, new_figure, plural
from mosa_edu.viz.charts.lines import value_axis
from mosa_edu.viz.style import LIGHT


def cache_filling(slots: np.ndarray, prompt: int, limit: int) -> go.Figure:
    """Draw the key-value pairs of every sparse head after each token.

    Parameters
    ----------
    slots : ndarray of int, shape (T, H)
        Pairs that each head holds after tokens 0 .. t.
    prompt : int
        Tokens that were given, in [1, T].
    limit : int
        Slots of a sparse head at most.

    Returns
    -------
    plotly.graph_objects.Figure
        One thin line a head, a thick one for the mean head and one for a dense head.

    Raises
    ------
    ValueError
        If a head holds more than it may, or lets go of a pair.
    """
    T, H = slots.shape
    require(1 <= prompt <= T, "prompt", prompt, f"in [1, {T}]")
    require(int(slots.max()) <= limit, "slots", int(slots.max()), f"at most limit={limit}")
    require(bool((np.diff(slots, axis=0) >= 0).all()), "slots", "a pair let go", "never fewer")
    note = f"{H} heads of one layer, at most {limit} pairs each"
    figure = new_figure("Pairs in the cache", note, 380)
    figure.update_layout(
        xaxis={**value_axis("tokens read and written"), "range": [0, T]},
        yaxis={**value_axis(""), "range": [0, 1.04 * T]},
        margin_r=88,
    )
    steps = {"x0": 1, "dx": 1, "mode": "lines"}  # no list of x: it would be most of the figure
    thin = {"color": LIGHT.quiet, "width": 1}
    for head in range(H):
        figure.add_scatter(
            **{**steps, "y": small(slots[:, head]), "line": thin},
            hovertemplate=f"head {head}: %{{y}} pairs after %{{x}} tokens<extra></extra>",
        )
    mean, dense = slots.mean(axis=1).round(1).astype(np.float32), small(np.arange(1, T + 1))
    for name, y, colour in (("mean", mean, LIGHT.pick), ("dense", dense, LIGHT.ink)):
        figure.add_scatter(
            **{**steps, "y": y, "line": {"color": colour, "width": 2.5}},
            hovertemplate=f"{name} head: %{{y}} pairs after %{{x}} tokens<extra></extra>",
        )
        figure.add_annotation(
            **{"text": f"{name} head", "x": T, "y": float(y[-1]), "showarrow": False},
            **{"xanchor": "left", "xshift": 6, "font": {"color": colour}},
        )
    up = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": prompt, "x1": prompt}
    figure.add_shape(**up, line={"color": LIGHT.ink, "width": 1, "dash": "dot"})
    figure.add_annotation(
        **{"text": "end of the prompt", "x": prompt, "yref": "paper", "y": 1, "showarrow": False},
        **{"xanchor": "left", "xshift": 4, "font": {"color": LIGHT.ink2}},
    )
    encoding = f"Lines of pairs over tokens: {plural(H, 'sparse head')}, their mean, a dense head."
    return explain(figure, _finding(slots), encoding)


def _finding(slots: np.ndarray) -> str:
    """Say what the heads hold at the end, and what a dense head would."""
    T, H = slots.shape
    last = slots[-1]
    return (
        f"After {T} tokens the {H} heads hold {last.min()} to {last.max()} pairs each, "
        f"{last.mean():.0f} on average; a dense head holds {T}."
    )
