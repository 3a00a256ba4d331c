"""How many sparse heads the budget of some dense heads buys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mosa_edu.checks import require, require_integer
from mosa_edu.config import ModelConfig
from mosa_edu.costs.flops import HeadShape, head_flops, head_shape
from mosa_edu.costs.memory import head_parameters

N_DENSE_KEPT = 4
"""Dense heads of a layer that the paper's hybrids keep."""


def isoflop_heads(
    kind: str, shape: HeadShape, n_dense_heads: int, n_dense_kept: int = N_DENSE_KEPT
) -> int:
    """Sparse heads that cost no more FLOPs than the dense heads they replace.

    ``floor((H - H_kept) dense / sparse)`` with the FLOPs of `head_flops`, where `n_dense_kept` of
    the baseline's heads stay; this rule gives every head count of the paper's Table 5.

    Examples
    --------
    The paper's Tiny at sparsity 64; then four small dense heads, none or one of them kept.

    >>> tiny = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=64)
    >>> isoflop_heads("mosa", tiny, 9)
    505
    >>> shape = HeadShape(d_model=8, d_head=4, seq_len=16, sparsity=4)
    >>> isoflop_heads("mosa", shape, 4, 0), isoflop_heads("mosa", shape, 4, 1)
    (21, 15)
    """
    dense, sparse = (head_flops(name, shape).total for name in ("dense", kind))
    return _heads_that_fit(kind, "FLOPs", dense, sparse, n_dense_heads, n_dense_kept)


def isoparameter_heads(
    kind: str, shape: HeadShape, n_dense_heads: int, n_dense_kept: int = N_DENSE_KEPT
) -> int:
    """Sparse heads that have no more parameters than the dense heads they replace.

    Equal FLOPs gave the paper's Tiny 505 heads. Five dense heads have the parameters of four.

    >>> tiny = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=64)
    >>> isoparameter_heads("mosa", tiny, 9)
    4
    """
    dense, sparse = (head_parameters(name, shape) for name in ("dense", kind))
    return _heads_that_fit(kind, "parameters", dense, sparse, n_dense_heads, n_dense_kept)


def _heads_that_fit(
    kind: str, unit: str, dense: int, sparse: int, n_dense_heads: int, n_dense_kept: int
) -> int:
    """Largest n with ``n * sparse <= (n_dense_heads - n_dense_kept) * dense``, at least one."""
    require_integer("n_dense_heads", n_dense_heads, 1)
    whole = isinstance(n_dense_kept, int) and 0 <= n_dense_kept < n_dense_heads
    allowed = f"an integer from 0 to {n_dense_heads - 1} (n_dense_heads={n_dense_heads})"
    require(whole, "n_dense_kept", n_dense_kept, allowed)
    budget = (n_dense_heads - n_dense_kept) * dense
    allowed = (
        f"large enough that one {kind} head fits beside the {n_dense_kept} dense heads kept"
        f" (impossible budget: a head needs {sparse} {unit}, {budget} are free)"
    )
    require(sparse <= budget, "n_dense_heads", n_dense_heads, allowed)
    return budget // sparse


def isoflop_variant(
    baseline: ModelConfig, kind: str, sparsity: int, n_dense_kept: int = N_DENSE_KEPT
) -> ModelConfig:
    """Build the hybrid that costs no more FLOPs than a dense model; see `isoflop_heads`.

    Examples
    --------
    >>> from mosa_edu.costs import PAPER_BASELINES, model_parameters
    >>> hybrid = isoflop_variant(PAPER_BASELINES["tiny"], "mosa", 64)
    >>> hybrid.n_sparse_heads, round(model_parameters(hybrid).total / 1e6)
    (505, 423)
    """
    return _replaced(baseline, kind, sparsity, n_dense_kept, isoflop_heads)


def isoparameter_variant(
    baseline: ModelConfig, kind: str, sparsity: int, n_dense_kept: int = N_DENSE_KEPT
) -> ModelConfig:
    """Build the hybrid that has no more parameters than a dense model; see `isoflop_variant`."""
    return _replaced(baseline, kind, sparsity, n_dense_kept, isoparameter_heads)


def _replaced(
    baseline: ModelConfig,
    kind: str,
    sparsity: int,
    n_dense_kept: int,
    count: Callable[[str, HeadShape, int, int], int],
) -> ModelConfig:
    others = baseline.n_local_heads + baseline.n_sparse_heads
    require(others == 0, "baseline", f"{others} other heads", "a model of dense heads alone")
    sparser = replace(baseline, sparsity=sparsity)
    n_sparse_heads = count(kind, head_shape(sparser), baseline.n_dense_heads, n_dense_kept)
    return replace(sparser, sparse=kind, n_dense_heads=n_dense_kept, n_sparse_heads=n_sparse_heads)
