"""What training reached: losses and gains over tokens, heads, positions and distances."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.analysis import ClozeRow, Interval, LongContextRow
from mosa_edu.analysis.tables import CHANCE, EVERY, GainCurve, HeadCountRow, span_name
from mosa_edu.checks import require
from mosa_edu.records import RunRecord
from mosa_edu.viz.base import explain, new_figure
from mosa_edu.viz.charts.parts import (
    MARKS,
    add_dots,
    add_legend,
    add_level,
    add_lines,
    add_reference,
    bounds,
    line_styles,
    log_axis,
    new_rows,
    over,
    value_axis,
)
from mosa_edu.viz.style import LIGHT

MOST_POINTS = 150
BEGIN = 0.1
"""Share of the training that is left out: first losses fall by nats, gains are hundredths."""
MOST_NUMBERS = 6
"""Below the axis of positions."""
FEW = {way: (f"{name}, few positions", *mark) for way, (name, *mark) in MARKS.items()}
SHOWN = {EVERY: (EVERY, LIGHT.pick, "circle"), **FEW, "full": (*FEW["full"][:2], "circle-open")}
"""Futures are hidden at a few positions, so the full score of those stands beside that of all."""
READ_RIDDLES = (
    "right %{y:.2f} [%{customdata[0]:.2f}, %{customdata[1]:.2f}]<br>cue %{x:.0f} tokens back<br>"
    "perplexity %{customdata[2]:.3f}, %{customdata[3]:.3f} with the future cut off<br>"
    "right at all distances %{customdata[4]:.3f}"
)
LOWEST = 0.4
"""Where the axis of right answers begins: a little below guessing."""


def loss_curves(
    records: Sequence[RunRecord],
    unigram: float | None = None,
    held_out: bool = False,
    caption: str = "",
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
    lines = {name: _thin(curve) for name, curve in curves.items() if len(curve)}
    require(len(lines) > 0, "records", names, f"runs with a curve of the {heading.lower()}")
    figure = new_figure(heading, "nats per token, over the tokens seen", 380)
    losses = np.concatenate([y for _, y in lines.values()]).tolist()
    losses += [] if unigram is None else [unigram]
    _over_tokens(figure, max(float(x[-1]) for x, _ in lines.values()), min(losses), max(losses))
    add_lines(figure, lines, "%{y:.3f} nats after %{x:.3s} tokens")
    if unigram is not None:
        add_level(figure, unigram, f"unigram {unigram:.2f}")
    drawn = f"Lines of {heading.lower()} over tokens seen: {', '.join(lines)}."
    return explain(figure, drawn, caption)


def _over_tokens(figure: go.Figure, last: float, low: float, high: float) -> None:
    """Give a figure the axes of nats, with room around them, over the tokens seen."""
    pad = 0.06 * (high - low or 1.0)
    figure.update_layout(
        xaxis={**value_axis("tokens seen"), "range": [0, last]},
        yaxis={**value_axis(""), "range": [low - pad, high + pad]},
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


def gain_lines(curves: Sequence[GainCurve], caption: str = "") -> go.Figure:
    """Draw the gains of kinds of models on dense ones over the tokens seen.

    Parameters
    ----------
    curves : sequence of GainCurve
        Such as `mosa_edu.analysis.tables` returns, of different kinds.

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
    last = max(float(curve.tokens[-1]) for curve in curves)
    _over_tokens(figure, last, min(0.0, float(drawn.min())), max(0.0, float(drawn.max())))
    add_level(figure, 0)
    for curve, style in zip(curves, line_styles(kinds), strict=True):
        own = kept[curve.kind]
        for gains in curve.gains if len(curve.seeds) > 1 else ():
            figure.add_scatter(
                **{"x": curve.tokens[own], "y": gains[own].round(4), "mode": "lines"},
                **{"line": {"color": style["color"], "width": 1}, "opacity": 0.35},
                hoverinfo="skip",
            )
    lines = {
        curve.kind: (curve.tokens[kept[curve.kind]], curve.mean[kept[curve.kind]].round(4))
        for curve in curves
    }
    add_lines(figure, lines, "%{y:+.3f} nats after %{x:.3s} tokens")
    said = f"Lines of the gain on dense over tokens seen: {', '.join(kinds)}; dotted, no gain."
    return explain(figure, said, caption)


def loss_by_heads(
    rows: Sequence[HeadCountRow], dense: HeadCountRow | None, caption: str = ""
) -> go.Figure:
    """Draw the loss of hybrids over the number of their MoSA heads, and that of the dense model."""
    require(len(rows) >= 2, "rows", len(rows), "at least two numbers of heads")
    require(dense is not None, "dense", dense, "the model whose loss is to be reached")
    assert dense is not None
    most_seeds = max(len(row.seeds) for row in rows)
    joined = [row for row in rows if len(row.seeds) == most_seeds]
    beside = f"beside {rows[0].n_dense_heads} dense; dots are seeds"
    figure = new_figure("Loss by number of MoSA heads", f"nats per token, {beside}", 340)
    losses = np.concatenate([row.losses for row in (*rows, dense)])
    pad = 0.1 * float(np.ptp(losses) or 1.0)
    counts = [row.n_sparse_heads for row in rows]
    most = max(counts)
    figure.update_layout(
        xaxis={
            **value_axis("MoSA heads a layer"),
            **{"range": [-0.04 * most, 1.04 * most], "tickvals": counts},
        },
        yaxis={**value_axis(""), "range": [losses.min() - pad, losses.max() + pad]},
    )
    add_level(figure, dense.mean, f"{dense.n_dense_heads} dense heads")
    read = "%{x} MoSA heads<br>%{y:.3f} nats<extra></extra>"
    figure.add_scatter(
        x=[row.n_sparse_heads for row in joined],
        y=[row.mean for row in joined],
        **{"mode": "lines", "hovertemplate": read},
        line={"color": LIGHT.pick, "width": 2},
    )
    figure.add_scatter(
        x=[row.n_sparse_heads for row in rows for _ in row.losses],
        y=[loss for row in rows for loss in row.losses],
        customdata=[seed for row in rows for seed in row.seeds],
        mode="markers",
        marker={"symbol": "circle-open", "size": 8, "color": LIGHT.pick},
        hovertemplate="%{x} MoSA heads, seed %{customdata}<br>%{y:.3f} nats<extra></extra>",
    )
    drawn = (
        f"A line of the mean loss over the number of MoSA heads, {', '.join(map(str, counts))}, "
        f"with a dot for each seed; dotted, the dense model."
    )
    return explain(figure, drawn, caption)


def gains_on_rivals(rows: Sequence[LongContextRow], caption: str = "") -> go.Figure:
    """Draw the gains of MoSA heads on the other kinds at equal FLOPs."""
    mosa = _find(rows, "mosa")
    rivals = [row for row in rows if row.kind != "mosa" and mosa.gain_on(row)]
    require(len(rivals) > 0, "rows", [row.kind for row in rows], "with rivals of the same seeds")
    names = [f"on {row.kind}" for row in rivals]
    note = f"T = {mosa.length:,}, k = {mosa.n_kept}; 95 % intervals"
    figure = new_rows("Gain of MoSA at equal FLOPs", note, names, "nats per token")
    for place, (way, (name, colour, symbol)) in enumerate(SHOWN.items()):
        points = [(number, _gain(mosa, row, way)) for number, row in enumerate(rivals)]
        add_dots(figure, name, points, mark=(colour, symbol), shift=0.2 * (place - 1.5))
    # Four marks in the place of three.
    figure.update_layout(height=figure.layout.height + 16 * len(names))
    add_legend(figure)
    add_reference(figure, 0.0, "")
    return explain(figure, f"Dots of gains with intervals: {', '.join(names)}.", caption)


def gains_by_position(rows: Sequence[LongContextRow], caption: str = "") -> go.Figure:
    """Draw what sparse heads add to local ones, over the position in the text."""
    local = _find(rows, "local")
    others = [row for row in rows if row.n_sparse_heads and row.gain_on(local)]
    require(len(others) > 0, "rows", [row.kind for row in rows], "with sparse heads beside local")
    gains = {
        row.kind: [_gain(row, local, span_name(span)) for span in local.spans] for row in others
    }
    note = f"nats per token, T = {local.length:,}, k = {local.n_kept}"
    figure = new_figure("Gain on local heads alone, by position", note, 380)
    # Every second number, the last one among them: on a phone all of them would touch.
    step, last = (2, len(local.spans) - 1) if len(local.spans) > MOST_NUMBERS else (1, 0)
    ticks = [
        f"{first:,}" if (last - place) % step == 0 else ""
        for place, (first, _) in enumerate(local.spans)
    ]
    places = list(range(len(ticks)))
    figure.update_layout(
        xaxis={
            **value_axis("first position of each range"),
            **{"tickvals": places, "ticktext": ticks, "tickangle": 0},
        },
        yaxis=value_axis(""),
    )
    lines = {kind: [gain.mean for gain in found] for kind, found in gains.items()}
    details = {kind: [bounds(gain) for gain in found] for kind, found in gains.items()}
    read = "%{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]"
    add_lines(figure, over(places, lines), read, details)
    return explain(figure, f"Lines of gains over positions: {', '.join(gains)}.", caption)


def _find(rows: Sequence[LongContextRow], kind: str) -> LongContextRow:
    """Return the row of a kind, the one with most seeds if there are several."""
    found = [row for row in rows if row.kind == kind]
    require(len(found) > 0, "rows", [row.kind for row in rows], f"with {kind} among them")
    return max(found, key=lambda row: len(row.seeds))


def _gain(row: LongContextRow, other: LongContextRow, measure: str) -> Interval:
    gain = row.gain_on(other, measure)
    assert gain is not None, "rows without a common seed are left out"
    return gain


def cloze_accuracy(rows: Sequence[ClozeRow], task: str, caption: str = "") -> go.Figure:
    """Draw the share of right answers over the distance of the cue, one line a kind of model."""
    known = sorted({row.task for row in rows})
    require(task in known, "task", task, f"one of {known}, those that were recorded")
    chosen = {f"{row.label} {row.perplexity['full']:.2f}": row for row in rows if row.task == task}
    note = "share right; perplexity, whole texts in sight"
    figure = new_figure(f"Riddles of {task}", note, 380)
    spans = [tokens for row in chosen.values() for tokens in row.distances]
    figure.update_layout(
        xaxis=log_axis("tokens from the cue to the ending", min(spans) / 1.1, max(spans) * 1.05),
        yaxis={**value_axis(""), "range": [LOWEST, 1.02], "tickformat": ".1f"},
    )
    lines = {
        name: (np.array(row.distances), np.array([found.mean for found in row.accuracies]))
        for name, row in chosen.items()
    }
    details = {
        name: [
            [found.low, found.high, *row.perplexity.values(), row.accuracy.mean]
            for found in row.accuracies
        ]
        for name, row in chosen.items()
    }
    add_lines(figure, lines, READ_RIDDLES, details)
    add_level(figure, CHANCE, "guessing", x=0, xanchor="left", yanchor="top")
    drawn = (
        f"Lines of the share of right answers over the distance of the cue in tokens: "
        f"{', '.join(chosen)}; dotted, guessing."
    )
    return explain(figure, drawn, caption)
