"""How training went: loss over tokens seen, beside a model that only counts words."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.analysis import RiddleRow
from mosa_edu.analysis.tables import CHANCE, GainCurve, HeadCountRow
from mosa_edu.checks import require
from mosa_edu.records import RunRecord
from mosa_edu.viz.base import explain, new_figure, plural
from mosa_edu.viz.charts.parts import add_lines, last_finite, line_styles, value_axis
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


BEGIN = 0.1
"""Share of the training that is left out: first losses fall by nats, gains are hundredths."""


def gain_lines(curves: Sequence[GainCurve]) -> go.Figure:
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


def loss_by_heads(rows: Sequence[HeadCountRow], dense: HeadCountRow | None) -> go.Figure:
    """Draw the loss of hybrids over the number of their MoSA heads, and that of the dense model."""
    require(len(rows) >= 2, "rows", len(rows), "at least two numbers of heads")
    if dense is None:
        raise ValueError("dense must be the model whose loss is to be reached, got None")
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
    _add_dense(figure, dense)
    read = "%{x} MoSA heads<br>%{y:.3f} nats<extra></extra>"
    figure.add_scatter(
        x=[row.n_sparse_heads for row in joined],
        y=[row.loss for row in joined],
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
    encoding = (
        f"A line of the mean loss over the number of MoSA heads, {', '.join(map(str, counts))}, "
        f"with a dot for each seed; dotted, the dense model."
    )
    return explain(figure, _finding_head_counts(joined, dense), encoding)


def _add_dense(figure: go.Figure, dense: HeadCountRow) -> None:
    line = {"color": LIGHT.ink, "width": 1, "dash": "dot"}
    across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1}
    figure.add_shape(**across, y0=dense.loss, y1=dense.loss, line=line, layer="below")
    figure.add_annotation(
        **{"text": f"{dense.n_dense_heads} dense heads", "xref": "paper", "x": 1},
        **{"xanchor": "right", "y": dense.loss, "yanchor": "bottom", "showarrow": False},
        font={"color": LIGHT.ink2},
    )


def _finding_head_counts(rows: Sequence[HeadCountRow], dense: HeadCountRow) -> str:
    """Say where the line begins and ends, and who first reaches the dense model."""
    first, last = rows[0], rows[-1]
    reached = next((row for row in rows if row.loss <= dense.loss), None)
    where = "no number here reaches" if reached is None else _heads(reached) + " reach"
    return (
        f"Beside {first.n_dense_heads} dense heads: {_heads(first)}, {first.loss:.3f} nats; "
        f"{_heads(last)}, {last.loss:.3f}. Of {plural(len(rows), 'number')} that were "
        f"tried, {where} the {dense.loss:.3f} of {dense.n_dense_heads} dense heads, on the mean "
        f"of {_seeds([*rows, dense])}."
    )


def _heads(row: HeadCountRow) -> str:
    return plural(row.n_sparse_heads, "MoSA head") if row.n_sparse_heads else "no MoSA head"


def _seeds(rows: Sequence[HeadCountRow]) -> str:
    counts = sorted({len(row.seeds) for row in rows})
    return plural(counts[-1], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


READ = (
    "right %{y:.2f} [%{customdata[0]:.2f}, %{customdata[1]:.2f}]<br>cue %{x:.0f} tokens back<br>"
    "perplexity %{customdata[2]:.3f}, %{customdata[3]:.3f} with the future cut off<br>"
    "right at all distances %{customdata[4]:.3f}"
)

LOWEST = 0.4
"""Where the axis begins: a little below guessing."""


def riddle_accuracy(rows: Sequence[RiddleRow], riddle: str) -> go.Figure:
    """Draw the share of right answers over the distance of the cue, one line a kind of model."""
    known = sorted({row.riddle for row in rows})
    require(riddle in known, "riddle", riddle, f"one of {known}, those that were recorded")
    chosen = {_name(row): row for row in rows if row.riddle == riddle}
    note = "share right; perplexity, whole texts in sight"
    figure = new_figure(f"Riddles of {riddle}", note, 380)
    marks = [1, 2, 5, 10, 20, 50, 100, 200]
    spans = [tokens for row in chosen.values() for tokens in row.tokens]
    ends = [float(np.log10(min(spans) / 1.1)), float(np.log10(max(spans) * 1.05))]
    figure.update_layout(
        xaxis={
            **value_axis("tokens from the cue to the ending", log=True),
            **{"tickvals": marks, "ticktext": [str(mark) for mark in marks], "range": ends},
        },
        yaxis={**value_axis(""), "range": [LOWEST, 1.02], "tickformat": ".1f"},
    )
    lines = {name: (np.array(row.tokens), _means(row)) for name, row in chosen.items()}
    add_lines(figure, lines, READ)
    for trace in figure.data:
        row = chosen[trace.name]
        trace.customdata = [
            [found.low, found.high, *row.perplexity.values(), row.accuracy.mean]
            for found in row.accuracies
        ]
    _add_guessing(figure)
    encoding = (
        f"Lines of the share of right answers over the distance of the cue in tokens: "
        f"{', '.join(chosen)}; dotted, guessing."
    )
    return explain(figure, _finding_riddles(list(chosen.values())), encoding)


def _name(row: RiddleRow) -> str:
    return f"{row.kind} {row.perplexity['full']:.2f}"


def _means(row: RiddleRow) -> np.ndarray:
    return np.array([found.mean for found in row.accuracies])


def _add_guessing(figure: go.Figure) -> None:
    line = {"color": LIGHT.ink, "width": 1, "dash": "dot"}
    across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": CHANCE, "y1": CHANCE}
    figure.add_shape(**across, line=line, layer="below")
    figure.add_annotation(
        **{"text": "guessing", "xref": "paper", "x": 0, "xanchor": "left"},
        **{"y": CHANCE, "yanchor": "top", "showarrow": False, "font": {"color": LIGHT.ink2}},
    )


def _finding_riddles(rows: Sequence[RiddleRow]) -> str:
    """Say who is right most often, and whether that is who has the lowest perplexity."""
    lowest = min(rows, key=lambda row: row.perplexity["full"])
    most = max(rows, key=lambda row: row.accuracy.mean)
    full, prefix = (lowest.perplexity[way] for way in ("full", "prefix"))
    said = (
        f"With whole texts in sight of the router the lowest perplexity, {full:.2f}, is that of "
        f"{lowest.kind} ({prefix:.2f} with the future cut off). It is right in "
        f"{lowest.accuracy.mean:.0%} of the riddles, "
    )
    others = f"less often than {most.kind}, {most.accuracy.mean:.0%}"
    said += "more often than any other kind" if most is lowest else others
    return f"{said} ({plural(len(lowest.seeds), 'seed')})."
