"""What a token costs while a text is written: heads with a sparse cache beside dense ones.

Chapter 10 draws it with::

    from mosa_edu.results import decoding_rows, recorded_probe
    from mosa_edu.viz.charts.decoding import decoding_cost

    decoding_cost(decoding_rows(recorded_probe("decoding-seed0"), sparsity=16))
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.results import DecodingRow
from mosa_edu.viz.charts.base import explain, new_figure
from mosa_edu.viz.charts.lines import add_lines, value_axis

READ = (
    "%{y:.3g} ms a token at T = %{x:,}<br>dense takes %{customdata[0]:.1f} times as long "
    "(quartiles %{customdata[1]:.1f} to %{customdata[2]:.1f})<br>"
    "%{customdata[3]:,} key-value pairs, %{customdata[4]:.3s}B"
)


def decoding_cost(rows: Sequence[DecodingRow]) -> go.Figure:
    """Draw the time of a token over the length of the text, both logarithmic.

    Parameters
    ----------
    rows : sequence of DecodingRow
        Of dense heads and of sparse ones of one sparsity, each at the same lengths, two at least.

    Returns
    -------
    plotly.graph_objects.Figure
        One line a kind; the pointer reads the ratio to dense heads with its quartiles, and what
        the cache holds.

    Raises
    ------
    ValueError
        If sparsities differ, dense heads are missing, or a kind has other lengths.
    """
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
    return explain(figure, _finding(by_kind, lengths[-1], sparsities[0]), encoding)


def _range(values: Sequence[float], room: float) -> list[float]:
    return [float(np.log10(min(values) / room)), float(np.log10(max(values) * room))]


def _line(rows: list[DecodingRow]) -> tuple[np.ndarray, np.ndarray]:
    ordered = sorted(rows, key=lambda row: row.length)
    x = np.array([row.length for row in ordered], dtype=np.int32)
    return x, np.array([row.milliseconds for row in ordered], dtype=np.float64)


def _details(rows: list[DecodingRow]) -> list[list[float]]:
    ordered = sorted(rows, key=lambda row: row.length)
    return [[r.ratio, r.ratio_low, r.ratio_high, r.slots, r.bytes] for r in ordered]


def _finding(by_kind: dict[str, list[DecodingRow]], length: int, sparsity: int) -> str:
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
