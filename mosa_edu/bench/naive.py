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
    times; a length read back from the indices. `mosa_edu.bench.steps` takes these away one by
    one, stage by stage: route, read, rotate, attend, write.
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
        indices, gates = self.route(x)  # each (B, H, k)
        queries, keys, values = self.read(x, indices).chunk(3, dim=-1)  # each (B, H, k, d_head)
        queries, keys = self.rotate(queries, keys, indices, x.shape[1])
        attended = self.attend(queries, keys, values, indices)
        return self.write(attended * gates.unsqueeze(-1), indices, x)

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Choose the positions (B, H, k) of every head, best first, and their gates."""
        router_scores = F.linear(x, self.w_router).sigmoid()  # (B, T, H)
        best, order = router_scores.topk(kept(x.shape[1], self.sparsity), dim=1)  # a middle axis
        return order.transpose(1, 2), best.transpose(1, 2)

    def read(self, x: Tensor, indices: Tensor) -> Tensor:
        """Gather the chosen tokens and project them, (B, H, k, 3 d_head)."""
        B, H, k = indices.shape
        gather_by = indices.reshape(B, H * k, 1).expand(B, H * k, x.shape[-1])
        x_selected = x.gather(1, gather_by).view(B, H, k, x.shape[-1])
        return torch.einsum("bhki,hij->bhkj", x_selected, self.w_qkv)

    def rotate(
        self, queries: Tensor, keys: Tensor, indices: Tensor, T: int
    ) -> tuple[Tensor, Tensor]:
        """Turn queries and keys, each (B, H, k, d_head), by their positions in the text."""
        longest = int(indices.max()) + 1  # waits for the device
        if len(self.cos) < longest or self.cos.dtype != queries.dtype:
            table = rotary_table(
                longest, self.n_rotate, self.rope_base, queries.device, queries.dtype
            )
            self.cos, self.sin = (torch.cat([part, part], dim=-1) for part in table)
        return self._turn(queries, indices), self._turn(keys, indices)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, indices: Tensor) -> Tensor:
        """Mix the values of tokens that stand no later in the text, (B, H, k, d_head)."""
        may_attend = indices[..., :, None] >= indices[..., None, :]  # (B, H, k, k)
        return F.scaled_dot_product_attention(
            queries.unsqueeze(2),
            keys.unsqueeze(2),
            values.unsqueeze(2),
            attn_mask=may_attend.unsqueeze(2),
        ).squeeze(2)

    def write(self, gated: Tensor, indices: Tensor, x: Tensor) -> Tensor:
        """Project outputs (B, H, k, d_head) and add them to their rows, (B, T, d_model)."""
        B, H, k = indices.shape
        d_model = x.shape[-1]
        written = torch.einsum("bhki,hij->bhkj", gated, self.w_out)
        # Expanding before reshaping makes an index of B H k d_model numbers.
        scatter_by = indices.unsqueeze(-1).expand(B, H, k, d_model).reshape(B, H * k, d_model)
        y = torch.zeros(x.shape, dtype=written.dtype, device=x.device)
        return y.scatter_add_(1, scatter_by, written.reshape(B, H * k, d_model))

    def _turn(self, vectors: Tensor, positions: Tensor) -> Tensor:
        cos, sin = self.cos[positions], self.sin[positions]  # (B, H, k, n_rotate)
        turned, rest = vectors[..., : self.n_rotate], vectors[..., self.n_rotate :]
        first, second = turned.chunk(2, dim=-1)
        half_turn = torch.cat([-second, first], dim=-1)
        return torch.cat([turned * cos + half_turn * sin, rest], dim=-1)
