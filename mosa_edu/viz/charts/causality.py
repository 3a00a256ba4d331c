"""Who predicts coin flips: the loss of every trained model beside that of guessing."""

from collections.abc import Sequence

import plotly.graph_objects as go

from mosa_edu.analysis import BroughtRow, CoinFlipRow, Interval, RepairRow
from mosa_edu.analysis.statistics import NEEDED_SEEDS
from mosa_edu.checks import require
from mosa_edu.viz.base import explain, plural
from mosa_edu.viz.charts.parts import add_dots, add_reference, new_rows, three_scores
from mosa_edu.viz.style import LIGHT


def coin_flip_losses(rows: Sequence[CoinFlipRow]) -> go.Figure:
    """Draw the losses of models trained on coin flips, one row a kind, one dot a seed."""
    rows = [row for row in rows if row.loss == row.loss]
    require(len(rows) > 0, "rows", len(rows), "at least one run with a loss")
    kinds = list(dict.fromkeys(row.kind for row in rows))
    note = "nats per token on fresh flips, one dot a seed"
    figure = new_rows("Loss on coin flips", note, kinds, "nats per token")
    marks = {
        "below guessing": (LIGHT.pick, "circle"),
        "not below guessing": (LIGHT.quiet, "circle-open"),
    }
    for name, mark in marks.items():
        points = [
            (kinds.index(row.kind), _two_errors(row))
            for row in rows
            if row.sees_the_future == (name == "below guessing")
        ]
        if points:
            add_dots(figure, name, points, mark=mark, digits=5)
    add_reference(figure, rows[0].floor, f"ln V = {rows[0].floor:.4f}, guessing")
    encoding = f"Dots of the loss of {', '.join(kinds)}; dotted, the loss of guessing."
    return explain(figure, _finding(rows), encoding)


def _two_errors(row: CoinFlipRow) -> Interval:
    return Interval(row.loss, row.loss - 2 * row.stderr, row.loss + 2 * row.stderr)


def _finding(rows: Sequence[CoinFlipRow]) -> str:
    """Name those below guessing with their distance, and how near all others are to it."""
    seeing = [row for row in rows if row.sees_the_future]
    others = [row for row in rows if not row.sees_the_future]
    said = "No kind gets below guessing."
    if seeing:
        kinds = ", ".join(dict.fromkeys(row.kind for row in seeing))
        least = min(row.stderrs_below for row in seeing)
        runs = f"{plural(len(seeing), 'run')} of {kinds}"
        said = f"Below guessing by {least:.0f} standard errors or more: {runs}."
    if others:
        kinds = ", ".join(dict.fromkeys(row.kind for row in others))
        far = max(abs(row.below) for row in others)
        said += f" Within {far:.4f} nats of it: {kinds}."
    return said


def brought_by_heads(rows: Sequence[BroughtRow]) -> go.Figure:
    """Draw the gains of hybrids over their dense heads alone, under the three scores."""
    require(len(rows) > 0, "rows", len(rows), "at least one")
    names = [row.label for row in rows]
    note = "nats per token; 95 % intervals"
    heading = "Gain over the same dense heads alone"
    figure = three_scores(heading, note, names, [row.gains for row in rows])
    encoding = f"Dots of gains with intervals: {', '.join(names)}; dotted, no gain."
    return explain(figure, _finding_brought(rows), encoding)


def _finding_brought(rows: Sequence[BroughtRow]) -> str:
    """Say what the heads bring that have enough seeds, then name the others."""
    said = [_said(row) for row in rows if row.decides]
    few = [f"{row.label} ({plural(len(row.seeds), 'seed')})" for row in rows if not row.decides]
    said += [f"too few seeds to say: {', '.join(few)}"] if few else []
    return f"What heads bring, in nats per token: {'; '.join(said)}."


def _said(row: BroughtRow) -> str:
    full, cut_off = row.gains["full"], row.gains["prefix"]
    if abs(row.future["prefix"].mean) < 1e-4:
        return f"{row.label} {full}, whatever follows"
    return f"{row.label} {full}, with the future cut off {cut_off}"


def gains_by_score(rows: Sequence[RepairRow]) -> go.Figure:
    """Draw the gains of kinds of models on dense ones, under the three scores."""
    shown = [row for row in rows if row.kind != "dense" and row.gains]
    require(len(shown) > 0, "rows", len(shown), "at least one with a gain on dense")
    names = _names(shown)
    note = "nats per token less than dense, 95 % intervals"
    figure = three_scores("Gain on the dense model", note, names, [row.gains for row in shown])
    encoding = f"Dots of gains with intervals: {', '.join(names)}; dotted, no gain."
    return explain(figure, _finding_gains(names, shown), encoding)


def _names(rows: Sequence[RepairRow]) -> list[str]:
    """Name kinds as shortly as tells them apart: only those that share a name get a longer one."""
    names = [row.label for row in rows]
    for more in (
        lambda row: f", sparsity {row.sparsity}",
        lambda row: f", equal {row.match}",
        lambda row: f", {row.tokens:,} tokens",
    ):
        shared = {name for name in names if names.count(name) > 1}
        names = [
            name + more(row) if name in shared else name
            for name, row in zip(names, rows, strict=True)
        ]
    return names


def _finding_gains(names: Sequence[str], rows: Sequence[RepairRow]) -> str:
    """Say who gains or loses and what is left when the future is cut off; then who does neither.

    Last come those with too few seeds to say.
    """
    said, level, few = [], [], []
    for name, row in zip(names, rows, strict=True):
        seeds = plural(len(row.seeds), "seed")
        full, prefix = (row.gains[way] for way in ("full", "prefix"))
        if row.paired < NEEDED_SEEDS:
            few.append(f"{name} ({seeds})")
        elif full.holds_zero and prefix.holds_zero:
            level.append(f"{name} ({seeds})")
        else:  # a causal kind has one gain, whatever comes later
            gain, left = _in_words(full), _in_words(prefix)
            cut_off = "" if gain == left else f", with the future cut off {left}"
            said.append(f"{name} {gain}{cut_off} ({seeds})")
    sentences = ["; ".join(said)] if said else []
    if level:
        sentences.append(f"not told apart from 0, future shown or cut off: {', '.join(level)}")
    if few:
        sentences.append(f"fewer than {NEEDED_SEEDS} seeds decide nothing: {', '.join(few)}")
    return "Gain on dense in nats per token: " + "; ".join(sentences) + "."


def _in_words(gain: Interval) -> str:
    return "not told apart from 0" if gain.holds_zero else f"{gain.mean:+.3f}"
