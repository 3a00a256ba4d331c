"""From the straight way to the package's, one change at a time: each class adds one to the last.

The result never changes, and neither do the products that have to be computed. What changes is
how the numbers are moved.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.attention import MosaAttention
from mosa_edu.attention.rotary import rotary_table, rotate
from mosa_edu.bench.naive import NaiveMosa
from mosa_edu.selection import kept


class ScoreTheKept(NaiveMosa):
    """Rank logits along the last axis, and apply the sigmoid to the k kept ones alone."""

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `NaiveMosa.route`; in no order."""
        router_logits = F.linear(x, self.w_router).transpose(1, 2).contiguous()  # (B, H, T)
        k = kept(x.shape[1], self.sparsity)
        indices = router_logits.detach().topk(k, dim=-1, sorted=False).indices
        return indices, router_logits.gather(-1, indices).sigmoid()


class WholeRowsIn(ScoreTheKept):
    """Copy whole rows of the batch, heads first, as the batched product wants them."""

    def read(self, x: Tensor, indices: Tensor) -> Tensor:
        """See `NaiveMosa.read`."""
        B, H, k = indices.shape
        x_selected = x.reshape(-1, x.shape[-1]).index_select(0, self.rows(indices, x.shape[1]))
        qkv = torch.bmm(x_selected.view(H, B * k, -1), self.w_qkv)
        return qkv.view(H, B, k, -1).transpose(0, 1)

    @staticmethod
    def rows(indices: Tensor, T: int) -> Tensor:
        """Rows of the flattened batch, (H B k,), from positions (B, H, k)."""
        starts = T * torch.arange(len(indices), device=indices.device)
        return (indices + starts[:, None, None]).transpose(0, 1).reshape(-1)


class ShortTable(WholeRowsIn):
    """Make the rotary table from the known length, half as wide, and index it once."""

    def rotate(
        self, queries: Tensor, keys: Tensor, indices: Tensor, T: int
    ) -> tuple[Tensor, Tensor]:
        """See `NaiveMosa.rotate`."""
        table = rotary_table(T, self.n_rotate, self.rope_base, queries.device, queries.dtype)
        cos, sin = (part[indices] for part in table)  # each (B, H, k, n_rotate / 2)
        return rotate(queries, cos, sin), rotate(keys, cos, sin)


class Triangle(ShortTable):
    """Sort the positions: the mask is the plain triangle, which fused kernels know."""

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `NaiveMosa.route`; in the order of the text."""
        indices, gates = super().route(x)
        ascending = indices.sort(dim=-1)
        return ascending.values, gates.gather(-1, ascending.indices)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, indices: Tensor) -> Tensor:
        """See `NaiveMosa.attend`."""
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=True)


class WholeRowsOut(Triangle):
    """Add whole rows to the output."""

    def write(self, gated: Tensor, indices: Tensor, x: Tensor) -> Tensor:
        """See `NaiveMosa.write`."""
        H, d_model = indices.shape[1], x.shape[-1]
        heads_first = gated.transpose(0, 1).reshape(H, -1, gated.shape[-1])
        written = torch.bmm(heads_first, self.w_out).reshape(-1, d_model)
        y = written.new_zeros(x.shape).view(-1, d_model)
        return y.index_add_(0, self.rows(indices, x.shape[1]), written).view(x.shape)


STEPS: dict[str, type[NaiveMosa]] = {
    "straight": NaiveMosa,
    "score the kept": ScoreTheKept,
    "whole rows in": WholeRowsIn,
    "short table": ShortTable,
    "sort, then triangle": Triangle,
    "whole rows out": WholeRowsOut,
}
"""Every step by name, in order."""


def step_by_step(layer: MosaAttention) -> dict[str, nn.Module]:
    """Make all steps from the straight way to the package's own layer, with the same weights.

    Parameters
    ----------
    layer : MosaAttention
        Whose parameters to use, without a seat for the first token.

    Returns
    -------
    dict of str to nn.Module
        The keys of `STEPS`, and last "package", which is `layer`. All compute the same function.
    """
    return {name: step(layer) for name, step in STEPS.items()} | {"package": layer}
