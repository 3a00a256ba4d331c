"""What every selector is and returns: who is selected in each head, and with which gate."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from mosa_edu.checks import require, require_integer


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


class ActivationCache:
    """Keeps what the layers of one forward pass hand it: by (layer, stage), tensors by name.

    A model sets `layer` before each block; tensors are detached, on the CPU.

    Examples
    --------
    >>> from mosa_edu.attention import MosaAttention
    >>> cache = ActivationCache()
    >>> layer = MosaAttention(d_model=16, d_head=4, n_heads=3, sparsity=4)
    >>> output = layer(torch.randn(1, 12, 16), record=cache)
    >>> cache.tensors[0, "sparse"]["attention_weights"].shape
    torch.Size([1, 3, 3, 3])
    """

    def __init__(self) -> None:
        self.layer = 0
        self.tensors: dict[tuple[int, str], dict[str, Tensor]] = {}

    def record(self, kind: str, **tensors: Tensor | None) -> None:
        """Keep the tensors of one stage; those that are None are left out."""
        given = {name: t.detach().cpu() for name, t in tensors.items() if t is not None}
        self.tensors[self.layer, kind] = given

    def selected(self, layer: int, row: int = 0) -> list[list[int]]:
        """Positions that each sparse head of a layer kept of one text, without unused slots."""
        sparse = self.tensors.get((layer, "sparse"))
        if sparse is None:
            return []
        indices = sparse["indices"][row]
        valid = sparse["valid"][row] if "valid" in sparse else torch.ones_like(indices) > 0
        return [own[used].tolist() for own, used in zip(indices, valid, strict=True)]


Mask = Tensor | None
"""True for real tokens, (B, T); None: all are."""
Record = ActivationCache | None


class KeepsStatistics(nn.Module):
    """A module whose own buffers follow it to a device, but not to a type.

    A moving average with decay 0.99 stands still in bfloat16: one step of it is smaller than
    half of the last place. ``module.to(torch.bfloat16)`` therefore rounds the parameters alone.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "KeepsStatistics":
        exact = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, buffer in self._buffers.items():
            before = exact[name]
            if buffer is not None and before is not None and buffer.dtype != before.dtype:
                self._buffers[name] = before.to(buffer.device)
        return self


class OnlineSelector(Protocol):
    """A causal rule that is asked about one token after the other."""

    limit: int
    """Tokens that a head keeps at most."""

    def wants(self, x: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Of tokens (B, d_model) at a position: which heads want them, and gates, both (B, H)."""

    def tensors(self) -> Iterable[Tensor]:
        """Return everything that occupies memory between two tokens."""


class Selector(KeepsStatistics):
    """A rule that says which tokens sit in each of `n_heads` heads.

    Parameters
    ----------
    sparsity : int
        The paper's rho = T / k.
    """

    causal: bool = True
    """Whether no later token can change what is selected of the earlier ones."""

    def __init__(self, n_heads: int, sparsity: int) -> None:
        super().__init__()
        require_integer("n_heads", n_heads, 1)
        require_integer("sparsity", sparsity, 1)
        self.n_heads = n_heads
        self.sparsity = sparsity

    def forward(self, x: Tensor, attention_mask: Mask = None, record: Record = None) -> Selection:
        """Select tokens (B, T, d_model); the arguments are those of `RotaryHeads.forward`."""
        raise NotImplementedError

    def online(self, rows: int, max_seq_len: int) -> OnlineSelector:
        """Return the rule for one token at a time, if it is causal, in evaluation mode."""
        raise ValueError(
            f"selector must be causal, to decode token by token, got {type(self).__name__!r}"
        )


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
