"""How near each operation comes to what the machine can do: the roofline."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.viz.charts.base import explain, new_figure
from mosa_edu.viz.charts.lines import value_axis
from mosa_edu.viz.style import LIGHT

COLOURS = {"layer": LIGHT.ink, "operation": LIGHT.pick}


def roofline(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Draw rates of arithmetic over FLOPs a byte, below the roof of the machine.

    Parameters
    ----------
    rows : sequence of mapping
        Of a ``bench-roofline`` record.

    Returns
    -------
    plotly.graph_objects.Figure
        The roof as a line, layers and operations as dots; operations without FLOPs have no place.

    Raises
    ------
    ValueError
        If the peaks are missing.
    """
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
    return explain(figure, _finding(places, peak, bandwidth), encoding)


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


def _finding(places: Mapping[str, tuple[float, float]], peak: float, bandwidth: float) -> str:
    """Say where the roof bends, and how much of it each dot reaches."""
    roof = {name: min(peak, bandwidth * x) for name, (x, _) in places.items()}
    shares = [f"{name} {rate / roof[name]:.0%}" for name, (_, rate) in places.items()]
    return (
        f"The machine computes {peak:.0f} GFLOP and moves {bandwidth:.0f} GB a second, so below "
        f"{peak / bandwidth:.1f} FLOPs a byte it waits for memory. Of its roof reaches: "
        f"{', '.join(shares)}."
    )
