"""Top-k with one tie rule on every device: higher logit first, then the earlier position."""

import torch
from torch import Tensor

from mosa_edu.checks import require
from mosa_edu.selection.selection import kept


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
    `torch.topk` promises no order among equal values. Only the cut matters here: where the k-th
    and the (k+1)-th best are equal, the choice is repaired with a stable sort.

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
    odd = (best.values[..., k - 1] == best.values[..., k]) | best.values[..., 0].isnan()
    if torch.compiler.is_compiling() or bool(odd.any()):
        refuse_nan(best.values)
        chosen = logits.sort(dim=-1, descending=True, stable=True).indices[..., :k]
    return chosen.sort(dim=-1).values


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
        ``rank[t] < k`` says that t is among the k best.
    """
    order = router_logits.detach().sort(dim=-1, descending=True, stable=True).indices
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
