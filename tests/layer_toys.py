"""Small layers of every kind, with exact scores, and masks for their texts."""

import torch
from loops import exact_router

from mosa_edu.attention import DenseAttention, LocalAttention
from mosa_edu.attention.hybrid import build_sparse
from mosa_edu.config import SPARSE_KINDS

KINDS = ("dense", "local", *SPARSE_KINDS)
D_MODEL, LONGEST = 6, 40


def make(kind, d_head=4, n_heads=3, sparsity=4, include_first=False, fraction=0.5, dtype=None):
    """One layer of a kind in float64, with exact scores and statistics that are not at zero."""
    if kind == "dense":
        layer = DenseAttention(D_MODEL, d_head, n_heads, rotate_fraction=fraction)
    elif kind == "local":
        layer = LocalAttention(D_MODEL, d_head, n_heads, sparsity, rotate_fraction=fraction)
    else:
        layer = build_sparse(
            kind,
            D_MODEL,
            d_head,
            n_heads=n_heads,
            sparsity=sparsity,
            max_seq_len=max(LONGEST, sparsity),
            include_first=include_first,
            rotary={"rotate_fraction": fraction},
        )
    for name, buffer in layer.named_buffers():
        if name.endswith(("threshold", "bias")):
            buffer.copy_(torch.randint(-4, 5, buffer.shape) / 4)  # ties with logits occur
    layer = exact_router(layer.double())
    return layer if dtype is None else layer.to(dtype)


def padded(B, T):
    """A mask with pads left, right or on both sides, at least one real token a row."""
    begin = torch.randint(0, T, (B, 1))
    end = begin + 1 + (torch.rand(B, 1) * (T - begin)).long()
    place = torch.arange(T)
    return (begin <= place) & (place < end)
