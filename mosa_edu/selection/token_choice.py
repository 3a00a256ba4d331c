"""Token choice, the contrast: each token picks its heads, so no token competes with another."""

import torch
from torch import Tensor

from mosa_edu.checks import require
from mosa_edu.selection.ragged import RaggedSelector
from mosa_edu.selection.ranking import rank_of_each


class TokenChoice(RaggedSelector):
    """Take token t in head h if h is among the heads that t scores highest.

    Parameters
    ----------
    d_model, n_heads, sparsity, max_seq_len, capacity_factor
        See `RaggedSelector`.
    balance_rate : float
        Step of the balancing bias; 0 leaves the heads' loads to themselves.

    Attributes
    ----------
    heads_per_token : int
        max(1, round(H / sparsity)), so that the mean load is T / sparsity when it comes out even.
    bias : Tensor, shape (H,), float32
        Added to the logits for the choice, not for the gate. After each call in training it rises
        by `balance_rate` for heads below the mean load and falls for those above. Saved with the
        weights, frozen in evaluation.

    Notes
    -----
    The gate is the sigmoid of the raw logit, as in the other heads; nothing is renormalised over
    the chosen heads. Balance comes from the bias of Loss-Free Balancing and from no extra loss:
    a layer that returns its output alone can be dropped into any model. Among equal scores the
    earlier head wins.
    """

    bias: Tensor

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        sparsity: int,
        max_seq_len: int,
        capacity_factor: float = 2.0,
        balance_rate: float = 0.001,
    ) -> None:
        super().__init__(d_model, n_heads, sparsity, max_seq_len, capacity_factor)
        require(balance_rate >= 0, "balance_rate", balance_rate, "at least 0")
        self.balance_rate = balance_rate
        self.heads_per_token = max(1, round(n_heads / sparsity))
        self.register_buffer("bias", torch.zeros(n_heads))

    def wants(self, router_logits: Tensor, real: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Rank the heads of every token; see `RaggedSelector.wants`."""
        by_token = (router_logits + self.bias[:, None]).transpose(1, 2)  # (B, T, H)
        return (rank_of_each(by_token) < self.heads_per_token).transpose(1, 2)

    def learn(self, router_logits: Tensor, wanted: Tensor, real: Tensor | None) -> None:
        """Make crowded heads less likely and empty ones more."""
        load = wanted.sum(dim=(0, 2)).float()  # (H,)
        self.bias += self.balance_rate * (load.mean() - load).sign()
