"""A few dense (or local) heads beside many sparse ones, summed."""

import inspect
from typing import Any

from torch import Tensor, nn

from mosa_edu import selection
from mosa_edu.attention.dense import DenseAttention, LocalAttention
from mosa_edu.attention.routing import RoutingAttention
from mosa_edu.attention.sparse import SparseAttention
from mosa_edu.checks import require
from mosa_edu.config import SPARSE_KINDS
from mosa_edu.head_kinds import HEAD_KINDS
from mosa_edu.selection import ActivationCache, Selector


class HybridAttention(nn.Module):
    """Sum of the given attention layers, as in the paper's main models.

    Parameters
    ----------
    dense : DenseAttention or None
        Heads that see everything before them.
    local : LocalAttention or None
        Heads that see a window.
    sparse : nn.Module or None
        Heads that see what they selected: `SparseAttention` or `RoutingAttention`.

    Raises
    ------
    ValueError
        If all three are None: a layer needs a head.

    Examples
    --------
    >>> import torch
    >>> from mosa_edu.attention import MosaAttention
    >>> layer = HybridAttention(
    ...     dense=DenseAttention(d_model=32, d_head=8, n_heads=2),
    ...     sparse=MosaAttention(d_model=32, d_head=8, n_heads=6, sparsity=4),
    ... )
    >>> layer(torch.randn(1, 16, 32)).shape, layer.causal
    (torch.Size([1, 16, 32]), False)
    """

    def __init__(
        self,
        dense: DenseAttention | None = None,
        local: LocalAttention | None = None,
        sparse: nn.Module | None = None,
    ) -> None:
        super().__init__()
        present = [part for part in (dense, local, sparse) if part is not None]
        require(len(present) > 0, "n_heads", 0, "at least 1 in all")
        self.dense = dense
        self.local = local
        self.sparse = sparse

    @property
    def causal(self) -> bool:
        """Whether no later token can change an earlier output."""
        return all(bool(part.causal) for part in self.children())

    def forward(
        self,
        x: Tensor,
        attention_mask: Tensor | None = None,
        record: ActivationCache | None = None,
    ) -> Tensor:
        """Attend in every kind of head and add up; see `RotaryHeads.forward`."""
        outputs = [part(x, attention_mask, record) for part in self.children()]
        total = outputs[0]
        for output in outputs[1:]:
            total = total + output
        return total


def build_sparse(
    kind: str,
    d_model: int,
    d_head: int,
    *,
    n_heads: int,
    sparsity: int,
    rotate_fraction: float = 0.5,
    rope_base: float = 10000.0,
    **settings: Any,
) -> nn.Module:
    """Make sparse heads of one kind; its selector takes those of the settings that it knows."""
    require(kind in SPARSE_KINDS, "kind", kind, f"one of {SPARSE_KINDS}")
    if kind == "routing":
        return RoutingAttention(d_model, d_head, n_heads, sparsity, rotate_fraction, rope_base)
    selector = build_selector(kind, d_model=d_model, n_heads=n_heads, sparsity=sparsity, **settings)
    return SparseAttention(selector, d_model, d_head, rotate_fraction, rope_base)


def build_selector(kind: str, **settings: Any) -> Selector:
    """Make the selector of a kind, with those of the settings that it knows."""
    make = getattr(selection, str(HEAD_KINDS[kind].selector))
    known = inspect.signature(make).parameters
    return make(**{name: value for name, value in settings.items() if name in known})
