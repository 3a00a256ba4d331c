"""Who has a seat while a text grows: each row is the text so far, each column a token."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.viz.charts.base import AXIS, explain, keep_square, new_figure, plural
from mosa_edu.viz.charts.shapes import add_targets, filled, squares
from mosa_edu.viz.style import LIGHT, SIZES
from mosa_edu.viz.tokens import token_labels

SIDE = 300  # pixels of a panel


def growing_text(rules: Mapping[str, np.ndarray], texts: Sequence[str]) -> go.Figure:
    """Draw the seats of one head under two rules, for every length of one text.

    Parameters
    ----------
    rules : mapping of str to ndarray of bool, shape (T, T)
        Two rules by name. Row t is the text of tokens 0 .. t: True where a token has a seat.
    texts : sequence of str
        The T tokens as written.

    Returns
    -------
    plotly.graph_objects.Figure
        Two squares side by side; seats blue, seats that were there a row earlier orange.

    Raises
    ------
    ValueError
        If there are not two rules, or a token has a seat before it is there.
    """
    T = len(texts)
    require(len(rules) == 2, "rules", list(rules), "two rules")
    for name, seats in rules.items():
        require(seats.shape == (T, T), name, seats.shape, f"of shape ({T}, {T})")
        require(not np.triu(seats, 1).any(), name, "a token to come", "seats of tokens 0 .. t")
    labels = [label.replace("&", "&amp;").replace("<", "&lt;") for label in token_labels(texts)]
    figure = new_figure("Seats while the text grows", "rows: the text so far", SIDE + 120)
    shapes, titles = [], []
    for axis, (name, seats) in zip(("x", "x2"), rules.items(), strict=True):
        gone = lost(seats)
        shapes += _drawn(seats, gone, axis)
        titles.append(_title(axis, name, int(gone.sum())))
        for marks, said in ((seats, "has a seat"), (gone, "has lost its seat")):
            rows, columns = np.nonzero(marks)
            hover = [f"{labels[column]} {column} {said}" for column in columns.tolist()]
            add_targets(figure, rows, columns, hover, axis)
    figure.update_layout(**_panels(T), shapes=shapes, annotations=titles)
    encoding = f"Two squares of {T} by {T}: blue, seats; orange, seats just lost."
    return keep_square(explain(figure, _finding(rules, T), encoding), 0.42, SIDE)


def _drawn(seats: np.ndarray, gone: np.ndarray, axis: str) -> list[dict[str, Any]]:
    """Shapes of one panel: the text so far, who sits, and who has just left."""
    T = len(seats)
    seat_rows, seat_columns = np.nonzero(seats)
    rows, columns = np.nonzero(gone)
    shapes = [
        filled(f"M0,0V{T}H{T}Z", LIGHT.wash, axis),
        filled(squares(seat_rows, seat_columns), LIGHT.pick, axis),
        filled(squares(rows, columns, 0.6), LIGHT.cursor, axis),
    ]
    return [shape for shape in shapes if shape["path"]]


def lost(seats: np.ndarray) -> np.ndarray:
    """Mark the seats that a token had one row earlier and has no more.

    Examples
    --------
    >>> lost(np.array([[True, False], [False, True]])).tolist()
    [[False, False], [True, False]]
    """
    gone = np.zeros_like(seats)
    gone[1:] = seats[:-1] & ~seats[1:]
    return gone


def _panels(T: int) -> dict[str, Any]:
    frame = {**AXIS, "showline": True, "mirror": True, "linecolor": LIGHT.rule, "automargin": False}
    step = max(T // 4 // 4 * 4, 1)
    ticks = {"tickvals": [t + 0.5 for t in range(0, T, step)], "ticktext": list(range(0, T, step))}
    across = {**frame, **ticks, "constrain": "domain", "range": [0, T], "constraintoward": "left"}
    down = {**frame, "constrain": "domain", "range": [T, 0], "constraintoward": "top"}
    return {
        "margin": {"l": 34, "r": 8, "t": 100, "b": 24},
        "xaxis": {**across, "domain": [0, 0.47]},
        "xaxis2": {**across, "domain": [0.53, 1]},
        "yaxis": {**down, **ticks, "scaleanchor": "x"},
        "yaxis2": {**down, "tickvals": [], "scaleanchor": "x2", "anchor": "x2"},
    }


def _title(axis: str, name: str, gone: int) -> dict[str, Any]:
    said = f"{plural(gone, 'seat')} lost" if gone else "nobody leaves"
    colour = LIGHT.cursor_text if gone else LIGHT.ink2
    place = {"xref": f"{axis} domain", "x": 0, "xanchor": "left", "yanchor": "bottom"}
    above = {"yref": f"{axis.replace('x', 'y')} domain", "y": 1, "yshift": 2}
    font = {"size": SIZES["note"], "color": colour}
    text = f"<b>{name}</b><br>{said}"
    return {"text": text, "font": font, "showarrow": False, "align": "left", **place, **above}


def _finding(rules: Mapping[str, np.ndarray], T: int) -> str:
    """Count under each rule the seats that were lost again, and who sits at the end."""
    said = []
    for name, seats in rules.items():
        gone = int(lost(seats).sum())
        what = f"{plural(gone, 'seat')} {'is' if gone == 1 else 'are'} lost again"
        said.append(f"{name}: {what if gone else 'no seat is ever lost'}, {seats[-1].sum()} held")
    return f"One head while a text grows to {T} tokens. {'. '.join(said)}."
