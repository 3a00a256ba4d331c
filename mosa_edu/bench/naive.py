"""The layer of the paper in the data flow of its first public code, as a baseline to time.

Written from a description of that data flow, not from its text: the same result as
`MosaAttention`, by the straight way.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.attention import MosaAttention
from mosa_edu.attention.rotary import rotary_table
from mosa_edu.selection import ExpertChoice, kept


class NaiveMosa(nn.Module):
    """`MosaAttention` by the straight way, sharing the weights of one.

    Parameters
    ----------
    layer : MosaAttention
        Whose parameters to use, without a seat for the first token.

    Notes
    -----
    What makes it slow: a sigmoid of all T scores and a top-k along a strided axis; gathers and a
    ``scatter_add_`` by an int64 index as large as the data; an explicit mask over five axes, which
    no fused attention kernel takes; einsums that permute and copy; rotary rows gathered four
    times; a length read back from the indices.
    """

    def __init__(self, layer: MosaAttention) -> None:
        super().__init__()
        selector = layer.selector
        assert isinstance(selector, ExpertChoice)
        self.sparsity, self.n_rotate, self.rope_base = (
            selector.sparsity,
            layer.n_rotate,
            layer.rope_base,
        )
        self.w_router = selector.router.weight
        self.w_qkv, self.w_out = layer.w_qkv, layer.w_out
        self.cos = self.sin = torch.empty(0, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Attend among each head's best tokens.

        Parameters
        ----------
        x : Tensor, shape (B, T, d_model), float
            The tokens.

        Returns
        -------
        Tensor, shape (B, T, d_model)
            Sum over heads.
        """
        B, T, d_model = x.shape
        router_scores = F.linear(x, self.w_router).sigmoid()  # (B, T, H)
        best, order = router_scores.topk(kept(T, self.sparsity), dim=1)  # along the middle axis
        gates, indices = best.transpose(1, 2), order.transpose(1, 2)  # (B, H, k), by score
        H, k = indices.shape[1:]

        gather_by = indices.reshape(B, H * k, 1).expand(B, H * k, d_model)
        x_selected = x.gather(1, gather_by).view(B, H, k, d_model)
        qkv = torch.einsum("bhki,hij->bhkj", x_selected, self.w_qkv)
        queries, keys, values = qkv.chunk(3, dim=-1)  # each (B, H, k, d_head)
        queries, keys = self._rotate(queries, indices), self._rotate(keys, indices)

        may_attend = indices[..., :, None] >= indices[..., None, :]  # (B, H, k, k)
        attended = F.scaled_dot_product_attention(
            queries.unsqueeze(2),
            keys.unsqueeze(2),
            values.unsqueeze(2),
            attn_mask=may_attend.unsqueeze(2),
        ).squeeze(2)
        written = torch.einsum("bhki,hij->bhkj", attended * gates.unsqueeze(-1), self.w_out)

        # Expanding before reshaping makes an index of B H k d_model numbers.
        scatter_by = indices.unsqueeze(-1).expand(B, H, k, d_model).reshape(B, H * k, d_model)
        y = torch.zeros(B, T, d_model, dtype=written.dtype, device=x.device)
        return y.scatter_add_(1, scatter_by, written.reshape(B, H * k, d_model))

    def _rotate(self, vectors: Tensor, positions: Tensor) -> Tensor:
        """Turn vectors (B, H, k, d_head) by angles looked up for their positions (B, H, k)."""
        longest = int(positions.max()) + 1  # waits for the device
        if len(self.cos) < longest or self.cos.dtype != vectors.dtype:
            table = rotary_table(
                longest, self.n_rotate, self.rope_base, vectors.device, vectors.dtype
            )
            self.cos, self.sin = (torch.cat([part, part], dim=-1) for part in table)
        cos, sin = self.cos[positions], self.sin[positions]  # (B, H, k, n_rotate)
        turned, rest = vectors[..., : self.n_rotate], vectors[..., self.n_rotate :]
        first, second = turned.chunk(2, dim=-1)
        half_turn = torch.cat([-second, first], dim=-1)
        return torch.cat([turned * cos + half_turn * sin, rest], dim=-1)
