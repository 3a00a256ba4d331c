"""Dots with their intervals, one row each: who stands on which side of a line."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.results import Interval
from mosa_edu.viz.charts.base import AXIS, new_figure
from mosa_edu.viz.charts.lines import value_axis
from mosa_edu.viz.style import LIGHT

ROW = 34  # pixels

MARKS = {
    "full": ("full score", LIGHT.pick, "circle"),
    "prefix": ("prefix only", LIGHT.ink, "diamond-open"),
    "foreign": ("foreign future", LIGHT.cursor, "square-open"),
}
"""How a gain under each score is drawn."""


def new_rows(heading: str, note: str, names: Sequence[str], title: str) -> go.Figure:
    """Make a figure with one row for each name, from top to bottom.

    Parameters
    ----------
    heading, note : str
        See `new_figure`.
    names : sequence of str
        Of the rows; row 0 is the top one.
    title : str
        What is measured, with its unit.

    Returns
    -------
    plotly.graph_objects.Figure
        Without marks.
    """
    figure = new_figure(heading, note, 150 + ROW * len(names))
    rows = {"tickvals": list(range(len(names))), "ticktext": list(names), "tickmode": "array"}
    figure.update_layout(
        xaxis=value_axis(title),
        yaxis={**AXIS, **rows, "range": [len(names) - 0.5, -0.5]},
        **{"margin_r": 24, "margin_t": 84},
    )
    return figure


def add_dots(
    figure: go.Figure,
    name: str,
    points: Sequence[tuple[int, Interval]],
    *,
    mark: tuple[str, str],
    shift: float = 0.0,
    digits: int = 3,
) -> None:
    """Add dots of one meaning, each with a line from its lower to its upper bound.

    Parameters
    ----------
    figure : Figure
        Of `new_rows`; changed in place.
    name : str
        What the dots are.
    points : sequence of (row, Interval)
        Where.
    mark : (colour, symbol)
        Two channels for one meaning.
    shift : float
        Rows downwards, so that dots of one row stay apart.
    digits : int
        Decimals that the pointer reads.
    """
    names = figure.layout.yaxis.ticktext
    # Rounded: the last bits differ from one processor to another, and pages store them.
    found = [Interval(*np.round([i.mean, i.low, i.high], 6).tolist()) for _, i in points]
    number = f".{digits}f"
    figure.add_scatter(
        x=[interval.mean for interval in found],
        y=[row + shift for row, _ in points],
        text=[names[row] for row, _ in points],
        customdata=[[interval.low, interval.high] for interval in found],
        mode="markers",
        name=name,
        marker={"color": mark[0], "symbol": mark[1], "size": 9},
        error_x={
            **{"type": "data", "symmetric": False, "color": mark[0], "thickness": 1.5, "width": 3},
            "array": [round(interval.high - interval.mean, 6) for interval in found],
            "arrayminus": [round(interval.mean - interval.low, 6) for interval in found],
        },
        hovertemplate=f"<b>%{{text}}</b>, {name}<br>%{{x:{number}}} "
        f"[%{{customdata[0]:{number}}}, %{{customdata[1]:{number}}}]<extra></extra>",
    )


def add_reference(figure: go.Figure, value: float, text: str) -> None:
    """Draw a dotted line up through all rows, with its name above it."""
    line = {"color": LIGHT.ink, "width": 1, "dash": "dot"}
    up = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": value, "x1": value}
    figure.add_shape(**up, line=line, layer="below")
    figure.add_annotation(
        **{"text": text, "x": value, "yref": "paper", "y": 1, "yanchor": "bottom"},
        showarrow=False,
        font={"color": LIGHT.ink2},
    )


def add_legend(figure: go.Figure) -> None:
    """Name the marks below the figure, which grows by as much.

    On a phone the names take two lines, and a figure of one row must still have room above them.

    Parameters
    ----------
    figure : Figure
        Of `new_rows`; changed in place.
    """
    place = {"orientation": "h", "x": 0, "xref": "container", "xanchor": "left"}
    below = {"y": 0, "yref": "container", "yanchor": "bottom"}
    taller = figure.layout.height + 64
    figure.update_layout(showlegend=True, legend={**place, **below}, margin_b=64, height=taller)


def three_scores(
    heading: str, note: str, names: Sequence[str], gains: Sequence[Mapping[str, Interval]]
) -> go.Figure:
    """Draw gains under the three scores, one row each, with a dotted line at 0.

    Parameters
    ----------
    heading, note, names
        See `new_rows`.
    gains : sequence of mapping of str to Interval
        By score, in the order of the names: nats per token.

    Returns
    -------
    plotly.graph_objects.Figure
        Without caption.
    """
    figure = new_rows(heading, note, names, "nats per token")
    for place, (way, (name, colour, symbol)) in enumerate(MARKS.items()):
        points = [(number, found[way]) for number, found in enumerate(gains)]
        add_dots(figure, name, points, mark=(colour, symbol), shift=0.22 * (place - 1))
    add_legend(figure)
    add_reference(figure, 0.0, "")
    return figure
