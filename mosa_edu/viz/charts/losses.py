"""How training went: loss over tokens seen, beside a model that only counts words."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RunRecord
from mosa_edu.viz.charts.base import explain, new_figure
from mosa_edu.viz.charts.lines import add_lines, last_finite, value_axis
from mosa_edu.viz.style import LIGHT

MOST_POINTS = 150


def loss_curves(
    records: Sequence[RunRecord], unigram: float | None = None, held_out: bool = False
) -> go.Figure:
    """Draw the loss of runs over the tokens they have seen.

    Parameters
    ----------
    records : sequence of RunRecord
        At least one, with different names; runs with more than 150 points are drawn as means of
        neighbouring points.
    unigram : float, optional
        Loss of a model that knows only how frequent each token is, in nats per token.
    held_out : bool
        Draw the loss on held-out text, `extra["validation_curve"]`, not that of the training.

    Returns
    -------
    plotly.graph_objects.Figure
        One line a run; the unigram model is a dashed line across.

    Raises
    ------
    ValueError
        If there is no record, none has such a curve, or two have the same name.
    """
    names = [record.name for record in records]
    require(len(names) > 0, "records", names, "at least one record")
    require(len(set(names)) == len(names), "records", names, "of runs with different names")
    heading = "Loss on held-out text" if held_out else "Training loss"
    curves = {record.name: _curve(record, held_out) for record in records}
    lines = {name: _thin(curve) for name, curve in curves.items() if np.isfinite(curve).any()}
    require(len(lines) > 0, "records", names, f"runs with a curve of the {heading.lower()}")
    figure = new_figure(heading, "nats per token, over the tokens seen", 380)
    losses = np.concatenate([y for _, y in lines.values()])
    top = float(np.nanmax([np.nanmax(losses), unigram or 0.0]))
    low = float(np.nanmin(losses))
    pad = 0.06 * (top - low or 1.0)
    last = max(float(x[-1]) for x, _ in lines.values())
    figure.update_layout(
        xaxis={**value_axis("tokens seen"), "range": [0, last]},
        yaxis={**value_axis(""), "range": [low - pad, top + pad]},
    )
    add_lines(figure, lines, "%{y:.3f} nats after %{x:.3s} tokens")
    if unigram is not None:
        _add_unigram(figure, unigram)
    encoding = f"Lines of {heading.lower()} over tokens seen: {', '.join(lines)}."
    return explain(figure, _losses_finding(records, unigram), encoding)


def _add_unigram(figure: go.Figure, unigram: float) -> None:
    across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": unigram, "y1": unigram}
    figure.add_shape(**across, line={"color": LIGHT.quiet, "width": 1, "dash": "dot"})
    figure.add_annotation(
        text=f"unigram {unigram:.2f}",
        font={"color": LIGHT.ink2},
        **{"xref": "paper", "x": 1, "y": unigram, "xanchor": "right", "yanchor": "bottom"},
        showarrow=False,
    )


def _curve(record: RunRecord, held_out: bool) -> np.ndarray:
    """Tokens seen and loss: float64 (points, 2), without the points whose loss is no number."""
    points = record.curve
    if held_out:
        rows = record.extra.get("validation_curve", [])
        points = np.array([row[:3] for row in rows], dtype=np.float64).reshape(-1, 3)
    return points[np.isfinite(points[:, 2]), 1:]


def _thin(curve: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average neighbouring points, so that a figure stays small; at most `MOST_POINTS` are left."""
    tokens, losses = curve.T
    groups = np.array_split(np.arange(len(tokens)), min(len(tokens), MOST_POINTS))
    x = np.array([tokens[group].mean() for group in groups]).round()
    y = np.array([losses[group].mean() for group in groups]).round(3)
    return x.astype(np.int32 if x.max() < 2**31 else np.float64), y.astype(np.float32)


def _losses_finding(records: Sequence[RunRecord], unigram: float | None) -> str:
    """Name the loss of every run on held-out text, or on its last training steps."""
    shared = set.intersection(*(set(record.validation) for record in records))
    if shared:
        length = max(shared, key=int)
        said = f"Loss on held-out text of {int(length):,} tokens: "
        ends = {record.name: record.validation_loss(int(length)) for record in records}
    else:
        said = "Training loss at the end: "
        ends = {r.name: last_finite(r.curve[:, 2]) for r in records}
    parts = [
        f"{name} {loss:.2f}" if np.isfinite(loss) else f"{name} has diverged"
        for name, loss in ends.items()
    ]
    said += ", ".join(parts) + " nats per token."
    if unigram is not None:
        said += f" Knowing only how frequent each token is gives {unigram:.2f}."
    return said
