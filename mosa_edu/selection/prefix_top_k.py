"""Prefix top-k: a token is taken if its score is among the best of those seen so far."""

import torch
from torch import Tensor

from mosa_edu.selection.masks import places
from mosa_edu.selection.ragged import RaggedSelector
from mosa_edu.selection.ranking import tie_at

COMPARISONS_AT_ONCE = 1 << 21
"""Comparisons held in memory together, one byte each: few enough to stay in a cache."""


def good_enough(router_logits: Tensor) -> Tensor:
    """Return the least logit that counts as good as each of these.

    Parameters
    ----------
    router_logits : Tensor, any shape, float
        Scores.

    Returns
    -------
    Tensor, same shape
        A little less than the scores themselves, by what rounding may part (`ranking.TIES`):
        equal words tie however a text is read, and a tie goes to the earlier one.
    """
    return router_logits - tie_at(router_logits)


def prefix_ranks(router_logits: Tensor) -> Tensor:
    """Rank of every score among the scores up to its own position.

    Parameters
    ----------
    router_logits : Tensor, shape (B, H, T), float
        Scores to rank.

    Returns
    -------
    Tensor, shape (B, H, T), int64
        How many earlier scores are at least as good: 0 for the best so far, ties to the earlier.

    Notes
    -----
    B H T^2 / 2 comparisons, a bounded number of rows at a time.

    Examples
    --------
    >>> prefix_ranks(torch.tensor([[[1.0, 3.0, 3.0, 2.0]]])).tolist()
    [[[0, 0, 1, 2]]]
    """
    B, H, T = router_logits.shape
    rows = max(COMPARISONS_AT_ONCE // (B * H * T), 1)
    ranks = torch.empty(B, H, T, dtype=torch.long, device=router_logits.device)
    for start in range(0, T, rows):
        stop = min(start + rows, T)
        own = good_enough(router_logits)[..., start:stop, None]  # (B, H, rows, 1)
        as_good = router_logits[..., None, :stop] >= own  # (B, H, rows, stop)
        earlier = torch.ones(stop - start, stop, dtype=torch.bool, device=own.device)
        as_good &= earlier.tril(diagonal=start - 1)
        ranks[..., start:stop] = as_good.sum(dim=-1, dtype=torch.int32)  # adds faster than int64
    return ranks


class PrefixTopK(RaggedSelector):
    """Take token t if its score is among the best ceil((t + 1) / rho) of scores 0 .. t.

    Parameters
    ----------
    d_model, n_heads, sparsity, max_seq_len, capacity_factor
        See `RaggedSelector`.

    Notes
    -----
    Expert choice with the future cut off: the same scores compete, but only those already read.
    Nobody is put out again when a better token comes, so heads hold more than T / rho tokens (for
    scores without order the sum of ceil(n / rho) / n); token 0 is always taken.
    """

    def wants(self, router_logits: Tensor, real: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Compare ranks with the quota of the prefix; see `RaggedSelector.wants`."""
        if real is None:
            seen = torch.arange(1, router_logits.shape[-1] + 1, device=router_logits.device)
        else:
            seen = places(real)[:, None] + 1  # (B, 1, T)
            router_logits = router_logits.masked_fill(~real[:, None], -torch.inf)
        return prefix_ranks(router_logits) < (seen + self.sparsity - 1) // self.sparsity
