"""Squares to scale: paths in data coordinates, which grow and shrink with the page."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.viz.style import CLEAR


def squares(rows: np.ndarray, columns: np.ndarray, side: float | np.ndarray = 1.0) -> str:
    """Return one SVG path of squares in the middle of cells of a matrix.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (n,)
        The cells; cell (0, 0) reaches from 0 to 1 on both axes.
    side : float or ndarray of float, shape (n,)
        Sides of the squares; 1 fills a cell.

    Returns
    -------
    str
        SVG path in data coordinates.

    Examples
    --------
    >>> squares(np.array([0, 2]), np.array([1, 1]), side=np.array([1, 0.5]))
    'M1,0H2V1H1ZM1.25,2.25H1.75V2.75H1.25Z'
    """
    half = np.broadcast_to(side, rows.shape) / 2
    x, y = columns + 0.5, rows + 0.5
    boxes = np.stack([x - half, y - half, x + half, y + half], axis=1)
    return "".join(rectangle(*box) for box in boxes.tolist())


def rectangle(left: float, top: float, right: float, bottom: float) -> str:
    """Return the SVG path of one rectangle."""
    x0, y0, x1, y1 = (
        f"{value:.3f}".rstrip("0").rstrip(".") for value in (left, top, right, bottom)
    )
    return f"M{x0},{y0}H{x1}V{y1}H{x0}Z"


def triangle(T: int) -> str:
    """Return the outline of the pairs of a causal dense head: a staircase of T steps.

    Examples
    --------
    >>> triangle(2)
    'M0,0V2H2V1H1V0Z'
    """
    steps = "".join(f"H{t + 1}V{t}" for t in range(T - 1, -1, -1))
    return f"M0,0V{T}{steps}Z"


def filled(path: str, colour: str, axis: str = "x") -> dict[str, Any]:
    """Return a layout shape below the marks, on an x axis and the y axis of the same number."""
    place = {"xref": axis, "yref": axis.replace("x", "y"), "layer": "below"}
    return {"type": "path", "path": path, "fillcolor": colour, "line": {"width": 0}, **place}


def add_targets(
    figure: go.Figure, rows: np.ndarray, columns: np.ndarray, hover: Sequence[str], axis: str = "x"
) -> None:
    """Add invisible marks that answer the pointer, since shapes do not.

    Parameters
    ----------
    figure : Figure
        Changed in place.
    rows, columns : ndarray of int, shape (n,)
        The cells.
    hover : sequence of str
        What each says.
    axis : str
        The x axis; the y axis is that of the same number.
    """
    figure.add_scatter(
        x=(columns + 0.5).astype(np.float32),
        y=(rows + 0.5).astype(np.float32),
        **{"text": list(hover), "hovertemplate": "%{text}<extra></extra>", "mode": "markers"},
        **{"xaxis": axis, "yaxis": axis.replace("x", "y")},
        marker={"size": 8, "color": CLEAR, "symbol": "square"},
    )
