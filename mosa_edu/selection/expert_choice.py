"""Expert choice, the paper's rule: each head keeps its k best tokens of the whole sequence."""

import torch
from torch import Tensor, nn

from mosa_edu.checks import require_integer
from mosa_edu.selection.masks import places, real_tokens
from mosa_edu.selection.packing import pack
from mosa_edu.selection.ranking import best_of_each_row, refuse_nan, top_k_positions
from mosa_edu.selection.recorder import Recorder
from mosa_edu.selection.router import Router
from mosa_edu.selection.selection import Selection, kept


class ExpertChoice(nn.Module):
    """Let every head pick the k tokens that it scores highest.

    Parameters
    ----------
    d_model, n_heads : int
        Width of the tokens; heads.
    sparsity : int
        The paper's rho; k = T // sparsity, at least 2 and at most T.
    include_first : bool
        Give token 0 a seat in every head, as the paper's IsoFLOP runs do; it is still gated by
        its own score.

    Notes
    -----
    The rule of arXiv:2505.00315. The choice looks at the whole sequence: a later token can
    take an earlier token's seat, so `causal` is False.
    """

    causal = False

    def __init__(
        self, d_model: int, n_heads: int, sparsity: int, include_first: bool = False
    ) -> None:
        super().__init__()
        require_integer("sparsity", sparsity, 1)
        self.n_heads = n_heads
        self.sparsity = sparsity
        self.include_first = include_first
        self.router = Router(d_model, n_heads)

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, record: Recorder | None = None
    ) -> Selection:
        """Select tokens.

        Parameters
        ----------
        x : Tensor, shape (B, T, d_model), float
            The tokens.
        attention_mask : Tensor or None, shape (B, T), bool
            True for real tokens. Pads are never selected, and k follows the true length.
        record : Recorder or None
            Receives the router logits.

        Returns
        -------
        Selection
            With k slots a head.

        Raises
        ------
        ValueError
            If a logit is NaN, or a row of `attention_mask` has no real token.
        """
        router_logits = self.router(x)  # (B, H, T)
        if record is not None:
            record.record("router", router_logits=router_logits)
        real = None if attention_mask is None else real_tokens(attention_mask, x)
        ranked = router_logits.detach()
        if self.include_first:
            ranked = ranked + self._first_bonus(x, real)
        if real is None:
            indices = top_k_positions(ranked, kept(x.shape[1], self.sparsity))  # (B, H, k)
            return Selection(indices, router_logits.gather(-1, indices).sigmoid())
        refuse_nan(router_logits)
        return pack(best_of_each_row(ranked, self.sparsity, real), router_logits.sigmoid())

    def _first_bonus(self, x: Tensor, real: Tensor | None) -> Tensor:
        """Return infinity for each row's first real token, 0 for the others, (B or 1, 1, T)."""
        if real is None:
            first = torch.arange(x.shape[1], device=x.device)[None] == 0
        else:
            first = (places(real) == 0) & real
        return torch.zeros(first.shape, device=x.device).masked_fill(first, torch.inf)[:, None]
