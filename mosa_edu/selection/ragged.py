"""What the causal rules share: each token is taken or left, so the number in a head varies."""

from torch import Tensor

from mosa_edu.checks import require_integer
from mosa_edu.costs.quotas import capacity
from mosa_edu.selection.masks import real_tokens
from mosa_edu.selection.packing import pack
from mosa_edu.selection.ranking import refuse_nan
from mosa_edu.selection.recorder import Recorder
from mosa_edu.selection.router import Router
from mosa_edu.selection.selection import Selection
from mosa_edu.selection.statistics import KeepsStatistics


class RaggedSelector(KeepsStatistics):
    """Take every token that the head wants, until its slots are full.

    Parameters
    ----------
    d_model, n_heads : int
        Width of the tokens; heads.
    sparsity : int
        The paper's rho: heads aim at T / rho tokens.
    max_seq_len : int
        Longest text of the model.
    capacity_factor : float
        Slots of a head, as a multiple of max_seq_len / sparsity.

    Attributes
    ----------
    capacity : int
        Slots of a head, C = ceil(capacity_factor * max_seq_len / sparsity), at most max_seq_len.

    Notes
    -----
    A subclass says in `wants` who is wanted. Slots are counted from `max_seq_len`, never from the
    current T, and a token that finds them full is refused by its place, never by its score:
    either would let a later token decide about an earlier one.
    """

    causal = True

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        sparsity: int,
        max_seq_len: int,
        capacity_factor: float = 2.0,
    ) -> None:
        super().__init__()
        require_integer("max_seq_len", max_seq_len, 1)
        self.n_heads = n_heads
        self.sparsity = sparsity
        self.capacity = capacity(max_seq_len, sparsity, capacity_factor)
        self.router = Router(d_model, n_heads)

    def wants(self, router_logits: Tensor, real: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Say which tokens each head wants, pads aside.

        Parameters
        ----------
        router_logits : Tensor, shape (B, H, T), float
            Scores, detached.
        real : Tensor or None, shape (B, T), bool
            True for real tokens; None: all are.
        x : Tensor or None, shape (B, T, d_model), float
            The tokens, for rules that ask more of them than their scores.

        Returns
        -------
        Tensor, shape (B, H, T), bool
            True where the head wants the token.
        """
        raise NotImplementedError

    def learn(self, router_logits: Tensor, wanted: Tensor, real: Tensor | None) -> None:
        """Update running statistics after the selection, in training only.

        Parameters
        ----------
        router_logits : Tensor, shape (B, H, T), float
            Scores, detached.
        wanted : Tensor, shape (B, H, T), bool
            True where a head wanted a real token.
        real : Tensor or None, shape (B, T), bool
            True for real tokens; None: all are.
        """

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, record: Recorder | None = None
    ) -> Selection:
        """Select tokens.

        Parameters
        ----------
        x : Tensor, shape (B, T, d_model), float
            The tokens.
        attention_mask : Tensor or None, shape (B, T), bool
            True for real tokens; pads are never selected and count for nothing.
        record : Recorder or None
            Receives the router logits and, as kind "ragged", what each head wanted: what it
            wanted and did not get was refused.

        Returns
        -------
        Selection
            With min(T, capacity) slots a head.
        """
        real = None if attention_mask is None else real_tokens(attention_mask, x)
        router_logits = self.router(x)  # (B, H, T)
        ranked = router_logits.detach()
        refuse_nan(ranked)
        wanted = self.wants(ranked, real, x)
        if real is not None:
            wanted = wanted & real[:, None]
        if record is not None:
            record.record("router", router_logits=router_logits)
            record.record("ragged", wanted=wanted)
        if self.training:
            self.learn(ranked, wanted, real)
        return pack(wanted, router_logits.sigmoid(), self.capacity)
