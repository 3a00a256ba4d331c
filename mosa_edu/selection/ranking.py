"""Top-k with one tie rule on every device: higher logit first, then the earlier position."""

import torch
from torch import Tensor

from mosa_edu.checks import require
from mosa_edu.selection.selection import kept

TIES = {torch.float32: 2.0**-21, torch.float64: 1e-12}
"""Differences of scores that count as rounding, relative to how large scores are.

Equal words have equal scores, but products of another shape, on another processor or in another
row of the same product, round them apart: what is decided must not turn on the last bit.
"""


def top_k_positions(router_logits: Tensor, k: int) -> Tensor:
    """Positions of the k best logits of each row, ascending.

    Parameters
    ----------
    router_logits : Tensor, shape (..., T), float
        Scores to rank; -inf is the worst.
    k : int
        Positions to keep, 1 <= k <= T.

    Returns
    -------
    Tensor, shape (..., k), int64
        Kept positions in ascending order.

    Raises
    ------
    ValueError
        If a logit is NaN or k out of range.

    Notes
    -----
    `torch.topk` promises no order among equal values. Only the cut matters here: where rounding
    alone may part the k-th from the (k+1)-th best, `rank_of_each` decides.

    Examples
    --------
    >>> top_k_positions(torch.tensor([1.0, 3.0, 3.0, 3.0, 0.0]), 2).tolist()
    [1, 2]
    """
    T = router_logits.shape[-1]
    require(1 <= k <= T, "k", k, f"in [1, T={T}]")
    logits = router_logits.detach()
    if k == T:
        refuse_nan(logits)
        return torch.arange(T, device=logits.device).expand(*logits.shape[:-1], T).contiguous()
    best = logits.topk(k + 1, dim=-1)  # sorted: the last value is the first one left out
    chosen = best.indices[..., :k]
    # NaN ranks above everything in torch, so the best value tells whether the row holds one.
    apart = best.values[..., k - 1] - best.values[..., k] > tie(logits)[..., 0]
    if torch.compiler.is_compiling() or not bool(apart.all()) or bool(best.values.isnan().any()):
        refuse_nan(best.values)
        chosen = rank_of_each(logits).sort(dim=-1).indices[..., :k]
    return chosen.sort(dim=-1).values


def tie(router_logits: Tensor) -> Tensor:
    """Return the largest difference within each row that counts as rounding, (..., 1)."""
    size = router_logits.abs().masked_fill(router_logits.isinf(), 0).amax(dim=-1, keepdim=True)
    return TIES.get(router_logits.dtype, 0.0) * size


def tie_at(values: Tensor) -> Tensor:
    """Return the difference that counts as rounding where no row may be looked at, (...).

    Scores below 1 are products of values of about 1, so they round as coarsely as 1 does.
    """
    return TIES.get(values.dtype, 0.0) * values.abs().clamp(min=1, max=1e30)


def refuse_nan(router_logits: Tensor) -> None:
    """Raise a `ValueError` if a logit is NaN; compiled code, which cannot look, goes on.

    Parameters
    ----------
    router_logits : Tensor, any shape, float
        Scores to rank.
    """
    if not torch.compiler.is_compiling():
        require(not bool(router_logits.isnan().any()), "router_logits", "NaN", "numbers")


def rank_of_each(router_logits: Tensor) -> Tensor:
    """Rank of every position in its row, 0 for the best, ties to the earlier position.

    Parameters
    ----------
    router_logits : Tensor, shape (..., T), float
        Scores to rank.

    Returns
    -------
    Tensor, shape (..., T), int64
        ``rank[t] < k`` says that t is among the k best. Neighbours that rounding alone may part
        are equal.
    """
    values, order = router_logits.detach().sort(dim=-1, descending=True)
    worse = values[..., :-1] - values[..., 1:] > tie(values)  # inf - inf is NaN: equal
    groups = torch.zeros_like(order)
    groups[..., 1:] = worse.cumsum(dim=-1)
    groups = torch.empty_like(order).scatter_(-1, order, groups)  # of each position
    order = groups.sort(dim=-1, stable=True).indices
    places = torch.arange(order.shape[-1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(-1, order, places)


def best_of_each_row(router_logits: Tensor, sparsity: int, real: Tensor | None = None) -> Tensor:
    """Mark the k best logits of every row, with a k that follows the row's true length.

    Parameters
    ----------
    router_logits : Tensor, shape (B, H, T), float
        Scores to rank.
    sparsity : int
        k = length // sparsity, at least 2 and at most the length.
    real : Tensor or None, shape (B, T), bool
        True for real tokens; None: all are.

    Returns
    -------
    Tensor, shape (B, H, T), bool
        True for the k best; never for a pad.
    """
    if real is None:
        return rank_of_each(router_logits) < kept(router_logits.shape[-1], sparsity)
    lengths = real.sum(dim=1)  # (B,)
    quotas = torch.minimum((lengths // sparsity).clamp(min=2), lengths)
    ranks = rank_of_each(router_logits.masked_fill(~real[:, None], -torch.inf))
    return (ranks < quotas[:, None, None]) & real[:, None]
