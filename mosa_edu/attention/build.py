"""From a head kind's command-line name to its layer."""

from torch import nn

from mosa_edu.attention.routing import RoutingAttention
from mosa_edu.attention.sparse import SparseAttention
from mosa_edu.checks import require
from mosa_edu.config import SPARSE_KINDS
from mosa_edu.selection import (
    ExpertChoice,
    PrefixTopK,
    RandomChoice,
    Strided,
    Threshold,
    TokenChoice,
)


def build_sparse(
    kind: str,
    d_model: int,
    d_head: int,
    *,
    n_heads: int,
    sparsity: int,
    max_seq_len: int,
    include_first: bool = False,
    capacity_factor: float = 2.0,
    rotate_fraction: float = 0.5,
    rope_base: float = 10000.0,
) -> nn.Module:
    """Make sparse heads of one kind.

    Parameters
    ----------
    kind : str
        One of `SPARSE_KINDS`.
    d_model, d_head : int
        Width of the tokens; width of a head.
    n_heads, sparsity, max_seq_len : int
        Heads; the paper's rho; longest text.
    include_first : bool
        Expert choice only: give token 0 a seat in every head.
    capacity_factor : float
        Ragged rules only: slots as a multiple of max_seq_len / sparsity.
    rotate_fraction, rope_base : float
        Rotary positions.

    Returns
    -------
    nn.Module
        `SparseAttention` around the kind's selector, or `RoutingAttention`.

    Raises
    ------
    ValueError
        If `kind` is unknown.
    """
    require(kind in SPARSE_KINDS, "kind", kind, f"one of {SPARSE_KINDS}")
    if kind == "routing":
        return RoutingAttention(d_model, d_head, n_heads, sparsity, rotate_fraction, rope_base)
    ragged = (d_model, n_heads, sparsity, max_seq_len, capacity_factor)
    selectors = {
        "mosa": lambda: ExpertChoice(d_model, n_heads, sparsity, include_first),
        "fixed": lambda: Strided(n_heads, sparsity),
        "random": lambda: RandomChoice(n_heads, sparsity),
        "prefix": lambda: PrefixTopK(*ragged),
        "threshold": lambda: Threshold(*ragged),
        "token": lambda: TokenChoice(*ragged),
    }
    return SparseAttention(selectors[kind](), d_model, d_head, rotate_fraction, rope_base)
