"""What is left of a gain when the future is hidden, or when no rule may look at it."""

from collections.abc import Sequence

import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.results import Interval, RepairRow
from mosa_edu.results.intervals import NEEDED_SEEDS
from mosa_edu.viz.charts.base import explain, plural
from mosa_edu.viz.charts.intervals import three_scores


def gains_by_score(rows: Sequence[RepairRow]) -> go.Figure:
    """Draw the gains of kinds of models on dense ones, under the three scores.

    Parameters
    ----------
    rows : sequence of RepairRow
        Such as `mosa_edu.results.repair_rows` returns; dense rows and those without gains are
        left out.

    Returns
    -------
    plotly.graph_objects.Figure
        One row a kind, one dot a score with its 95 % interval; a dotted line at 0.

    Raises
    ------
    ValueError
        If no row has a gain.
    """
    shown = [row for row in rows if row.kind != "dense" and row.gains]
    require(len(shown) > 0, "rows", len(shown), "at least one with a gain on dense")
    names = _names(shown)
    note = "nats per token less than dense, 95 % intervals"
    figure = three_scores("Gain on the dense model", note, names, [row.gains for row in shown])
    encoding = f"Dots of gains with intervals: {', '.join(names)}; dotted, no gain."
    return explain(figure, _finding(names, shown), encoding)


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


def _finding(names: Sequence[str], rows: Sequence[RepairRow]) -> str:
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
