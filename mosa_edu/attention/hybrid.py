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
from mosa_edu.selection import Selector
from mosa_edu.selection.selection import Mask, Record, is_causal


class HybridAttention(nn.Module):
    """Sum of attention layers, one at least, as in the paper's main models.

    Parameters
    ----------
    dense, local, sparse : nn.Module or None
        Heads that see everything before them, a window of it, or what they selected
        (`SparseAttention` or `RoutingAttention`). A module of your own says in `causal` whether no
        later token changes an earlier output, and is called as ours are.

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
        parts = {"dense": dense, "local": local, "sparse": sparse}
        present = {place: part for place, part in parts.items() if part is not None}
        require(len(present) > 0, "n_heads", 0, "at least 1 in all")
        for place, part in present.items():
            kind, own = type(part).__name__, _place_of(part)
            require(isinstance(part, nn.Module), place, kind, "a module")
            require(own in (place, None), place, kind, f"{place} heads (others go to {own}=)")
            is_causal(part, place)
        widths = {place: getattr(part, "d_model", None) for place, part in present.items()}
        alike = len({width for width in widths.values() if width is not None}) <= 1
        require(alike, "d_model", widths, "the same for all heads")
        self.dense = dense
        self.local = local
        self.sparse = sparse

    @property
    def causal(self) -> bool:
        """Whether no later token can change an earlier output."""
        return all(is_causal(part, name) for name, part in self.named_children())

    def forward(self, x: Tensor, attention_mask: Mask = None, record: Record = None) -> Tensor:
        """Attend in every kind of head and add up; see `RotaryHeads.forward`."""
        outputs = [part(x, attention_mask, record) for part in self.children()]
        total = outputs[0]
        for output in outputs[1:]:
            total = total + output
        return total


def _place_of(part: nn.Module) -> str | None:
    """Return the argument that a layer of ours belongs to; None for somebody else's."""
    if isinstance(part, DenseAttention):
        return "local" if isinstance(part, LocalAttention) else "dense"
    return "sparse" if isinstance(part, SparseAttention | RoutingAttention) else None


def build_sparse(
    kind: str, d_model: int, d_head: int, *, rotary: dict[str, Any] | None = None, **settings: Any
) -> nn.Module:
    """Make sparse heads of one kind; its selector takes those of the settings that it knows."""
    require(kind in SPARSE_KINDS, "kind", kind, f"one of {SPARSE_KINDS}")
    rotary = rotary or {}
    if kind == "routing":
        sizes = settings["n_heads"], settings["sparsity"]
        return RoutingAttention(d_model, d_head, *sizes, **rotary)
    return SparseAttention(
        build_selector(kind, d_model=d_model, **settings), d_model, d_head, **rotary
    )


def build_selector(kind: str, **settings: Any) -> Selector:
    """Make the selector of a kind, with those of the settings that it knows."""
    make = getattr(selection, str(HEAD_KINDS[kind].selector))
    known = {name for cls in make.__mro__ for name in inspect.signature(cls.__init__).parameters}
    return make(**{name: value for name, value in settings.items() if name in known})
