"""The sparse head: a selector, then the same small causal attention for whoever sits in it."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.attention.rotary import RotaryHeads, rotate, weights_and_values
from mosa_edu.selection import ExpertChoice, Selector, Strided
from mosa_edu.selection.selection import (
    Mask,
    Record,
    is_causal,
    require_selection,
    require_selector,
    require_tokens,
)


class SparseAttention(RotaryHeads):
    """Gather the selected tokens, attend causally among them, gate, scatter back.

    Parameters
    ----------
    selector : Selector, or a module of your own
        Says which tokens sit in a head: has `n_heads` and `causal`, and is called with
        ``(x, attention_mask, record)`` for a `Selection`, which is checked. `check_selections`
        says when its values are read for it: None, on the CPU alone, as reading stops a GPU;
        True, there too, for debugging; False, never. Compiled code never reads them.

    Notes
    -----
    ``Y[I_i] += r_i A_i W_O``, as in arXiv:2505.00315. The initialisation is that of the authors'
    public layer. Unselected tokens receive 0 and live on in the residual stream.

    Examples
    --------
    >>> layer = MosaAttention(d_model=16, d_head=4, n_heads=3, sparsity=4)
    >>> layer(torch.randn(2, 12, 16)).shape
    torch.Size([2, 12, 16])
    """

    check_selections: bool | None = None

    def __init__(self, selector: Selector, d_model: int, d_head: int, **rotary: Any) -> None:
        require_selector(selector, d_model)
        super().__init__(d_model, d_head, selector.n_heads, **rotary)
        self.selector = selector
        self.w_qkv = nn.Parameter(torch.empty(self.n_heads, d_model, 3 * d_head))
        self.w_out = nn.Parameter(torch.empty(self.n_heads, d_head, d_model))
        nn.init.uniform_(self.w_qkv, -((3 * d_head) ** -0.5), (3 * d_head) ** -0.5)
        bound = (d_model * self.n_heads) ** -0.5
        nn.init.uniform_(self.w_out, -bound, bound)

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Whether the selector is causal."""
        return is_causal(self.selector, "selector")

    def forward(self, x: Tensor, attention_mask: Mask = None, record: Record = None) -> Tensor:
        """Attend among the selected tokens; see `RotaryHeads.forward`."""
        require_tokens(x, self.d_model, self.w_qkv)
        B, T, d_model = x.shape
        selection = self.selector(x, attention_mask, record)
        look = x.is_cpu if self.check_selections is None else self.check_selections
        require_selection(selection, x, self.n_heads, look)
        H, k = self.n_heads, selection.indices.shape[-1]
        indices = selection.indices.transpose(0, 1)  # (H, B, k): heads lead, as bmm wants them
        rows = indices
        if not isinstance(B, int) or B > 1:
            rows = indices + T * torch.arange(B, device=x.device)[:, None]
        rows = rows.reshape(-1)  # (H B k,) rows of the flattened batch

        x_selected = x.reshape(B * T, d_model).index_select(0, rows).view(H, B * k, d_model)
        qkv = torch.bmm(x_selected, self.w_qkv).view(H, B, k, 3, self.d_head)
        queries, keys, values = qkv.unbind(dim=3)  # each (H, B, k, d_head)
        cos, sin = self.rotations(T, queries)
        cos, sin = cos[indices], sin[indices]  # (H, B, k, n_rotate / 2): original positions
        queries, keys = rotate(queries, cos, sin), rotate(keys, cos, sin)

        # Indices ascend and unused slots stand last, so the lower triangle is the whole mask:
        # no slot sees a later position, and no used slot sees an unused one.
        if record is None:
            attended = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        else:
            weights, attended = weights_and_values(queries, keys, values)
            record.record(
                "sparse",
                indices=selection.indices,
                scores=selection.scores,
                valid=selection.valid,
                attention_weights=weights.transpose(0, 1),
            )
        gates = selection.scores.transpose(0, 1).unsqueeze(-1).to(attended.dtype)
        head_output = (attended * gates).reshape(H, B * k, self.d_head)
        written = torch.bmm(head_output, self.w_out).reshape(-1, d_model)  # (H B k, d_model)
        return written.new_zeros(B * T, d_model).index_add_(0, rows, written).view(B, T, d_model)


class MosaAttention(SparseAttention):
    """The paper's layer: every head picks its own k tokens; see `ExpertChoice`."""

    def __init__(
        self,
        d_model: int,
        d_head: int,
        n_heads: int,
        sparsity: int,
        include_first: bool = False,
        **rotary: Any,
    ) -> None:
        selector = ExpertChoice(d_model, n_heads, sparsity, include_first)
        super().__init__(selector, d_model, d_head, **rotary)


class FixedAttention(SparseAttention):
    """The paper's Fixed baseline: the same head on every sparsity-th token."""

    def __init__(
        self, d_model: int, d_head: int, n_heads: int, sparsity: int, **rotary: Any
    ) -> None:
        super().__init__(Strided(n_heads, sparsity), d_model, d_head, **rotary)
