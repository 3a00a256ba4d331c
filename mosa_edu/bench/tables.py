"""What is measured for the record: every step of the way to the fast layer, and text lengths."""

from collections.abc import Sequence
from typing import Any

import torch

from mosa_edu.attention import DenseAttention, MosaAttention
from mosa_edu.bench.layer import LayerCase, forward, saved_bytes, time_passes
from mosa_edu.bench.paired import Timing, time_in_turns
from mosa_edu.bench.steps import step_by_step
from mosa_edu.checks import require
from mosa_edu.costs import HeadShape, head_flops

CASES = (
    LayerCase(sparsity=8),
    LayerCase(sparsity=32),
    LayerCase(batch=4, seq_len=1024, sparsity=16),
)
LENGTHS = (128, 256, 512, 1024, 2048, 4096, 8192)


def step_rows(
    cases: Sequence[LayerCase] = CASES, *, rounds: int = 11, threads: int = 1
) -> list[dict[str, Any]]:
    """Time every step from the straight way to the package's layer.

    Parameters
    ----------
    cases : sequence of LayerCase
        Sizes.
    rounds, threads : int
        See `time_in_turns`.

    Returns
    -------
    list of dict
        By sizes, pass and step: median ``milliseconds``; ``ratio`` to the straight way and
        ``gain`` on the step before, each the median of the ratios within rounds, with quartiles;
        ``saved_mib`` for the backward pass.
    """
    rows = []
    for case in cases:
        layer, x = case.layer(), case.tokens()
        modules = step_by_step(layer)
        saved = {name: saved_bytes(module, x) / 2**20 for name, module in modules.items()}
        for which, timing in time_passes(modules, x, rounds, threads).items():
            before = next(iter(modules))
            for name in modules:
                sizes = {"batch": case.batch, "T": case.seq_len, "sparsity": case.sparsity}
                rows.append(
                    {**sizes, "pass": which, "step": name, **_times(timing, name)}
                    | _ratios("ratio", timing, "straight", name)
                    | _ratios("gain", timing, before, name)
                    | {"saved_mib": round(saved[name], 2)}
                )
                before = name
    return rows


def length_rows(
    lengths: Sequence[int] = LENGTHS,
    *,
    n_kept: int = 64,
    n_dense: int = 4,
    equal_at: int = 1024,
    rounds: int = 7,
    threads: int = 1,
) -> list[dict[str, Any]]:
    """Time dense heads against as many MoSA heads, and against as many as cost the same FLOPs.

    Parameters
    ----------
    lengths : sequence of int
        Tokens T, multiples of `n_kept`.
    n_kept : int
        Tokens that a MoSA head keeps, at every length.
    n_dense : int
        Dense heads.
    equal_at : int
        Length at which the larger MoSA layer costs the FLOPs of the dense heads, rounded down.
    rounds, threads : int
        See `time_in_turns`.

    Returns
    -------
    list of dict
        By T and layer, for the forward pass of one text: ``heads``, ``gflop`` as the paper counts,
        median ``milliseconds``, and ``ratio`` of dense to this with quartiles.
    """
    odd = [T for T in lengths if T % n_kept]
    require(not odd, "lengths", odd, f"multiples of n_kept={n_kept}")
    at = {T: _shape(T, n_kept) for T in (*lengths, equal_at)}
    dense_flops = n_dense * head_flops("dense", at[equal_at]).total
    equal = dense_flops // head_flops("mosa", at[equal_at]).total
    layers = {"dense": n_dense, "same heads": n_dense, "same FLOPs": int(equal)}
    rows = []
    for T in lengths:
        timing = _time_length(at[T], layers, rounds, threads)
        for name, heads in layers.items():
            flops = head_flops("dense" if name == "dense" else "mosa", at[T]).times(heads).total
            rows.append(
                {"T": T, "layer": name, "heads": heads, "gflop": round(flops / 1e9, 4)}
                | _times(timing, name)
                | _ratios("ratio", timing, "dense", name)
            )
    return rows


def _shape(T: int, n_kept: int) -> HeadShape:
    return HeadShape(d_model=512, d_head=64, seq_len=T, sparsity=T // n_kept)


def _time_length(shape: HeadShape, layers: dict[str, int], rounds: int, threads: int) -> Timing:
    torch.manual_seed(0)
    x = torch.randn(1, shape.seq_len, shape.d_model)
    modules = {
        name: DenseAttention(shape.d_model, shape.d_head, heads)
        if name == "dense"
        else MosaAttention(shape.d_model, shape.d_head, heads, shape.sparsity)
        for name, heads in layers.items()
    }
    calls = {name: forward(module, x) for name, module in modules.items()}
    return time_in_turns(calls, rounds, threads)


def _times(timing: Timing, name: str) -> dict[str, float]:
    return {"milliseconds": round(1e3 * timing.median(name), 3)}


def _ratios(key: str, timing: Timing, baseline: str, name: str) -> dict[str, float]:
    low, median, high = timing.ratio(baseline, name)
    return {key: round(median, 3), f"{key}_low": round(low, 3), f"{key}_high": round(high, 3)}
