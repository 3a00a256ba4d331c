"""How long it takes: change by change, below the roof of a machine, and over the length."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.analysis import DecodingRow, Interval
from mosa_edu.checks import require
from mosa_edu.viz.base import explain, new_figure
from mosa_edu.viz.charts.costs import cost_vs_length
from mosa_edu.viz.charts.parts import (
    add_dots,
    add_legend,
    add_lines,
    add_reference,
    log_axis,
    new_rows,
    over,
    round_numbers,
    written,
)
from mosa_edu.viz.style import LIGHT

RATIO_MARKS = {
    "forward": (LIGHT.pick, "circle"),
    "forward + backward": (LIGHT.ink, "diamond-open"),
}
COLOURS = {"layer": LIGHT.ink, "operation": LIGHT.pick}
READ_DECODING = (
    "%{y:.3g} ms a token at T = %{x:,}<br>dense takes %{customdata[0]:.1f} times as long "
    "(quartiles %{customdata[1]:.1f} to %{customdata[2]:.1f})<br>"
    "%{customdata[3]:,} key-value pairs, %{customdata[4]:.3s}B"
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
MOST_MARKS = 9
"""On the axis of costs: 1, 2 and 5 of every power of ten where they are not more."""


def step_speed(rows: Sequence[Mapping[str, Any]], caption: str = "") -> go.Figure:
    """Draw how many times faster than the straight way a layer is after each change."""
    sizes = {(row["batch"], row["T"], row["sparsity"]) for row in rows}
    require(len(sizes) == 1, "rows", sorted(sizes), "of one size")
    ((batch, T, sparsity),) = sizes
    steps = list(dict.fromkeys(row["step"] for row in rows))
    names = [steps[0], *(f"+ {step}" for step in steps[1:-1]), steps[-1]]
    texts = "1 text" if batch == 1 else f"{batch} texts"
    note = f"{texts} of {T:,} tokens, sparsity {sparsity}; medians, quartiles"
    figure = new_rows("Faster, change by change", note, names, "times as fast as the straight way")
    for (which, mark), shift in zip(RATIO_MARKS.items(), (-0.13, 0.13), strict=True):
        found = {row["step"]: row for row in rows if row["pass"] == which}
        points = [
            (
                number,
                Interval(*(found[step][name] for name in ("ratio", "ratio_low", "ratio_high"))),
            )
            for number, step in enumerate(steps[1:], start=1)
        ]
        add_dots(figure, which, points, mark=mark, shift=shift, digits=2)
    add_legend(figure)
    add_reference(figure, 1.0, "")
    drawn = f"Dots of times as fast, with quartiles: {', '.join(names)}; dotted, as fast."
    return explain(figure, drawn, caption)


def roofline(rows: Sequence[Mapping[str, Any]], caption: str = "") -> go.Figure:
    """Draw rates of arithmetic over FLOPs a byte, below the roof of the machine."""
    by_name = {row["name"]: row for row in rows}
    require({"product", "copy"} <= by_name.keys(), "rows", sorted(by_name), "with both peaks")
    rates = {name: row["mflop"] / row["milliseconds"] for name, row in by_name.items()}  # GFLOP/s
    peak = rates["product"]
    bandwidth = by_name["copy"]["mb"] / by_name["copy"]["milliseconds"]  # GB/s
    dots = [row for row in rows if row["group"] in COLOURS and row["mflop"] > 0]
    figure = new_figure("Below the roof", "GFLOP a second over FLOPs a byte, one core", 400)
    xs = [1.0, peak / bandwidth, 1.6 * max(row["mflop"] / row["mb"] for row in dots)]
    ys = [bandwidth * xs[0], peak, peak]
    low = 0.6 * min(rates[row["name"]] for row in dots)
    figure.update_layout(
        xaxis=log_axis("FLOPs a byte", xs[0], xs[-1]),
        yaxis=log_axis("", low, 1.8 * peak),
        margin_r=16,
    )
    figure.add_scatter(
        **{"x": xs, "y": ys, "mode": "lines", "hoverinfo": "skip"},
        line={"color": LIGHT.quiet, "width": 2},
    )
    _label(figure, f"{peak:.0f} GFLOP/s", xs[1], peak, xanchor="left", yanchor="bottom")
    for row in dots:
        layer = row["group"] == "layer"
        x, y = row["mflop"] / row["mb"], rates[row["name"]]
        figure.add_scatter(
            **{"x": [x], "y": [y], "mode": "markers", "name": row["name"]},
            marker={"color": COLOURS[row["group"]], "size": 9, "symbol": "square" if layer else 0},
            hovertemplate=f"<b>{row['name']}</b><br>%{{y:.0f}} GFLOP/s at %{{x:.0f}} FLOPs a byte"
            f"<br>{row['milliseconds']:.1f} ms, at the roof {row['roof']:.1f} ms<extra></extra>",
        )
        # Just below the roof a name would stand on its line.
        side, shift = ("right", -8) if layer else ("left", 8)
        _label(figure, row["name"], x, 0.94 * y, yanchor="middle", xanchor=side, xshift=shift)
    drawn = f"A roof and dots below it: {', '.join(row['name'] for row in dots)}."
    return explain(figure, drawn, caption)


def _label(figure: go.Figure, text: str, x: float, y: float, **place: Any) -> None:
    figure.add_annotation(
        **{"text": text, "x": float(np.log10(x)), "y": float(np.log10(y)), "showarrow": False},
        font={"color": LIGHT.ink2},
        **place,
    )


def decoding_cost(rows: Sequence[DecodingRow], caption: str = "") -> go.Figure:
    """Draw the time of a token over the length of the text, both logarithmic."""
    sparsities = sorted({row.sparsity for row in rows if row.kind != "dense"})
    require(len(sparsities) == 1, "rows", sparsities, "of one sparsity")
    kinds = list(dict.fromkeys(row.kind for row in rows))
    require("dense" in kinds, "rows", kinds, "with dense heads among the kinds")
    lengths = sorted({row.length for row in rows})
    require(len(lengths) >= 2, "rows", lengths, "of at least two lengths")
    by_kind = {
        kind: sorted((row for row in rows if row.kind == kind), key=lambda row: row.length)
        for kind in kinds
    }
    for kind, found in by_kind.items():
        known = [row.length for row in found]
        require(known == lengths, f"lengths of {kind}", known, f"{lengths}")
    note = f"milliseconds in one layer, sparsity {sparsities[0]}"
    figure = new_figure("Time of attention for one token", note, 400)
    low, high = (extreme(row.milliseconds for row in rows) for extreme in (min, max))
    figure.update_layout(
        xaxis=log_axis("tokens T", lengths[0], lengths[-1], lengths),
        yaxis=log_axis("", low / 1.3, high * 1.3),
    )
    details = {
        kind: [[r.ratio, r.ratio_low, r.ratio_high, r.slots, r.bytes] for r in found]
        for kind, found in by_kind.items()
    }
    lines = {kind: [row.milliseconds for row in found] for kind, found in by_kind.items()}
    add_lines(figure, over(lengths, lines), READ_DECODING, details)
    drawn = f"Lines of milliseconds a token over the tokens of the text: {', '.join(kinds)}."
    return explain(figure, drawn, caption)


def cost_of_long_texts(
    rows: Sequence[Mapping[str, Any]], measure: str = "step_ms", caption: str = ""
) -> go.Figure:
    """Draw what models of equal FLOPs cost over the length of the text, both logarithmic."""
    require(measure in UNITS, "measure", measure, f"one of {list(UNITS)}")
    require(len(rows) > 0, "rows", "none", "at least one row")
    lengths = sorted({row["T"] for row in rows})
    costs = {
        name: [row[measure] for row in rows if row["model"] == name]
        for name in dict.fromkeys(row["model"] for row in rows)
    }
    figure = cost_vs_length(lengths, costs, UNITS[measure], caption)
    low, high = (extreme(row[measure] for row in rows) for extreme in (min, max))
    marks = round_numbers(low / 2, 2 * high)
    if len(marks) <= MOST_MARKS:
        figure.update_yaxes(tickvals=marks, ticktext=[written(mark) for mark in marks])
    return figure
