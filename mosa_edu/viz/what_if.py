"""Another k without the model: the same scores, another cut."""

from dataclasses import replace

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace

MARK = "what_if"
"""Field of the provenance that tells such a trace from one that a model made."""


def keeps_its_best(trace: RoutingTrace) -> bool:
    """Whether every head keeps the k tokens that it scores highest, and nothing else decides."""
    return trace.counts is None and np.array_equal(trace.indices, _best(trace, trace.k))


def rethreshold(trace: RoutingTrace, k: int) -> RoutingTrace:
    """Move the cut of every head while its scores stay as they were traced.

    This is not what the model would do: with another k, the layers above the first would see
    other tokens and score them otherwise.

    Parameters
    ----------
    trace : RoutingTrace
        Of heads that keep their best.
    k : int
        Tokens to keep, in [1, T].

    Returns
    -------
    RoutingTrace
        With other `indices`, with attention 0, since nobody computed it, and with a sentence in
        `provenance["what_if"]`. Predictions stay as they were traced.

    Raises
    ------
    ValueError
        If k is out of range, or if something else than the scores decides what heads keep.
    """
    require(1 <= k <= trace.T, "k", k, f"in [1, {trace.T}]")
    if k == trace.k:
        return trace
    require(keeps_its_best(trace), "k", k, f"{trace.k}: not scores alone decide what heads keep")
    triangle = (trace.layers, trace.heads, k * (k + 1) // 2)
    said = f"What if k were {k}: scores held as traced at k = {trace.k}."
    return replace(
        trace,
        indices=_best(trace, k),
        attention=np.zeros(triangle, dtype=np.uint8),
        provenance={**trace.provenance, MARK: said},
    )


def k_bounds(trace: RoutingTrace, live: bool) -> tuple[int, int]:
    """Return the smallest and the largest k that a slider offers.

    Parameters
    ----------
    trace : RoutingTrace
        With the k that its model chose.
    live : bool
        Whether the model can be run again.

    Returns
    -------
    tuple of int
        From 2 to twice the trace's k, or to 32; just that k where no other can be shown.
    """
    if not live and not keeps_its_best(trace):
        return trace.k, trace.k
    return min(2, trace.k), min(trace.T, max(32, 2 * trace.k))


def _best(trace: RoutingTrace, k: int) -> np.ndarray:
    return np.sort(trace.order[..., :k], axis=-1).astype(np.uint16)
