"""Routing heads, the paper's learned baseline: tokens attend inside clusters of online k-means."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.attention.rotary import RotaryHeads, rotate, weights_and_values
from mosa_edu.checks import require, require_integer
from mosa_edu.selection import Selection
from mosa_edu.selection.expert_choice import best_of_each_row, kept_of, refuse_nan, top_k_positions
from mosa_edu.selection.selection import (
    KeepsStatistics,
    Mask,
    Record,
    pack,
    real_tokens,
    require_tokens,
)


class RoutingAttention(KeepsStatistics, RotaryHeads):
    """Attend within `sparsity` clusters of k = T / sparsity tokens, in every head.

    Parameters
    ----------
    sparsity : int
        Clusters of a head, the paper's rho.
    decay : float
        Weight of the old centroid in an update, in [0, 1).

    Notes
    -----
    The Routing Transformer (arXiv:2003.05997) as the MoSA paper costs it: one vector a token and
    head serves as query and key, it and the value are projected for all T tokens, and every
    centroid takes its k nearest tokens. A token may sit in several clusters, whose outputs are
    averaged, or in none. Clusters follow the moving averages, not the loss, and they are filled
    by top-k over the whole sequence, so `causal` is False.

    Other than in the original code: rotary positions, as in the heads beside it, for relative
    ones; logits divided by sqrt(d_head) after the norm, not before it, where it has no effect; an
    exact mean over clusters; a token's nearest centroid counted once and no commitment loss, so
    that the layer returns its output alone.
    """

    causal = False
    centroids: Tensor
    """Moving averages (H, rho, d_head) of the normed vectors nearest to them, float32."""

    def __init__(
        self,
        d_model: int,
        d_head: int,
        n_heads: int,
        sparsity: int,
        decay: float = 0.99,
        **rotary: Any,
    ) -> None:
        super().__init__(d_model, d_head, n_heads, **rotary)
        require_integer("sparsity", sparsity, 1)
        require(0.0 <= decay < 1.0, "decay", decay, "in [0, 1)")
        self.sparsity = sparsity
        self.decay = decay
        self.qv = nn.Linear(d_model, 2 * n_heads * d_head, bias=False)
        self.out = nn.Linear(n_heads * d_head, d_model, bias=False)
        directions = torch.randn(n_heads, sparsity, d_head)
        self.register_buffer("centroids", F.layer_norm(directions, (d_head,)))

    def forward(self, x: Tensor, attention_mask: Mask = None, record: Record = None) -> Tensor:
        """Attend within clusters; see `RotaryHeads.forward`."""
        require_tokens(x, self.d_model, self.qv.weight)
        B, T, _ = x.shape
        H, rho = self.n_heads, self.sparsity
        real = None if attention_mask is None else real_tokens(attention_mask, x)
        qv = self.qv(x).view(B, T, H, 2, self.d_head).permute(3, 0, 2, 1, 4)
        shared, values = qv.unbind()  # each (B, H, T, d_head)
        shared = F.layer_norm(shared, (self.d_head,))
        clusters = self._cluster(shared.detach(), real)
        cos, sin = self.rotations(T, shared)
        rotated = rotate(shared, cos, sin)

        indices = clusters.indices.unflatten(1, (H, rho))  # (B, H, rho, k)
        offsets = T * torch.arange(B * H, device=x.device).view(B, H, 1, 1)
        rows = (indices + offsets).flatten()  # rows of (B H T, d_head)
        shape = (B, H * rho, indices.shape[-1], self.d_head)
        members = rotated.flatten(0, 2).index_select(0, rows).view(shape)
        values = values.flatten(0, 2).index_select(0, rows).view(shape)
        attended = self._attend(members, values.to(members.dtype), clusters, record)

        used = clusters.scores.to(attended.dtype).reshape(-1, 1)  # 1 for members, 0 for no one
        total = attended.new_zeros(B * H * T, self.d_head)
        total = total.index_add(0, rows, attended.reshape(-1, self.d_head) * used)
        times = attended.new_zeros(B * H * T, 1).index_add(0, rows, used)
        mean = (total / times.clamp(min=1)).view(B, H, T, self.d_head)
        return self.out(mean.transpose(1, 2).flatten(2))

    def _attend(
        self, members: Tensor, values: Tensor, clusters: Selection, record: Record
    ) -> Tensor:
        """Attend causally in each cluster, (B, H rho, k, d_head) in and out."""
        if record is None:
            return F.scaled_dot_product_attention(members, members, values, is_causal=True)
        k = members.shape[2]
        by_cluster = (len(members), self.n_heads, self.sparsity, k)
        weights, attended = weights_and_values(members, members, values)
        record.record(
            "routing",
            indices=clusters.indices.view(by_cluster),
            valid=None if clusters.valid is None else clusters.valid.view(by_cluster),
            attention_weights=weights.view(*by_cluster, k),
        )
        return attended

    @torch.no_grad()
    def _cluster(self, shared: Tensor, real: Tensor | None) -> Selection:
        """Let every centroid pick its nearest tokens, then move it in training, (B, H rho, k)."""
        T = shared.shape[2]
        shared = shared.to(torch.promote_types(shared.dtype, torch.float32))
        with torch.autocast(shared.device.type, enabled=False):
            centroids = self.centroids.to(shared.dtype)
            scores = centroids @ shared.transpose(-1, -2)  # (B, H, rho, T)
        if self.training:
            self.move_statistics(lambda: self._learn(shared, scores, real))
        scores = scores.flatten(1, 2)  # (B, H rho, T)
        k = kept_of(T, self.sparsity)
        if real is None:
            indices = top_k_positions(scores, k)
            return Selection(indices, scores.new_ones(indices.shape))
        refuse_nan(scores)
        return pack(best_of_each_row(scores, self.sparsity, real), torch.ones_like(scores), k)

    def _learn(self, shared: Tensor, scores: Tensor, real: Tensor | None) -> None:
        """Move each centroid towards the mean of the tokens that are nearer to it than to others.

        Takes the normed vectors (B, H, T, d_head) and their products with the centroids
        (B, H, rho, T); a centroid without tokens stays where it is.
        """
        H, rho, d_head = self.centroids.shape
        nearest = scores.argmax(dim=2) + rho * torch.arange(H, device=shared.device)[:, None]
        vectors = shared.float()  # (B, H, T, d_head)
        counted = torch.ones_like(vectors[..., :1])
        if real is not None:
            counted = counted * real[:, None, :, None]
        rows = nearest.flatten()
        sums = vectors.new_zeros(H * rho, d_head)
        sums.index_add_(0, rows, (vectors * counted).view(-1, d_head))
        counts = vectors.new_zeros(H * rho, 1).index_add_(0, rows, counted.view(-1, 1))
        means = (sums / counts.clamp(min=1)).view(H, rho, d_head)
        moved = self.decay * self.centroids + (1 - self.decay) * means
        moved = F.layer_norm(moved, (d_head,))
        self.centroids.copy_(torch.where(counts.view(H, rho, 1) > 0, moved, self.centroids))
