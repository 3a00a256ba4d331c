"""Expert choice, the paper's rule: each head keeps its k best tokens of the whole sequence."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.checks import require, require_integer
from mosa_edu.head_kinds import LEAST_KEPT, kept_tokens
from mosa_edu.selection.selection import (
    Mask,
    Record,
    Selection,
    Selector,
    first_slots,
    holds,
    is_traced,
    pack,
    places,
    real_tokens,
    require_tokens,
    smaller,
    stable_order,
)


class Router(nn.Module):
    """Score every token for every head: ``sigmoid(X W_r)`` of the paper, without its sigmoid.

    No bias, no softmax over heads, and no look at any other token. Selectors rank the logits (a
    saturated sigmoid ties where logits do not) and gate the k kept tokens by their sigmoids.
    """

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        require_integer("d_model", d_model, 1)
        require_integer("n_heads", n_heads, 1)
        self.weight = nn.Parameter(torch.empty(n_heads, d_model))
        nn.init.uniform_(self.weight, -(d_model**-0.5), d_model**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Compute router logits in at least float32, under autocast too."""
        require_tokens(x, self.weight.shape[1])
        dtype = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            # The last axis is the one that top-k reads, so it is made contiguous here.
            return F.linear(x.to(dtype), self.weight.to(dtype)).transpose(1, 2).contiguous()


class ExpertChoice(Selector):
    """Let every head pick the k tokens that it scores highest.

    Parameters
    ----------
    sparsity : int
        The paper's rho; k = T // sparsity, at least 2 and at most T.
    include_first : bool
        Keep token 0 in every head, as the paper's IsoFLOP runs do; it is still gated by its own
        score.

    Notes
    -----
    The rule of arXiv:2505.00315. The choice looks at the whole sequence: a later token can
    take an earlier token's slot, so `causal` is False.
    """

    causal = False

    def __init__(
        self, d_model: int, n_heads: int, sparsity: int, include_first: bool = False
    ) -> None:
        super().__init__(n_heads, sparsity)
        self.include_first = include_first
        self.router = Router(d_model, n_heads)

    def forward(self, x: Tensor, attention_mask: Mask = None, record: Record = None) -> Selection:
        """Rank the tokens in every head; see `Selector.forward`."""
        router_logits = self.router(x)  # (B, H, T)
        if record is not None:
            record.record("router", router_logits=router_logits)
        k = kept_of(x.shape[1], self.sparsity)
        if attention_mask is None:
            return self.best(router_logits, k)
        refuse_nan(router_logits)
        real = real_tokens(attention_mask, x)
        ranked = self._ranked(router_logits, real)
        return pack(best_of_each_row(ranked, self.sparsity, real), router_logits.sigmoid(), k)

    def best(self, router_logits: Tensor, k: int) -> Selection:
        """Keep the k best tokens of every head; the router learns through their gates."""
        indices = top_k_positions(self._ranked(router_logits), k)  # (B, H, k)
        return Selection(indices, router_logits.gather(-1, indices).sigmoid())

    def _ranked(self, router_logits: Tensor, real: Tensor | None = None) -> Tensor:
        """Return what heads rank tokens by: infinity for a first token that is always kept."""
        ranked = router_logits.detach()
        if not self.include_first:
            return ranked
        if real is None:
            first = torch.arange(ranked.shape[-1], device=ranked.device)[None] == 0
        else:
            first = places(real) == 0  # and pads behind it, which are ranked last all the same
        bonus = torch.zeros(first.shape, device=ranked.device).masked_fill(first, torch.inf)
        return ranked + bonus[:, None]


def kept_of(seq_len: int, sparsity: int) -> int:
    """Return `kept_tokens` of a length that may be a symbol of traced code."""
    if isinstance(seq_len, int):
        return kept_tokens(seq_len, sparsity)
    share = seq_len // sparsity
    if isinstance(seq_len, Tensor):  # in torch.jit.trace
        return smaller(share.clamp(min=LEAST_KEPT), seq_len)
    return smaller(torch.sym_max(share, LEAST_KEPT), seq_len)


def top_k_positions(router_logits: Tensor, k: int) -> Tensor:
    """Positions of the k best logits of each row, ascending.

    Ties go to the earlier position: `torch.topk` promises no order among equal values. Only the
    cut matters here: where rounding alone may part the k-th from the (k+1)-th best (see `TIES`),
    all are ranked, and equal ones by position.

    >>> top_k_positions(torch.tensor([1.0, 3.0, 3.0, 3.0, 0.0]), 2).tolist()
    [1, 2]
    """
    logits, T = router_logits.detach(), router_logits.shape[-1]
    if not is_traced():
        if not 1 <= k <= T:
            require(False, "k", k, f"in [1, T={T}]")
        if k == T:
            refuse_nan(logits)
            return torch.arange(T, device=logits.device).expand(*logits.shape[:-1], T).contiguous()
    return _k_best(logits, k).sort(dim=-1).values


def _k_best(logits: Tensor, k: int) -> Tensor:
    """Positions of the k best of more, in the order of their logits."""
    if not is_traced():
        best = logits.topk(k + 1, dim=-1)  # sorted: the last value is the first one left out
        # A row with NaN, which ranks above everything, is apart from nothing, as its tie is NaN.
        apart = best.values[..., k - 1] - best.values[..., k] > tie(logits)[..., 0]
        if holds(apart):
            return best.indices[..., :k]
        refuse_nan(best.values)
    return first_slots(best_first(logits), k)


def best_first(router_logits: Tensor) -> Tensor:
    """Positions of each row in the order of their logits, ties by position."""
    values, order = router_logits.detach().sort(dim=-1, descending=True)
    worse = -values.diff(dim=-1, prepend=values[..., :1]) > tie(values)  # inf - inf is NaN: equal
    return stable_order(order.scatter(-1, order, worse.cumsum(dim=-1)))  # groups of each position


def rank_of_each(router_logits: Tensor) -> Tensor:
    """Rank of every position in its row, 0 for the best, ties to the earlier position."""
    order = best_first(router_logits)
    ranks = torch.arange(order.shape[-1], device=order.device).expand_as(order)
    return order.scatter(-1, order, ranks)


def best_of_each_row(router_logits: Tensor, sparsity: int, real: Tensor | None = None) -> Tensor:
    """Mark the k best logits of every row, with a k that follows the row's true length."""
    if real is None:
        return rank_of_each(router_logits) < kept_of(router_logits.shape[-1], sparsity)
    lengths = real.sum(dim=1)  # (B,)
    k = torch.minimum((lengths // sparsity).clamp(min=LEAST_KEPT), lengths)  # as `kept_of`, by row
    ranks = rank_of_each(router_logits.masked_fill(~real[:, None], -torch.inf))
    return (ranks < k[:, None, None]) & real[:, None]


TIES = {torch.float32: 2.0**-21, torch.float64: 1e-12}
"""Differences of scores that count as rounding, relative to how large scores are.

Equal words have equal scores in layer 0, but products of another shape, on another processor or in
another row of the same product, round them apart: what is decided must not turn on the last bit.
Above layer 0 errors that have grown through layers may exceed this, and then rounding does decide
between scores that are equal on paper: a wider band would level scores that truly differ.
"""


def tie(router_logits: Tensor) -> Tensor:
    """Return the largest difference within each row that counts as rounding, (..., 1)."""
    size = router_logits.abs().masked_fill(router_logits.isinf(), 0).amax(dim=-1, keepdim=True)
    return TIES.get(router_logits.dtype, 0.0) * size


def tie_at(values: Tensor) -> Tensor:
    """Return the difference that counts as rounding where no row may be looked at, (...).

    Scores below 1 are products of values of about 1, so they round as coarsely as 1 does.
    """
    return TIES.get(values.dtype, 0.0) * values.abs().clamp(min=1.0, max=1e30)


def refuse_nan(router_logits: Tensor) -> None:
    """Raise a `ValueError` if a logit is NaN; code that cannot look goes on."""
    require(holds(~router_logits.isnan()) is not False, "router_logits", "NaN", "numbers")
