"""How much faster each change makes a layer, with what the machine's noise leaves open."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.analysis import DecodingRow, Interval, LongContextRow
from mosa_edu.analysis.tables import EVERY, span_name
from mosa_edu.checks import require
from mosa_edu.viz.base import alt_text, caption, explain, new_figure, plural
from mosa_edu.viz.charts.costs import cost_vs_length
from mosa_edu.viz.charts.parts import (
    MARKS,
    add_dots,
    add_legend,
    add_lines,
    add_reference,
    new_rows,
    value_axis,
)
from mosa_edu.viz.style import LIGHT

RATIO_MARKS = {
    "forward": (LIGHT.pick, "circle"),
    "forward + backward": (LIGHT.ink, "diamond-open"),
}


def step_speed(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Draw how many times faster than the straight way a layer is after each change."""
    sizes = {(row["batch"], row["T"], row["sparsity"]) for row in rows}
    require(len(sizes) == 1, "rows", sorted(sizes), "of one size")
    ((batch, T, sparsity),) = sizes
    steps = list(dict.fromkeys(row["step"] for row in rows))
    names = [steps[0], *(f"+ {step}" for step in steps[1:-1]), steps[-1]]
    texts = "1 text" if batch == 1 else f"{batch} texts"
    note = f"{texts} of {T:,} tokens, sparsity {sparsity}; medians, quartiles"
    figure = new_rows("Faster, change by change", note, names, "times as fast as the straight way")
    shifts = dict(zip(RATIO_MARKS, (-0.13, 0.13), strict=True))
    for which, mark in RATIO_MARKS.items():
        found = {row["step"]: row for row in rows if row["pass"] == which}
        points = [
            (number, Interval(row["ratio"], row["ratio_low"], row["ratio_high"]))
            for number, row in enumerate(found[step] for step in steps[1:])
        ]
        moved = [(number + 1, interval) for number, interval in points]
        add_dots(figure, which, moved, mark=mark, shift=shifts[which], digits=2)
    add_legend(figure)
    add_reference(figure, 1.0, "")
    encoding = f"Dots of times as fast, with quartiles: {', '.join(names)}; dotted, as fast."
    return explain(figure, _finding(rows, T, sparsity), encoding)


def _finding(rows: Sequence[Mapping[str, Any]], T: int, sparsity: int) -> str:
    """Say what all changes reach together, and which one does most, pass by pass."""
    said = []
    for which in RATIO_MARKS:
        found = [row for row in rows if row["pass"] == which]
        best = max(found[1:-1], key=lambda row: row["gain"])
        last = found[-1]
        said.append(
            f"{which} {last['ratio']:.2f} times as fast "
            f"[{last['ratio_low']:.2f}, {last['ratio_high']:.2f}], "
            f"the largest step “{best['step']}” ({best['gain']:.2f})"
        )
    return f"At T = {T:,}, sparsity {sparsity}, all changes together: {'; '.join(said)}."


COLOURS = {"layer": LIGHT.ink, "operation": LIGHT.pick}


def roofline(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Draw rates of arithmetic over FLOPs a byte, below the roof of the machine."""
    by_name = {row["name"]: row for row in rows}
    require({"product", "copy"} <= by_name.keys(), "rows", sorted(by_name), "with both peaks")
    peak = _rate(by_name["product"])
    bandwidth = by_name["copy"]["mb"] / by_name["copy"]["milliseconds"]  # GB/s
    dots = [row for row in rows if row["group"] in COLOURS and row["mflop"] > 0]
    places = {row["name"]: (row["mflop"] / row["mb"], _rate(row)) for row in dots}
    figure = new_figure("Below the roof", "GFLOP a second over FLOPs a byte, one core", 400)
    xs = [1.0, peak / bandwidth, 1.6 * max(x for x, _ in places.values())]
    ys = [bandwidth * xs[0], peak, peak]
    low = 0.6 * min(y for _, y in places.values())
    figure.update_layout(
        xaxis={**value_axis("FLOPs a byte", log=True), "range": np.log10([xs[0], xs[-1]])},
        yaxis={**value_axis("", log=True), "range": np.log10([low, 1.8 * peak])},
        margin_r=16,
    )
    _ticks(figure, xs[-1], low, 1.8 * peak)
    figure.add_scatter(
        **{"x": xs, "y": ys, "mode": "lines", "hoverinfo": "skip"},
        line={"color": LIGHT.quiet, "width": 2},
    )
    _label(figure, f"{peak:.0f} GFLOP/s", xs[1], peak, xanchor="left", yanchor="bottom")
    for row in dots:
        _dot(figure, row, places[row["name"]])
    encoding = f"A roof and dots below it: {', '.join(places)}."
    return explain(figure, _finding_roofline(places, peak, bandwidth), encoding)


def _rate(row: Mapping[str, Any]) -> float:
    """GFLOP a second."""
    return float(row["mflop"] / row["milliseconds"])


def _dot(figure: go.Figure, row: Mapping[str, Any], place: tuple[float, float]) -> None:
    layer = row["group"] == "layer"
    said = f"{row['milliseconds']:.1f} ms, at the roof {row['roof']:.1f} ms"
    figure.add_scatter(
        **{"x": [place[0]], "y": [place[1]], "mode": "markers", "name": row["name"]},
        marker={"color": COLOURS[row["group"]], "size": 9, "symbol": "square" if layer else 0},
        hovertemplate=f"<b>{row['name']}</b><br>%{{y:.0f}} GFLOP/s at %{{x:.0f}} FLOPs a byte<br>"
        f"{said}<extra></extra>",
    )
    side: dict[str, Any] = (
        {"xanchor": "right", "xshift": -8} if layer else {"xanchor": "left", "xshift": 8}
    )
    # Just below the roof a name would stand on its line.
    _label(figure, row["name"], place[0], 0.94 * place[1], yanchor="middle", **side)


def _label(figure: go.Figure, text: str, x: float, y: float, **place: Any) -> None:
    figure.add_annotation(
        **{"text": text, "x": float(np.log10(x)), "y": float(np.log10(y)), "showarrow": False},
        font={"color": LIGHT.ink2},
        **place,
    )


def _ticks(figure: go.Figure, right: float, low: float, high: float) -> None:
    steps = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
    across = [n for n in steps if 1 <= n <= right]
    up = [n for n in steps if low <= n <= high]
    figure.update_xaxes(tickvals=across, ticktext=[f"{n:,}" for n in across])
    figure.update_yaxes(tickvals=up, ticktext=[f"{n:,}" for n in up])


def _finding_roofline(
    places: Mapping[str, tuple[float, float]], peak: float, bandwidth: float
) -> str:
    """Say where the roof bends, and how much of it each dot reaches."""
    roof = {name: min(peak, bandwidth * x) for name, (x, _) in places.items()}
    shares = [f"{name} {rate / roof[name]:.0%}" for name, (_, rate) in places.items()]
    return (
        f"The machine computes {peak:.0f} GFLOP and moves {bandwidth:.0f} GB a second, so below "
        f"{peak / bandwidth:.1f} FLOPs a byte it waits for memory. Of its roof reaches: "
        f"{', '.join(shares)}."
    )


READ = (
    "%{y:.3g} ms a token at T = %{x:,}<br>dense takes %{customdata[0]:.1f} times as long "
    "(quartiles %{customdata[1]:.1f} to %{customdata[2]:.1f})<br>"
    "%{customdata[3]:,} key-value pairs, %{customdata[4]:.3s}B"
)


def decoding_cost(rows: Sequence[DecodingRow]) -> go.Figure:
    """Draw the time of a token over the length of the text, both logarithmic."""
    sparsities = sorted({row.sparsity for row in rows if row.kind != "dense"})
    require(len(sparsities) == 1, "rows", sparsities, "of one sparsity")
    kinds = list(dict.fromkeys(row.kind for row in rows))
    require("dense" in kinds, "rows", kinds, "with dense heads among the kinds")
    lengths = sorted({row.length for row in rows})
    require(len(lengths) >= 2, "rows", lengths, "of at least two lengths")
    by_kind = {kind: [row for row in rows if row.kind == kind] for kind in kinds}
    for kind, found in by_kind.items():
        known = sorted(row.length for row in found)
        require(known == lengths, f"lengths of {kind}", known, f"{lengths}")
    note = f"milliseconds in one layer, sparsity {sparsities[0]}"
    figure = new_figure("Time of attention for one token", note, 400)
    ticks = {"tickvals": lengths, "ticktext": [f"{n:,}" for n in lengths]}
    low, high = (extreme(row.milliseconds for row in rows) for extreme in (min, max))
    marks = [n for n in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if low / 2 <= n <= 2 * high]
    up = {"tickvals": marks, "ticktext": [f"{n:g}" for n in marks]}
    figure.update_layout(
        xaxis={**value_axis("tokens T", log=True), **ticks, "range": _range(lengths, 1.0)},
        yaxis={**value_axis("", log=True), **up, "range": _range([low, high], 1.3)},
    )
    lines = {kind: _line(found) for kind, found in by_kind.items()}
    add_lines(figure, lines, READ)
    for trace in figure.data:
        trace.customdata = _details(by_kind[trace.name])
    encoding = f"Lines of milliseconds a token over the tokens of the text: {', '.join(kinds)}."
    return explain(figure, _finding_decoding(by_kind, lengths[-1], sparsities[0]), encoding)


def _range(values: Sequence[float], room: float) -> list[float]:
    return [float(np.log10(min(values) / room)), float(np.log10(max(values) * room))]


def _line(rows: list[DecodingRow]) -> tuple[np.ndarray, np.ndarray]:
    ordered = sorted(rows, key=lambda row: row.length)
    x = np.array([row.length for row in ordered], dtype=np.int32)
    return x, np.array([row.milliseconds for row in ordered], dtype=np.float64)


def _details(rows: list[DecodingRow]) -> list[list[float]]:
    ordered = sorted(rows, key=lambda row: row.length)
    return [[r.ratio, r.ratio_low, r.ratio_high, r.slots, r.bytes] for r in ordered]


def _finding_decoding(by_kind: dict[str, list[DecodingRow]], length: int, sparsity: int) -> str:
    """Say how much longer dense heads take at the longest text, and what both hold."""
    last = {kind: max(rows, key=lambda row: row.length) for kind, rows in by_kind.items()}
    dense = last.pop("dense")
    times = ", ".join(f"{row.ratio:.0f} times that of {kind}" for kind, row in last.items())
    held = [dense.slots / row.slots for row in last.values()]
    fewer = (
        f"{min(held):.0f} to {max(held):.0f}" if max(held) - min(held) >= 1 else f"{held[0]:.0f}"
    )
    return (
        f"At {length:,} tokens and sparsity {sparsity} a token of dense heads takes {times}; "
        f"they hold {dense.slots:,} key-value pairs, {fewer} times as many."
    )


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
    """Draw what models of equal FLOPs cost over the length of the text, both logarithmic."""
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
    """Draw the gains of MoSA heads on the other kinds at equal FLOPs."""
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
    """Draw what sparse heads add to local ones, over the position in the text."""
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
