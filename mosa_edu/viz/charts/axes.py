"""The two axes of every routing figure: tokens across, heads down."""

from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.charts.base import AXIS
from mosa_edu.viz.style import MONO
from mosa_edu.viz.tokens import token_labels

ORDERS = ("head", "similarity")


def head_rows(trace: RoutingTrace, layer: int | None, order: str) -> list[tuple[int, int]]:
    """Return (layer, head) of every row, from top to bottom."""
    require(order in ORDERS, "order", order, f"one of {ORDERS}")
    layers = range(trace.layers) if layer is None else [layer]
    trace.check_head(layers[0], 0)
    picked = trace.picked()
    rows: list[tuple[int, int]] = []
    for number in layers:
        heads = by_similarity(picked[number]) if order == "similarity" else range(trace.heads)
        rows += [(number, head) for head in heads]
    return rows


def by_similarity(picked: np.ndarray) -> list[int]:
    """Order heads so that neighbours keep the same tokens.

    Parameters
    ----------
    picked : ndarray of bool, shape (H, T)
        What each head keeps.

    Returns
    -------
    list of int
        A greedy chain: from the head that shares least with all others, always to the nearest
        head left, draws to the lower number.
    """
    shared = picked.astype(np.int64) @ picked.T.astype(np.int64)  # (H, H) picks in common
    left = list(range(len(picked)))
    chain = [int(shared.sum(axis=1).argmin())]
    left.remove(chain[0])
    while left:
        chain.append(max(left, key=lambda head: (shared[chain[-1], head], -head)))
        left.remove(chain[-1])
    return chain


def ranks(trace: RoutingTrace, rows: list[tuple[int, int]]) -> np.ndarray:
    """Rank of every token in every row, from 1."""
    order = np.array([trace.order[row] for row in rows]).astype(np.int64)
    return small(np.argsort(order, axis=1) + 1)


def shown_labels(trace: RoutingTrace) -> list[str]:
    """Return the labels of all tokens as Plotly must read them: it takes `<b>` for markup."""
    labels = token_labels([token.text for token in trace.tokens])
    return [label.replace("&", "&amp;").replace("<", "&lt;") for label in labels]


def token_names(trace: RoutingTrace) -> list[str]:
    """Return a name for each token, its label and its position: equal words stay apart."""
    return [f"{label} {position}" for position, label in enumerate(shown_labels(trace))]


def head_names(rows: list[tuple[int, int]]) -> list[str]:
    """Return the heads' names, zero-based as in Python."""
    return [f"L{layer}·H{head}" for layer, head in rows]


def small(values: np.ndarray) -> np.ndarray:
    """Return whole numbers >= 0 in the smallest type that holds them."""
    return values.astype(np.uint8 if values.max(initial=0) < 256 else np.uint16)


def token_axis() -> dict[str, Any]:
    """Return the axis of tokens: Plotly leaves out the names that find no room."""
    font = {**AXIS["tickfont"], "family": MONO}
    return {**AXIS, "type": "category", "tickangle": -90, "tickfont": font}


def head_axis(rows: list[tuple[int, int]], layer: int | None) -> dict[str, Any]:
    """Return the axis of heads: each by name within one layer, else the layers where they begin."""
    axis = {**AXIS, "type": "category", "autorange": "reversed"}
    if layer is not None:
        return axis
    layers = [number for number, _ in rows]
    firsts = [row for row, number in enumerate(layers) if number not in layers[:row]]
    texts = [f"Layer {layers[row]}" for row in firsts]
    return {**axis, "tickmode": "array", "tickvals": firsts, "ticktext": texts}
