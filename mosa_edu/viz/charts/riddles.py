"""How often models are right about riddles, over how far back the cue is.

A chapter draws one kind of riddle with::

    from mosa_edu.results import recorded_riddles, riddle_rows
    from mosa_edu.viz.charts.riddles import riddle_accuracy

    riddle_accuracy(riddle_rows(*recorded_riddles()), "agreement")
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.results import RiddleRow
from mosa_edu.results.riddles import CHANCE
from mosa_edu.viz.charts.base import explain, new_figure, plural
from mosa_edu.viz.charts.lines import add_lines, value_axis
from mosa_edu.viz.style import LIGHT

READ = (
    "right %{y:.2f} [%{customdata[0]:.2f}, %{customdata[1]:.2f}]<br>cue %{x:.0f} tokens back<br>"
    "perplexity %{customdata[2]:.3f}, %{customdata[3]:.3f} with the future cut off<br>"
    "right at all distances %{customdata[4]:.3f}"
)

LOWEST = 0.4
"""Where the axis begins: a little below guessing."""


def riddle_accuracy(rows: Sequence[RiddleRow], riddle: str) -> go.Figure:
    """Draw the share of right answers over the distance of the cue, one line a kind of model.

    Parameters
    ----------
    rows : sequence of RiddleRow
        Of `riddle_rows`.
    riddle : str
        Kind of riddle.

    Returns
    -------
    plotly.graph_objects.Figure
        Names at the lines' ends carry the perplexity; a dotted line at guessing.

    Raises
    ------
    ValueError
        If no row is of this kind of riddle, as before any run was recorded.
    """
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
    return explain(figure, _finding(list(chosen.values())), encoding)


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


def _finding(rows: Sequence[RiddleRow]) -> str:
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
