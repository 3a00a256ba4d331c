"""Attention layers: tokens in, tokens out, with no residual, norm or training inside."""

from mosa_edu.attention.dense import DenseAttention, LocalAttention
from mosa_edu.attention.hybrid import HybridAttention
from mosa_edu.attention.routing import RoutingAttention
from mosa_edu.attention.sparse import FixedAttention, MosaAttention, SparseAttention

__all__ = [
    "DenseAttention",
    "FixedAttention",
    "HybridAttention",
    "LocalAttention",
    "MosaAttention",
    "RoutingAttention",
    "SparseAttention",
]
