"""The router: one linear score per token and head."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.checks import require_integer


class Router(nn.Module):
    """Score every token for every head, without looking at any other token.

    Parameters
    ----------
    d_model : int
        Width of the tokens.
    n_heads : int
        Heads, each with a score of its own.

    Notes
    -----
    ``sigmoid(X W_r)`` of arXiv:2505.00315: no bias, no softmax over heads. The
    module stops at the logits; selectors rank logits (a saturated sigmoid ties where logits do
    not) and apply the sigmoid to the k kept ones alone.
    """

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        require_integer("d_model", d_model, 1)
        require_integer("n_heads", n_heads, 1)
        self.weight = nn.Parameter(torch.empty(n_heads, d_model))
        nn.init.uniform_(self.weight, -(d_model**-0.5), d_model**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Compute router logits in at least float32, under autocast too.

        Parameters
        ----------
        x : Tensor, shape (B, T, d_model), float
            The tokens.

        Returns
        -------
        Tensor, shape (B, H, T), float32 (float64 for float64 tokens)
            Router logits. Rounding them to bfloat16 would reorder the ranking.
        """
        dtype = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            # The last axis is the one that top-k reads, so it is made contiguous here.
            return F.linear(x.to(dtype), self.weight.to(dtype)).transpose(1, 2).contiguous()
