"""What must hold in a routing trace before anybody draws it."""

from typing import TYPE_CHECKING

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records.arrays import is_count
from mosa_edu.records.trace_json import VERSION

if TYPE_CHECKING:
    from mosa_edu.records.trace import RoutingTrace

N_NEXT = 5
MAX_TOKENS = 65535  # every position, and T itself, fits in uint16
ARRAYS = (
    *("scores", "order", "indices", "attention", "next_ids", "next_probabilities"),
    *("true_loss", "true_rank", "counts"),
)


def check_trace(trace: "RoutingTrace") -> None:
    """Refuse a trace whose fields contradict each other.

    Raises
    ------
    ValueError
        Naming the first field that is wrong.
    """
    require(trace.version == VERSION, "version", trace.version, f"{VERSION}")
    require(set(trace.model) == {"name", "sha256"}, "model", trace.model, "{name, sha256}")
    known = is_count(trace.sparsity) and trace.sparsity >= 1
    require(known, "sparsity", trace.sparsity, "an integer >= 1")
    _check_tokens(trace)
    _check_shapes(trace)
    _check_routing(trace)


def _check_tokens(trace: "RoutingTrace") -> None:
    count = len(trace.tokens)
    require(1 <= count <= MAX_TOKENS, "tokens", f"{count} tokens", f"1 to {MAX_TOKENS} tokens")
    start = 0
    for token in trace.tokens:
        in_order = start <= token.start <= token.end
        require(in_order, "tokens", token, f"in order of the text, here from {start} on")
        start = token.start


def _check_shapes(trace: "RoutingTrace") -> None:
    shape = np.shape(trace.indices)
    require(len(shape) == 3 and min(shape) >= 1, "indices", shape, "of shape (L, H, k)")
    (layers, heads, k), T = shape, len(trace.tokens)
    require(k <= T, "indices", f"k={k}", f"of k <= T={T}")
    expected = {
        "scores": ("uint16", (layers, heads, T)),
        "order": ("uint8" if T <= 256 else "uint16", (layers, heads, T)),
        "indices": ("uint16", shape),
        "attention": ("uint8", (layers, heads, k * (k + 1) // 2)),
        "next_ids": ("uint16", (T, N_NEXT)),
        "next_probabilities": ("uint16", (T, N_NEXT)),
        "true_loss": ("float32", (T - 1,)),
        "true_rank": ("uint16", (T - 1,)),
        "counts": ("uint16", (layers, heads)),
    }
    optional = {"true_loss", "true_rank", "counts"}
    for name, (dtype, size) in expected.items():
        array = getattr(trace, name)
        if array is None and name in optional:
            continue
        require(isinstance(array, np.ndarray), name, type(array).__name__, "an array")
        found = f"{array.dtype} {array.shape}"
        require(found == f"{dtype} {size}", name, found, f"of type {dtype} and shape {size}")


def _check_routing(trace: "RoutingTrace") -> None:
    layers, heads, k = trace.indices.shape
    T = len(trace.tokens)
    counts = np.full((layers, heads), k) if trace.counts is None else trace.counts
    require(int(counts.max()) <= k, "counts", int(counts.max()), f"at most k={k}")
    used = np.arange(k) < counts[..., None]
    positions = trace.indices.astype(np.int64)
    require(bool((positions[used] < T).all()), "indices", int(positions.max()), f"below T={T}")
    require(not positions[~used].any(), "indices", "padding", "0 after the used entries")
    ascending = (np.diff(positions, axis=2) > 0) | ~used[..., 1:]
    require(bool(ascending.all()), "indices", "unsorted positions", "strictly ascending")
    order = trace.order.astype(np.int64)
    permuted = np.array_equal(np.sort(order, axis=2), np.broadcast_to(np.arange(T), order.shape))
    require(permuted, "order", "something else", "a permutation of all positions for each head")
    ranked = np.take_along_axis(trace.scores.astype(np.int64), order, axis=2)
    falling = bool((np.diff(ranked, axis=2) <= 0).all())
    require(falling, "order", "scores that rise along it", "from the highest score to the lowest")
    if trace.true_loss is not None:
        require(bool(np.isfinite(trace.true_loss).all()), "true_loss", "NaN or inf", "finite")
