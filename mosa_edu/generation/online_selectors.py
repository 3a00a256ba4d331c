"""Who is admitted, decided for one token at a time: what each causal selector becomes in decoding.

A rule that looks at nothing but positions becomes a table. A rule that looks at the token alone
is asked as it is. Prefix top-k must remember scores, though not all of them.
"""

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor, nn

from mosa_edu.checks import require
from mosa_edu.selection import PrefixTopK, RaggedSelector, RandomChoice, Strided
from mosa_edu.selection.causal import good_enough
from mosa_edu.selection.expert_choice import refuse_nan


class Admission(Protocol):
    """Says of the token at hand which heads want it.

    Attributes
    ----------
    limit : int
        Tokens that a head keeps at most.
    """

    limit: int

    def wants(self, x: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Look at one token of every row."""

    def tensors(self) -> Iterable[Tensor]:
        """Return everything that occupies memory between two tokens."""


class ByPosition:
    """Positions known beforehand: those of `Strided` and `RandomChoice`.

    Parameters
    ----------
    selector : Strided or RandomChoice
        In evaluation mode, where the random draw is one and the same for all texts.
    max_seq_len : int
        Longest text.
    """

    def __init__(self, selector: nn.Module, max_seq_len: int) -> None:
        like = next(selector.buffers(), torch.zeros(()))
        selection = selector(torch.zeros(1, max_seq_len, 1, device=like.device))
        used = torch.ones_like(selection.indices, dtype=torch.bool)
        if selection.valid is not None:
            used = selection.valid
        # An unused slot points past the end, at a column that is then cut off.
        indices = selection.indices[0].masked_fill(~used[0], max_seq_len)
        table = torch.zeros(indices.shape[0], max_seq_len + 1, dtype=torch.bool)
        self.table = table.to(like.device).scatter_(1, indices, True)[:, :-1]  # (H, T)
        self.limit = selection.indices.shape[-1]

    def wants(self, x: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Read one column of the table; see `Admission.wants`."""
        wanted = self.table[:, position].to(x.device).expand(len(x), -1)
        return wanted, torch.ones_like(wanted, dtype=x.dtype)

    def tensors(self) -> Iterable[Tensor]:
        """Return the table."""
        return (self.table,)


class ByToken:
    """Rules that ask nothing but the token: `Threshold`, `TokenChoice` and `Predictor`.

    Parameters
    ----------
    selector : RaggedSelector
        In evaluation mode: its running statistics stand still.
    """

    def __init__(self, selector: RaggedSelector) -> None:
        self.selector = selector
        self.limit = selector.capacity

    def wants(self, x: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Ask the selector about a text of one token; see `Admission.wants`."""
        router_logits = self.selector.router(x[:, None])  # (B, H, 1)
        refuse_nan(router_logits)
        wanted = self.selector.wants(router_logits, None, x[:, None])
        return wanted[..., 0], router_logits[..., 0].sigmoid()

    def tensors(self) -> Iterable[Tensor]:
        """Return nothing: the past is not asked."""
        return ()


class ByPrefix:
    """Prefix top-k with a memory of the ceil(T / rho) best scores so far, instead of all.

    The quota of a prefix never exceeds that of the longest text. If a score that was dropped is
    as good as the new one, so are all that were kept, and they alone exceed any quota: the answer
    is the one that all scores would give.

    Parameters
    ----------
    selector : PrefixTopK
        The rule.
    rows : int
        Texts.
    max_seq_len : int
        Longest text.

    Attributes
    ----------
    best : Tensor, shape (rows, H, ceil(max_seq_len / rho))
        Scores, in no order; -inf where there are none yet.
    """

    def __init__(self, selector: PrefixTopK, rows: int, max_seq_len: int) -> None:
        self.selector = selector
        self.limit = selector.capacity
        weight = selector.router.weight
        dtype = torch.promote_types(weight.dtype, torch.float32)
        quota = -(-max_seq_len // selector.sparsity)
        self.best = torch.full(
            (rows, selector.n_heads, quota), -torch.inf, dtype=dtype, device=weight.device
        )

    def wants(self, x: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Compare with the best scores so far, then remember; see `Admission.wants`."""
        own = self.selector.router(x[:, None])  # (B, H, 1)
        refuse_nan(own)
        quota = -(-(position + 1) // self.selector.sparsity)
        wanted = (self.best >= good_enough(own)).sum(dim=-1) < quota
        worst, place = self.best.min(dim=-1, keepdim=True)
        self.best.scatter_(-1, place, torch.maximum(own, worst))
        return wanted, own[..., 0].sigmoid()

    def tensors(self) -> Iterable[Tensor]:
        """Return the scores that are remembered."""
        return (self.best,)


def admission(selector: nn.Module, rows: int, max_seq_len: int) -> Admission:
    """Turn a causal selector into a rule for one token at a time."""
    if isinstance(selector, Strided | RandomChoice):
        return ByPosition(selector, max_seq_len)
    if isinstance(selector, PrefixTopK):
        return ByPrefix(selector, rows, max_seq_len)
    ragged = isinstance(selector, RaggedSelector) and selector.causal
    require(ragged, "selector", type(selector).__name__, "causal, to decode token by token")
    assert isinstance(selector, RaggedSelector)
    return ByToken(selector)
