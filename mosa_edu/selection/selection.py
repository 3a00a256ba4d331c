"""What every selector returns: who sits in each head, and with which gate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from mosa_edu.checks import require
from mosa_edu.head_kinds import kept_tokens as kept

__all__ = ["Selection", "kept"]


@dataclass(frozen=True, eq=False)
class Selection:
    """The tokens that each head kept.

    Attributes
    ----------
    indices : Tensor, shape (B, H, k), int64
        Original positions, ascending. Ascending order turns the paper's index mask
        ``I_i >= I_j`` into the ordinary lower triangle.
    scores : Tensor, shape (B, H, k), float
        Gate of each kept token; the router learns through these alone.
    valid : Tensor or None, shape (B, H, k), bool
        None when all k slots are used. Otherwise unused slots are False, stand after the
        used ones and hold index 0.
    """

    indices: Tensor
    scores: Tensor
    valid: Tensor | None = None


class Recorder(Protocol):
    """Receives the tensors of one forward pass.

    Attributes
    ----------
    layer : int
        The layer at work; the model sets it before each block.
    """

    layer: int

    def record(self, kind: str, **tensors: Tensor | None) -> None:
        """Take the tensors of one stage."""


def real_tokens(attention_mask: Tensor, x: Tensor) -> Tensor:
    """Return the mask as booleans, refusing one that fits no text.

    >>> real_tokens(torch.tensor([[1, 1, 0]]), torch.zeros(1, 3, 8)).tolist()
    [[True, True, False]]
    """
    shape = tuple(attention_mask.shape)
    require(shape == tuple(x.shape[:2]), "attention_mask", shape, f"{tuple(x.shape[:2])} in shape")
    kind = attention_mask.dtype
    require(not kind.is_floating_point, "attention_mask", kind, "of booleans or integers")
    real = attention_mask.bool()
    if not torch.compiler.is_compiling():
        filled = bool(real.any(dim=1).all())
        require(filled, "attention_mask", "a row without any", "True somewhere in every row")
    return real


def places(real: Tensor) -> Tensor:
    """Place of every token among the real ones of its row, so that padding moves nothing.

    >>> places(torch.tensor([[False, True, True, False]])).tolist()
    [[-1, 0, 1, 1]]
    """
    return real.cumsum(dim=1) - 1


def pack(chosen: Tensor, gates: Tensor, capacity: int | None = None) -> Selection:
    """Put the chosen positions of every head into slots.

    >>> chosen = torch.tensor([[[False, True, True, True]]])
    >>> pack(chosen, torch.ones(1, 1, 4), capacity=2).indices.tolist()
    [[[1, 2]]]
    """
    slots = int(chosen.sum(dim=-1).max()) if capacity is None else min(capacity, chosen.shape[-1])
    slots = max(slots, 1)
    indices = (~chosen).to(torch.uint8).sort(dim=-1, stable=True).indices[..., :slots]
    valid = chosen.gather(-1, indices)  # (B, H, slots)
    scores = gates.gather(-1, indices).masked_fill(~valid, 0.0)
    return Selection(indices.masked_fill(~valid, 0), scores, valid)


class KeepsStatistics(nn.Module):
    """A module whose own buffers follow it to a device, but not to a type.

    A moving average with decay 0.99 stands still in bfloat16: one step of it is smaller than
    half of the last place. ``module.to(torch.bfloat16)`` therefore rounds the parameters alone.

    >>> import torch
    >>> module = KeepsStatistics()
    >>> module.register_buffer("mean", torch.full((1,), 0.1))
    >>> module.to(torch.bfloat16).mean
    tensor([0.1000])
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "KeepsStatistics":
        exact = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, buffer in self._buffers.items():
            before = exact[name]
            if buffer is not None and before is not None and buffer.dtype != before.dtype:
                self._buffers[name] = before.to(buffer.device)
        return self
