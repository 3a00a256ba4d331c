"""Who is below the dense model while both train, and by how much."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.results.gain_curves import GainCurve
from mosa_edu.viz.charts.base import explain, new_figure, plural
from mosa_edu.viz.charts.lines import add_lines, line_styles, value_axis
from mosa_edu.viz.style import LIGHT

BEGIN = 0.1
"""Share of the training that is left out: first losses fall by nats, gains are hundredths."""


def gain_lines(curves: Sequence[GainCurve]) -> go.Figure:
    """Draw the gains of kinds of models on dense ones over the tokens seen.

    Parameters
    ----------
    curves : sequence of GainCurve
        Such as `mosa_edu.results.gain_curves` returns, of different kinds.

    Returns
    -------
    plotly.graph_objects.Figure
        One line a kind, the mean over its seeds, and a hairline a seed; a dotted line at 0. The
        first tenth of the training is left out.

    Raises
    ------
    ValueError
        If there is no curve, or two are of one kind.
    """
    kinds = [curve.kind for curve in curves]
    require(len(kinds) > 0, "curves", kinds, "at least one curve")
    require(len(set(kinds)) == len(kinds), "curves", kinds, "of different kinds")
    note = "nats per token below dense, a sample of held-out text"
    figure = new_figure("Gain while training", note, 380)
    kept = {curve.kind: curve.tokens >= BEGIN * curve.tokens[-1] for curve in curves}
    drawn = np.concatenate([curve.gains[:, kept[curve.kind]].ravel() for curve in curves])
    low, high = min(0.0, float(drawn.min())), max(0.0, float(drawn.max()))
    pad = 0.06 * (high - low or 1.0)
    last = max(float(curve.tokens[-1]) for curve in curves)
    figure.update_layout(
        xaxis={**value_axis("tokens seen"), "range": [0, last]},
        yaxis={**value_axis(""), "range": [low - pad, high + pad]},
    )
    figure.add_hline(y=0, line={"color": LIGHT.ink, "width": 1, "dash": "dot"})
    for curve, style in zip(curves, line_styles(kinds), strict=True):
        for gains in curve.gains if len(curve.seeds) > 1 else ():
            _add_hairline(figure, curve.tokens, gains, kept[curve.kind], style["color"])
    lines = {
        curve.kind: (curve.tokens[kept[curve.kind]], curve.mean[kept[curve.kind]].round(4))
        for curve in curves
    }
    add_lines(figure, lines, "%{y:+.3f} nats after %{x:.3s} tokens")
    encoding = f"Lines of the gain on dense over tokens seen: {', '.join(kinds)}; dotted, no gain."
    return explain(figure, _finding(curves), encoding)


def _add_hairline(
    figure: go.Figure, tokens: np.ndarray, gains: np.ndarray, kept: np.ndarray, colour: str
) -> None:
    figure.add_scatter(
        **{"x": tokens[kept], "y": gains[kept].round(4), "mode": "lines", "hoverinfo": "skip"},
        **{"line": {"color": colour, "width": 1}, "opacity": 0.35},
    )


def _finding(curves: Sequence[GainCurve]) -> str:
    """Say who ends above zero in every seed, and who below."""
    tokens = max(curve.tokens[-1] for curve in curves)
    said = []
    for curve in curves:
        ends = curve.gains[:, -1]
        spread = f", {ends.min():+.3f} to {ends.max():+.3f}" if len(ends) > 1 else ""
        said.append(f"{curve.kind} {ends.mean():+.3f} ({plural(len(ends), 'seed')}{spread})")
    return f"Nats gained on dense after {tokens / 1e6:.2f} M tokens: {'; '.join(said)}."
