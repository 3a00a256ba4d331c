"""Every sparsity-th token: the paper's Fixed baseline, with nothing to learn."""

import torch
from torch import Tensor, nn

from mosa_edu.checks import require_integer
from mosa_edu.selection.masks import places, real_tokens
from mosa_edu.selection.packing import pack
from mosa_edu.selection.recorder import Recorder
from mosa_edu.selection.selection import Selection


class Strided(nn.Module):
    """Give every head the positions 0, rho, 2 rho, ...

    Parameters
    ----------
    n_heads : int
        Heads; all keep the same positions.
    sparsity : int
        The stride, the paper's rho.

    Notes
    -----
    "Fixed" in arXiv:2505.00315: gate 1, and only stride positions are queries or
    keys. Nothing that is said moves a position, so the rule is causal; hence no floor of 2 here,
    which would bring position 1 into short texts and drop it from longer ones.
    """

    causal = True

    def __init__(self, n_heads: int, sparsity: int) -> None:
        super().__init__()
        require_integer("n_heads", n_heads, 1)
        require_integer("sparsity", sparsity, 1)
        self.n_heads = n_heads
        self.sparsity = sparsity

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, record: Recorder | None = None
    ) -> Selection:
        """Select stride positions.

        Parameters
        ----------
        x : Tensor, shape (B, T, d_model), float
            The tokens; only their number matters.
        attention_mask : Tensor or None, shape (B, T), bool
            True for real tokens; strides count from each row's first real token.
        record : Recorder or None
            Nothing to record: there is no router.

        Returns
        -------
        Selection
            With ceil(T / rho) slots a head and gates of 1.
        """
        B, T, _ = x.shape
        H = self.n_heads
        if attention_mask is None:
            positions = torch.arange(0, T, self.sparsity, device=x.device)  # (k,)
            indices = positions.expand(B, H, -1).contiguous()  # (B, H, k)
            return Selection(indices, x.new_ones(indices.shape))
        real = real_tokens(attention_mask, x)
        chosen = real & (places(real) % self.sparsity == 0)  # (B, T)
        return pack(chosen[:, None].expand(B, H, T), x.new_ones(B, H, T))
