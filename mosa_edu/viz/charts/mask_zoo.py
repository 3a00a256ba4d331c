"""Several answers to who may look at whom, side by side and to one scale."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.viz.charts.base import AXIS, explain, keep_square, new_figure, percent, plural
from mosa_edu.viz.charts.shapes import add_targets, filled, rectangle, triangle
from mosa_edu.viz.style import LIGHT, SIZES
from mosa_edu.viz.tokens import token_labels

COLUMNS = 2  # what a phone has room for
SIDE = 220  # pixels of a mask, at most
WORDS = 52  # pixels for the two lines around it


@dataclass(frozen=True, eq=False)
class Mask:
    """One rule of who may look at whom, applied to a text.

    Parameters
    ----------
    name, rule : str
        What it is called and what it keeps, in a word or three each.
    pairs : ndarray of bool, shape (T, T)
        True where a query (row) may look at a key (column).
    sees_ahead : bool
        Whether a later token can change an earlier row; the mask itself does not tell.
    """

    name: str
    rule: str
    pairs: np.ndarray
    sees_ahead: bool = False


def mask_zoo(
    masks: Sequence[Mask], texts: Sequence[str], query: int, heading: str = "Who may look at whom"
) -> go.Figure:
    """Draw masks on one text, with one query's row pointed out in all of them.

    Parameters
    ----------
    masks : sequence of Mask
        At least one; none looks at a later key.
    texts : sequence of str
        The T tokens as written.
    query : int
        Position whose row is orange.
    heading : str
        What is drawn, in a few words.

    Returns
    -------
    plotly.graph_objects.Figure
        One T x T square a mask, two in a row; a full triangle is grey, any other choice blue.

    Raises
    ------
    ValueError
        If there is no mask or no such query, or a mask does not fit the text or looks ahead.
    """
    T = len(texts)
    require(len(masks) > 0, "masks", masks, "at least one")
    require(0 <= query < T, "query", query, f"in [0, {T})")
    for mask in masks:
        shape = mask.pairs.shape
        require(shape == (T, T), mask.name, shape, f"of shape ({T}, {T})")
        require(
            not np.triu(mask.pairs, 1).any(), mask.name, "a later key", "a mask below the diagonal"
        )
    labels = [label.replace("&", "&amp;").replace("<", "&lt;") for label in token_labels(texts)]
    rows = -(-len(masks) // COLUMNS)
    note = f"rows look at columns; “{labels[query]}” at {query} in orange"
    figure = new_figure(heading, note, rows * (SIDE + WORDS) + 70)
    figure.update_layout(**_panels(len(masks), rows, T, query))
    shapes, words = [], []
    for number, mask in enumerate(masks):
        axis = _axis(number)
        shapes += _drawn(mask.pairs, query, axis)
        words += _said_around(mask, axis)
        keys = np.flatnonzero(mask.pairs[query])
        hover = [f"{labels[query]} {query} → {labels[key]} {key}" for key in keys]
        add_targets(figure, np.full(len(keys), query), keys, hover, axis)
    figure.update_layout(shapes=shapes, annotations=words)
    encoding = f"{plural(len(masks), 'square')} of {T} by {T} pairs, to one scale."
    explain(figure, _finding(masks, token_labels(texts)[query], query), encoding)
    return keep_square(figure, 0.42 * rows, SIDE * rows)


def _axis(number: int) -> str:
    return "x" if number == 0 else f"x{number + 1}"


def _drawn(pairs: np.ndarray, query: int, axis: str) -> list[dict[str, Any]]:
    """Shapes of one panel: what causal attention allows, what the mask does, and one row of it."""
    T = len(pairs)
    row = pairs & (np.arange(T) == query)[:, None]
    shapes = [filled(f"M0,0V{T}H{T}Z", LIGHT.wash, axis)]
    if np.array_equal(pairs, np.tri(T, dtype=bool)):
        shapes = [filled(triangle(T), LIGHT.dense, axis)]
    else:
        shapes.append(filled(_runs(pairs & ~row), LIGHT.pick, axis))
    band = rectangle(0, query, query + 1, query + 1)
    shapes += [filled(band, LIGHT.cursor_wash, axis), filled(_runs(row), LIGHT.cursor, axis)]
    return [shape for shape in shapes if shape["path"]]


def _runs(pairs: np.ndarray) -> str:
    """SVG path of a mask, with one rectangle for neighbours in a row."""
    edges = np.diff(np.pad(pairs.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]
    boxes = zip(starts.tolist(), rows.tolist(), stops.tolist(), strict=True)
    return "".join(rectangle(start, row, stop, row + 1) for start, row, stop in boxes)


def _panels(n: int, rows: int, T: int, query: int) -> dict[str, Any]:
    """Layout of n squares, each with room for a line above and a line below."""
    pitch = 1 / rows
    side = pitch * SIDE / (SIDE + WORDS)
    frame = {**AXIS, "showline": True, "mirror": True, "linecolor": LIGHT.rule, "automargin": False}
    square = {**frame, "constrain": "domain"}
    studied = {**AXIS["tickfont"], "color": LIGHT.cursor_text}
    layout: dict[str, Any] = {"margin": {"l": 26, "r": 4, "t": 78, "b": 0}}
    for number in range(n):
        row, column = divmod(number, COLUMNS)
        x = _axis(number)
        y, top, left = x.replace("x", "y"), 1 - row * pitch, 0.54 * column
        layout[f"xaxis{x[1:]}"] = {
            **square,
            **{"domain": [left, left + 0.46], "anchor": y, "constraintoward": "left"},
            **{"range": [0, T], "tickvals": []},
        }
        layout[f"yaxis{x[1:]}"] = {
            **square,
            **{"domain": [top - side, top], "anchor": x, "constraintoward": "top"},
            **{"range": [T, 0], "scaleanchor": x, "tickfont": studied},
            **{"tickvals": [query + 0.5], "ticktext": [str(query)]},
        }
    return layout


def _said_around(mask: Mask, axis: str) -> list[dict[str, Any]]:
    """Write the line above a panel and the line below it."""
    place = {"xref": f"{axis} domain", "yref": f"{axis.replace('x', 'y')} domain", "x": 0}
    line = {**place, "xanchor": "left", "align": "left", "showarrow": False}
    kind = "✕ sees ahead" if mask.sees_ahead else "✓ causal"
    colour = LIGHT.cursor_text if mask.sees_ahead else LIGHT.ink2
    texts = (f"<b>{mask.name}</b> {mask.rule}", f"{plural(int(mask.pairs.sum()), 'pair')} {kind}")
    above = {"y": 1, "yanchor": "bottom", "font": {"size": SIZES["note"], "color": LIGHT.ink}}
    below = {"y": 0, "yanchor": "top", "font": {"size": SIZES["note"], "color": colour}}
    return [{**line, **above, "text": texts[0]}, {**line, **below, "text": texts[1]}]


def _finding(masks: Sequence[Mask], label: str, query: int) -> str:
    """Say what each mask leaves, what the query reads, and whose choice needs the future."""
    T = len(masks[0].pairs)
    whole = T * (T + 1) // 2
    by_count: dict[int, list[str]] = {}
    for mask in masks:
        by_count.setdefault(int(mask.pairs.sum()), []).append(mask.name)
    left = [
        ("all" if count == whole else f"{count:,} ({percent(count, whole)})")
        + f" {'each ' if len(names) > 1 else ''}in {_joined(names)}"
        for count, names in sorted(by_count.items(), reverse=True)
    ]
    reads = [f"{int(mask.pairs[query].sum()) or 'none'} in {mask.name}" for mask in masks]
    ahead = [mask.name for mask in masks if mask.sees_ahead]
    said = (
        f"The {plural(whole, 'pair')} of {T} tokens: {', '.join(left)}. "
        f"In the row of “{label}” at {query}: {', '.join(reads)}."
    )
    if not ahead:
        return said
    return f"{said} Later tokens can change an earlier row of {_joined(ahead)}."


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
