"""Dense causal attention: every token is a query, every earlier token a key."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.attention.rotary import RotaryHeads, rotate, weights_and_values
from mosa_edu.checks import require_integer
from mosa_edu.selection.selection import Mask, Record, real_tokens, require_tokens


class DenseAttention(RotaryHeads):
    """Causal self-attention over all T tokens; see `RotaryHeads` for its arguments.

    Notes
    -----
    As in arXiv:2505.00315. `qkv` holds queries, keys and values head by head, so its
    rows read q0 k0 v0 q1 k1 v1 ...
    """

    kind = "dense"
    window: int | None = None

    def __init__(self, d_model: int, d_head: int, n_heads: int, **rotary: Any) -> None:
        super().__init__(d_model, d_head, n_heads, **rotary)
        self.qkv = nn.Linear(d_model, 3 * n_heads * d_head, bias=False)
        self.out = nn.Linear(n_heads * d_head, d_model, bias=False)

    def forward(self, x: Tensor, attention_mask: Mask = None, record: Record = None) -> Tensor:
        """Attend from every token to those before it; see `RotaryHeads.forward`."""
        require_tokens(x, self.d_model, self.qkv.weight)
        real = None if attention_mask is None else real_tokens(attention_mask, x)
        B, T, _ = x.shape
        qkv = self.qkv(x).view(B, T, self.n_heads, 3, self.d_head).permute(3, 0, 2, 1, 4)
        queries, keys, values = qkv.unbind()  # each (B, H, T, d_head)
        cos, sin = self.rotations(T, queries)
        queries, keys = rotate(queries, cos, sin), rotate(keys, cos, sin)
        if real is None and record is None:
            attended = self._attend(queries, keys, values)
        else:
            attended = self._attend_masked(queries, keys, values, real, record)
        return self.out(attended.transpose(1, 2).flatten(2))

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Mix the values, (B, H, T, d_head) in and out."""
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=True)

    def _attend_masked(
        self, queries: Tensor, keys: Tensor, values: Tensor, real: Mask, record: Record
    ) -> Tensor:
        """Mix the values by a mask that is written out, for pads and for a cache."""
        place = torch.arange(queries.shape[2], device=queries.device)
        ages = place[:, None] - place  # (T, T)
        may_attend = ages >= 0
        if self.window is not None:
            may_attend = may_attend & (ages < self.window)
        if real is not None:
            # A pad still looks at itself: a row with no key at all would be NaN.
            may_attend = may_attend & real[:, None, None, :] | (ages == 0)
        if record is None:
            return F.scaled_dot_product_attention(queries, keys, values, attn_mask=may_attend)
        attention_weights, attended = weights_and_values(queries, keys, values, may_attend)
        record.record(self.kind, attention_weights=attention_weights)
        return attended


class LocalAttention(DenseAttention):
    """Causal self-attention over the last `window` tokens.

    Parameters
    ----------
    window : int
        Tokens that a query sees, itself included.

    Notes
    -----
    Computed in blocks of `window` queries against their own and the preceding block of keys, so
    the cost grows as 2 T window, not as T^2; exported for any length, where blocks cannot be
    counted, the whole square is masked. The heads that replace dense ones in the paper's
    long-sequence runs (arXiv:2505.00315) are of this kind.
    """

    kind = "local"

    def __init__(self, d_model: int, d_head: int, n_heads: int, window: int, **rotary: Any) -> None:
        super().__init__(d_model, d_head, n_heads, **rotary)
        require_integer("window", window, 1)
        self.window = window

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend block by block; a block of w queries needs 2w keys."""
        B, H, T, d_head = queries.shape
        w = self.window
        assert w is not None
        if not isinstance(T, int) or w >= T:
            return self._attend_masked(queries, keys, values, None, None)
        n_blocks = -(-T // w)
        missing = n_blocks * w - T

        def with_previous(rows: Tensor) -> Tensor:
            padded = F.pad(rows, (0, 0, w, missing)).view(B, H, n_blocks + 1, w, d_head)
            pairs = torch.cat([padded[:, :, :-1], padded[:, :, 1:]], dim=3)  # (B, H, n, 2w, d_head)
            return pairs.view(B, H * n_blocks, 2 * w, d_head)

        place = torch.arange(w, device=queries.device)
        ages = (place[:, None] + w) - torch.arange(2 * w, device=queries.device)  # (w, 2w)
        may_attend = ((ages >= 0) & (ages < w)).repeat(n_blocks, 1, 1)  # (n, w, 2w)
        may_attend[0, :, :w] = False  # nothing stands before the first block
        attended = F.scaled_dot_product_attention(
            F.pad(queries, (0, 0, 0, missing)).reshape(B, H * n_blocks, w, d_head),
            with_previous(keys),
            with_previous(values),
            attn_mask=may_attend.repeat(H, 1, 1),
        )
        return attended.view(B, H, n_blocks * w, d_head)[:, :, :T]
