"""What every selector returns: who sits in each head, and with which gate."""

from dataclasses import dataclass

from torch import Tensor

from mosa_edu.costs.quotas import kept_tokens as kept

__all__ = ["Selection", "kept"]


@dataclass(frozen=True, eq=False)
class Selection:
    """The tokens that each head kept.

    Attributes
    ----------
    indices : Tensor, shape (B, H, k), int64
        Original positions, ascending. Ascending order turns the paper's index mask
        ``I_i >= I_j`` into the ordinary lower triangle.
    scores : Tensor, shape (B, H, k), float
        Gate of each kept token; the router learns through these alone.
    valid : Tensor or None, shape (B, H, k), bool
        None when all k slots are used. Otherwise unused slots are False, stand after the
        used ones and hold index 0.
    """

    indices: Tensor
    scores: Tensor
    valid: Tensor | None = None
