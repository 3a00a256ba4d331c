"""Causal rules with a variable number of tokens: each token is taken or left when it is read."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from mosa_edu.checks import require, require_integer
from mosa_edu.head_kinds import CAPACITY_FACTOR, capacity, prefix_k
from mosa_edu.selection.expert_choice import (
    Router,
    best_of_each_row,
    rank_of_each,
    refuse_nan,
    tie_at,
)
from mosa_edu.selection.selection import (
    Mask,
    OnlineSelector,
    Record,
    Selection,
    Selector,
    is_traced,
    pack,
    places,
    real_tokens,
)


class VariableCapacity(Selector):
    """Take every token that the head wants, until its slots are full.

    Parameters
    ----------
    max_seq_len : int
        Longest text of the model.
    capacity_factor : float
        Slots of a head, as a multiple of max_seq_len / sparsity.

    Notes
    -----
    A subclass says in `wants` who is wanted. Slots are counted from `max_seq_len`, never from the
    current T, and a token that finds them full is dropped by its place, never by its score:
    either would let a later token decide about an earlier one.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        sparsity: int,
        max_seq_len: int,
        capacity_factor: float = CAPACITY_FACTOR,
    ) -> None:
        require_integer("max_seq_len", max_seq_len, 1)
        super().__init__(n_heads, sparsity)
        self.capacity = capacity(max_seq_len, sparsity, capacity_factor)
        self.router = Router(d_model, n_heads)

    def wants(self, router_logits: Tensor, real: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Say which tokens each head wants, pads aside, (B, H, T)."""
        raise NotImplementedError

    def learn(self, router_logits: Tensor, wanted: Tensor, real: Tensor | None) -> None:
        """Update running statistics after the selection, in training only."""

    def forward(self, x: Tensor, attention_mask: Mask = None, record: Record = None) -> Selection:
        """Take or leave every token; see `Selector.forward`."""
        real = None if attention_mask is None else real_tokens(attention_mask, x)
        router_logits = self.router(x)  # (B, H, T)
        ranked = router_logits.detach()
        refuse_nan(ranked)
        wanted = self.wants(ranked, real, x)
        if real is not None:
            wanted = wanted & real[:, None]
        if record is not None:
            record.record("router", router_logits=router_logits, wanted=wanted)
        if self.training:
            self.move_statistics(lambda: self.learn(ranked, wanted, real))
        return pack(wanted, router_logits.sigmoid(), self.capacity)

    def online(self, rows: int, max_seq_len: int) -> OnlineSelector:
        """Return the rule for one token at a time; this one asks nothing but the token."""
        return TokenByToken(self) if self.causal else super().online(rows, max_seq_len)


class TokenByToken:
    """A selector that looks at the token alone, asked about texts of one; see `OnlineSelector`."""

    def __init__(self, selector: VariableCapacity) -> None:
        self.selector = selector
        self.limit = selector.capacity

    def wants(self, x: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Score the token and ask the selector."""
        router_logits = self.selector.router(x[:, None])  # (B, H, 1)
        refuse_nan(router_logits)
        wanted = self.decide(router_logits, x, position)
        return wanted, router_logits[..., 0].sigmoid()

    def decide(self, router_logits: Tensor, x: Tensor, position: int) -> Tensor:
        """Return which heads want the token, (B, H)."""
        return self.selector.wants(router_logits, None, x[:, None])[..., 0]

    def tensors(self) -> Iterable[Tensor]:
        """Return nothing: the past is not asked."""
        return ()


class PrefixTopK(VariableCapacity):
    """Take token t if its score is among the best ceil((t + 1) / rho) of scores 0 .. t.

    Notes
    -----
    Expert choice with the future cut off: the same scores compete, but only those already read.
    Nobody is put out again when a better token comes, so heads hold more than T / rho tokens (for
    scores without order the sum of ceil(n / rho) / n); token 0 is always taken.
    """

    def wants(self, router_logits: Tensor, real: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Compare each rank with the k of its prefix."""
        if real is None:
            seen = torch.arange(1, router_logits.shape[-1] + 1, device=router_logits.device)
        else:
            seen = places(real)[:, None] + 1  # (B, 1, T)
            router_logits = router_logits.masked_fill(~real[:, None], -torch.inf)
        return prefix_ranks(router_logits) < prefix_k(seen, self.sparsity)

    def online(self, rows: int, max_seq_len: int) -> OnlineSelector:
        """Return the rule with a memory of scores."""
        return BestSoFar(self, rows, max_seq_len)


class BestSoFar(TokenByToken):
    """Prefix top-k with a memory of the ceil(T / rho) best scores so far, instead of all.

    The k of a prefix never exceeds that of the longest text. If a score that was dropped is as
    good as the new one, so are all that were kept, and they alone exceed any k: the answer is the
    one that all scores would give.
    """

    def __init__(self, selector: PrefixTopK, rows: int, max_seq_len: int) -> None:
        super().__init__(selector)
        weight = selector.router.weight
        dtype = torch.promote_types(weight.dtype, torch.float32)
        size = (rows, selector.n_heads, prefix_k(max_seq_len, selector.sparsity))
        # In no order; -inf where there are none yet.
        self.best = torch.full(size, -torch.inf, dtype=dtype, device=weight.device)

    def decide(self, router_logits: Tensor, x: Tensor, position: int) -> Tensor:
        """Compare with the best scores so far, then remember."""
        k = prefix_k(position + 1, self.selector.sparsity)
        wanted = (self.best >= good_enough(router_logits)).sum(dim=-1) < k
        worst, place = self.best.min(dim=-1, keepdim=True)
        self.best.scatter_(-1, place, torch.maximum(router_logits, worst))
        return wanted

    def tensors(self) -> Iterable[Tensor]:
        """Return the scores that are remembered."""
        return (self.best,)


COMPARISONS_AT_ONCE = 1 << 21
"""Comparisons held in memory together, one byte each: few enough to stay in a cache."""


def good_enough(router_logits: Tensor) -> Tensor:
    """Return the least logit that counts as good as each of these."""
    return router_logits - tie_at(router_logits)


def prefix_ranks(router_logits: Tensor) -> Tensor:
    """Rank of every score among the scores up to its own position.

    B H T^2 / 2 comparisons, a bounded number of rows at a time.

    >>> prefix_ranks(torch.tensor([[[1.0, 3.0, 3.0, 2.0]]])).tolist()
    [[[0, 0, 1, 2]]]
    """
    B, H, T = router_logits.shape
    least = good_enough(router_logits)
    if is_traced():
        return _ranks_between(router_logits, least, 0, T)
    rows = max(COMPARISONS_AT_ONCE // max(B * H * T, 1), 1)
    parts = (
        _ranks_between(router_logits, least, start, min(start + rows, T))
        for start in range(0, T, rows)
    )
    return torch.cat(tuple(parts), dim=-1)


def _ranks_between(router_logits: Tensor, least: Tensor, start: int, stop: int) -> Tensor:
    """Rank positions start .. stop - 1; `least` is what `good_enough` says of all."""
    as_good = router_logits[..., None, :stop] >= least[..., start:stop, None]  # (B, H, rows, stop)
    earlier = torch.ones(stop - start, stop, dtype=torch.bool, device=least.device)
    as_good &= earlier.tril(diagonal=start - 1)
    return as_good.sum(dim=-1, dtype=torch.int32).long()  # adds faster than int64


class Threshold(VariableCapacity):
    """Take token t if its logit exceeds a threshold that past batches have set.

    Parameters
    ----------
    decay : float
        Weight of the old threshold in an update, in [0, 1).
    warmup_steps : int
        Calls in training, counted from the first, that select by top-k over the whole sequence
        instead: heads do not starve while the threshold settles, but **these calls see the
        future**, and `causal` is False as long as they last.

    Notes
    -----
    Expert Threshold routing (Sun et al., arXiv:2603.11535) without its clamp on the load, which
    would look ahead. A buffer holds the moving average of the k-th best logit of a batch,
    k = tokens / sparsity; a call selects with the old one and updates it afterwards, in training
    alone. The first updates are a plain mean, so the initial 0 leaves no trace after one batch.
    """

    threshold: Tensor
    updates: Tensor

    def __init__(
        self, *sizes: int, decay: float = 0.99, warmup_steps: int = 0, **named: Any
    ) -> None:
        super().__init__(*sizes, **named)
        require(0.0 <= decay < 1.0, "decay", decay, "in [0, 1)")
        require(warmup_steps >= 0, "warmup_steps", warmup_steps, "at least 0")
        self.decay = decay
        self.warmup_steps = warmup_steps
        self.register_buffer("threshold", torch.zeros(self.n_heads))
        self.register_buffer("updates", torch.tensor(0))

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Whether no later token can change the selection: False in the warm-up alone."""
        warming_up = self.training and self.warmup_steps > 0
        return not (warming_up and bool(self.updates < self.warmup_steps))

    def wants(self, router_logits: Tensor, real: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Compare logits with the threshold; its own word, equal up to rounding, is not above."""
        if not self.causal:
            return best_of_each_row(router_logits, self.sparsity, real)
        threshold = self.threshold.to(router_logits.dtype)[:, None]
        return router_logits > threshold + tie_at(threshold)

    def learn(self, router_logits: Tensor, wanted: Tensor, real: Tensor | None) -> None:
        """Move the threshold towards this batch's k-th best logit."""
        tokens = router_logits.transpose(0, 1).flatten(1)  # (H, B T)
        if real is not None:
            tokens = tokens[:, real.flatten()]
        if tokens.shape[1] == 0:
            return
        k = max(tokens.shape[1] // self.sparsity, 1)
        kth_best = tokens.topk(k, dim=-1, sorted=False).values.amin(dim=-1).float()  # (H,)
        weight = (1 / (self.updates + 1)).clamp(min=1 - self.decay)
        self.threshold.copy_(self.threshold + weight * (kth_best - self.threshold))
        self.updates += 1


class TokenChoice(VariableCapacity):
    """Take token t in head h if h is among the heads that t scores highest.

    Parameters
    ----------
    balance_rate : float
        Step of the balancing bias; 0 leaves the heads' loads to themselves.

    Notes
    -----
    A token takes max(1, round(H / rho)) heads, so that the mean load is about T / rho. The gate is
    the sigmoid of the raw logit; nothing is renormalised over the chosen heads, and of equal ones
    the earlier wins. Balance comes from no extra loss but from the bias of Loss-Free Balancing,
    added to the logits for the choice alone: after each call in training it rises by
    `balance_rate` for heads below the mean load and falls for those above.
    """

    bias: Tensor

    def __init__(self, *sizes: int, balance_rate: float = 0.001, **named: Any) -> None:
        super().__init__(*sizes, **named)
        require(balance_rate >= 0, "balance_rate", balance_rate, "at least 0")
        self.balance_rate = balance_rate
        self.heads_per_token = max(1, round(self.n_heads / self.sparsity))
        self.register_buffer("bias", torch.zeros(self.n_heads))

    def wants(self, router_logits: Tensor, real: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Rank the heads of every token."""
        by_token = (router_logits + self.bias[:, None]).transpose(1, 2)  # (B, T, H)
        return (rank_of_each(by_token) < self.heads_per_token).transpose(1, 2)

    def learn(self, router_logits: Tensor, wanted: Tensor, real: Tensor | None) -> None:
        """Make crowded heads less likely and empty ones more."""
        load = wanted.sum(dim=(0, 2)).float()  # (H,)
        self.bias.copy_(self.bias + self.balance_rate * (load.mean() - load).sign())


class Predictor(VariableCapacity):
    """Take token t if a small classifier guesses that expert choice would have picked it.

    Notes
    -----
    The second repair of Mixture-of-Depths (arXiv:2404.02258): the model trains by expert choice,
    and afterwards a classifier learns its picks from the tokens, with a loss of its own that the
    model never feels; `mosa_edu.probes.selections` fits it. It repairs generation alone. What the
    model learnt, it learnt with a selection that saw the future; and a guess that always says no
    is right about 1 - 1/rho of the tokens, so recall is the number to ask for, not accuracy.
    """

    def __init__(self, d_model: int, n_heads: int, *sizes: int, **named: Any) -> None:
        super().__init__(d_model, n_heads, *sizes, **named)
        self.classifier = nn.Linear(d_model, n_heads)
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def wants(self, router_logits: Tensor, real: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Ask the classifier about every token."""
        assert x is not None
        weight = self.classifier.weight
        with torch.autocast(x.device.type, enabled=False):
            return (self.classifier(x.detach().to(weight.dtype)) > 0).transpose(1, 2)
