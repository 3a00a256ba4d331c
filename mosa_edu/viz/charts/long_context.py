"""Models of equal FLOPs on long texts: seconds over the length, gains, and where they are made.

Every function returns None as long as its records do not exist, so that a page leaves the figure
out::

    from mosa_edu.results import long_context_rows, recorded_long_context
    from mosa_edu.viz.charts.long_context import gains_on_rivals

    gains_on_rivals(long_context_rows(recorded_long_context()))
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.results import Interval, LongContextRow
from mosa_edu.results.long_context import EVERY, span_name
from mosa_edu.viz.charts.base import alt_text, caption, explain, new_figure, plural
from mosa_edu.viz.charts.costs import cost_vs_length
from mosa_edu.viz.charts.intervals import MARKS, add_dots, add_legend, add_reference, new_rows
from mosa_edu.viz.charts.lines import add_lines, value_axis
from mosa_edu.viz.style import LIGHT

UNITS = {
    "forward_ms": "milliseconds a forward pass",
    "step_ms": "milliseconds a training step",
    "saved_bytes": "bytes saved for backward",
    "peak_bytes": "bytes at the peak of a step",
    "kv_slots": "key-value pairs a layer",
    "flops": "FLOPs a text",
    "parameters": "parameters",
}
"""What may be drawn of a ``bench-long-context`` record."""

REFERENCE = "routing"
"""The model whose FLOPs the others may spend."""

MOST_MARKS = 9
"""On the axis of costs: 1, 2 and 5 of every power of ten where they are not more."""

MOST_NUMBERS = 6
"""Below the axis of positions."""

MORE_MARKS = 16  # pixels a row, for four marks in the place of three

FEW = {way: (f"{name}, few positions", *mark) for way, (name, *mark) in MARKS.items()}
SHOWN = {EVERY: (EVERY, LIGHT.pick, "circle"), **FEW, "full": (*FEW["full"][:2], "circle-open")}
"""Futures are hidden at a few positions, so the full score of those stands beside that of all."""


def cost_of_long_texts(
    rows: Sequence[Mapping[str, Any]], measure: str = "step_ms"
) -> go.Figure | None:
    """Draw what models of equal FLOPs cost over the length of the text, both logarithmic.

    Parameters
    ----------
    rows : sequence of mapping
        Of `mosa_edu.results.recorded_long_context_costs`.
    measure : str
        A key of `UNITS`.

    Returns
    -------
    plotly.graph_objects.Figure or None
        One line a model, Routing first, whose FLOPs the others may spend; None without rows.

    Raises
    ------
    ValueError
        If `measure` is unknown.
    """
    require(measure in UNITS, "measure", measure, f"one of {list(UNITS)}")
    if not rows:
        return None
    lengths = sorted({row["T"] for row in rows})
    costs = {
        name: [row[measure] for row in rows if row["model"] == name]
        for name in dict.fromkeys(row["model"] for row in rows)
    }
    figure = cost_vs_length(lengths, costs, UNITS[measure])
    low, high = (extreme(row[measure] for row in rows) for extreme in (min, max))
    marks = [n * 10**power for power in range(13) for n in (1, 2, 5)]
    marks = [mark for mark in marks if low / 2 <= mark <= 2 * high]
    if len(marks) <= MOST_MARKS:
        figure.update_yaxes(tickvals=marks, ticktext=[f"{mark:,}" for mark in marks])
    encoding = alt_text(figure).removesuffix(caption(figure)).strip()
    return explain(figure, f"{caption(figure)} {_budget(rows)}", encoding)


def _budget(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say which models spend more FLOPs than the budget at the longest text."""
    longest = max(row["T"] for row in rows)
    flops = {row["model"]: row["flops"] for row in rows if row["T"] == longest}
    budget = flops[REFERENCE]
    above = [
        f"; {name} has {found / budget:.1f} times as many"
        for name, found in flops.items()
        if found > budget
    ]
    return f"FLOPs at {longest:,} tokens: not above those of {REFERENCE}{''.join(above)}."


def gains_on_rivals(rows: Sequence[LongContextRow]) -> go.Figure | None:
    """Draw the gains of MoSA heads on the other kinds at equal FLOPs.

    Parameters
    ----------
    rows : sequence of LongContextRow
        Of one length and recipe.

    Returns
    -------
    plotly.graph_objects.Figure or None
        One row a rival; dots of every position, and of a few with the future in view, cut off and
        replaced, with 95 % intervals; a dotted line at 0. None as long as MoSA has no rival of a
        seed of its own.
    """
    mosa = _find(rows, "mosa")
    rivals = [row for row in rows if mosa and row.kind != "mosa" and mosa.gain_on(row)]
    if mosa is None or not rivals:
        return None
    names = [f"on {row.kind}" for row in rivals]
    note = f"T = {mosa.length:,}, k = {mosa.n_kept}; 95 % intervals"
    figure = new_rows("Gain of MoSA at equal FLOPs", note, names, "nats per token")
    for place, (way, (name, colour, symbol)) in enumerate(SHOWN.items()):
        points = [(number, _gain(mosa, row, way)) for number, row in enumerate(rivals)]
        add_dots(figure, name, points, mark=(colour, symbol), shift=0.2 * (place - 1.5))
    figure.update_layout(height=figure.layout.height + MORE_MARKS * len(names))
    add_legend(figure)
    add_reference(figure, 0.0, "")
    said = []
    for name, row in zip(names, rivals, strict=True):
        full, cut, foreign = (_gain(mosa, row, way).mean for way in MARKS)
        said.append(
            f"{name.capitalize()} {_gain(mosa, row, EVERY)}; at the few positions where futures "
            f"are hidden {full:.3f} in full view, {cut:.3f} without a future and {foreign:.3f} "
            f"with another"
        )
    finding = (
        f"Gain of MoSA at {mosa.length:,} tokens in nats per token, "
        f"{plural(len(mosa.seeds), 'seed')}. {'. '.join(said)}."
    )
    return explain(figure, finding, f"Dots of gains with intervals: {', '.join(names)}.")


def gains_by_position(rows: Sequence[LongContextRow]) -> go.Figure | None:
    """Draw what sparse heads add to local ones, over the position in the text.

    Parameters
    ----------
    rows : sequence of LongContextRow
        Of one length and recipe.

    Returns
    -------
    plotly.graph_objects.Figure or None
        One line a kind of sparse heads, over ranges of positions that double; None as long as
        local heads alone have no rival of a seed of their own.
    """
    local = _find(rows, "local")
    others = [row for row in rows if local and row.n_sparse_heads and row.gain_on(local)]
    if local is None or not others:
        return None
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
    places = np.arange(len(ticks), dtype=np.int32)
    figure.update_layout(
        xaxis={
            **value_axis("first position of each range"),
            **{"tickvals": places, "ticktext": ticks, "tickangle": 0},
        },
        yaxis=value_axis(""),
    )
    lines = {
        kind: (places, np.array([gain.mean for gain in found])) for kind, found in gains.items()
    }
    add_lines(figure, lines, "%{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]")
    for trace in figure.data:
        trace.customdata = [[gain.low, gain.high] for gain in gains[trace.name]]
    finding = (
        f"Gain on local heads alone in nats per token, {span_name(local.spans[0])} and "
        f"{span_name(local.spans[-1])}: "
        + "; ".join(f"{kind} {found[0]} and {found[-1]}" for kind, found in gains.items())
        + "."
    )
    return explain(figure, finding, f"Lines of gains over positions: {', '.join(gains)}.")


def _find(rows: Sequence[LongContextRow], kind: str) -> LongContextRow | None:
    """Return the row of a kind, the one with most seeds if there are several."""
    found = [row for row in rows if row.kind == kind]
    return max(found, key=lambda row: len(row.seeds), default=None)


def _gain(row: LongContextRow, other: LongContextRow, measure: str) -> Interval:
    gain = row.gain_on(other, measure)
    assert gain is not None, "rows without a common seed are left out"
    return gain
