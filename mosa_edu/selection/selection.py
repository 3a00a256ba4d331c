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
        Original positions in [0, T), ascending without repeats, in at least one slot. Ascending
        order turns the paper's index mask ``I_i >= I_j`` into the ordinary lower triangle.
    scores : Tensor, shape (B, H, k), float
        Gate of each kept token, 0 in unused slots; the router learns through these alone.
    valid : Tensor or None, shape (B, H, k), bool
        None when all k slots are used. Otherwise unused slots are False, stand after the
        used ones and hold index 0.
    """

    indices: Tensor
    scores: Tensor
    valid: Tensor | None = None


def is_causal(part: nn.Module, argument: str) -> bool:
    """Say whether a selector or a kind of head is causal, refusing one that does not tell."""
    causal = getattr(part, "causal", None)
    allowed = "a module whose `causal` says whether no later token can change its choice"
    require(causal is not None, argument, type(part).__name__, allowed)
    return bool(causal)


def require_selector(selector: nn.Module, d_model: int) -> None:
    """Refuse a selector that does not say what a layer asks it, or scores other tokens."""
    name = type(selector).__name__
    require(callable(selector), "selector", name, "a module that returns a Selection when called")
    n_heads = getattr(selector, "n_heads", None)
    require(n_heads is not None, "selector", name, "a module with n_heads, an integer")
    require_integer("selector.n_heads", n_heads, 1)
    is_causal(selector, "selector")
    width = getattr(selector, "d_model", None)
    own = f"the layer's {d_model}, in {name}"
    require(width is None or width == d_model, "selector.d_model", width, own)


def require_selection(selection: Selection, x: Tensor, n_heads: int, look: bool) -> None:
    """Refuse a selection that heads would misread in silence; see `Selection` for the contract.

    Shapes and types cost nothing to ask; `look` says whether the values are read as well.
    """
    require(isinstance(selection, Selection), "selector", selection, "one that returns a Selection")
    indices, scores, valid = selection.indices, selection.scores, selection.valid
    if is_traced():
        return
    B, T, _ = x.shape
    shape = tuple(indices.shape)
    slots = len(shape) == 3 and shape[:2] == (B, n_heads) and shape[2] >= 1
    require(slots, "selection.indices", shape, f"(B={B}, H={n_heads}, k of at least 1) in shape")
    require(indices.dtype == torch.int64, "selection.indices", indices.dtype, "of torch.int64")
    for name, other in (("scores", scores), ("valid", valid)):
        if other is not None and other.shape != indices.shape:
            alike = f"{shape} in shape, as selection.indices"
            require(False, f"selection.{name}", tuple(other.shape), alike)
    require(scores.is_floating_point(), "selection.scores", scores.dtype, "floating-point numbers")
    if valid is not None:
        require(valid.dtype == torch.bool, "selection.valid", valid.dtype, "of torch.bool")
    if look and indices.numel() and not _values_fit(indices, scores, valid, T):
        _require_slots((indices >= 0) & (indices < T), indices, "indices", f"in [0, T={T})")
        if valid is not None:
            first = valid[..., 1:] <= valid[..., :-1]
            _require_slots(first, valid, "valid", "True in first slots alone")
            _require_slots(valid | (scores == 0), scores, "scores", "0 in slots that are not valid")
        _require_slots(_ascending(indices, valid), indices, "indices", "ascending without repeats")


def _values_fit(indices: Tensor, scores: Tensor, valid: Tensor | None, T: int) -> bool:
    """Say in few operations whether the values of a selection are what they must be."""
    ascending = holds(_ascending(indices, valid))
    if not ascending:
        return ascending is None  # nobody can tell
    low, high = indices.aminmax()
    silent = valid is None or holds((scores != 0) <= valid) is not False
    return silent and low.item() >= 0 and high.item() < T


def _ascending(indices: Tensor, valid: Tensor | None) -> Tensor:
    """Mark slots from the second on that are unused, or follow a used one of an earlier token."""
    ascending = indices[..., 1:] > indices[..., :-1]
    return ascending if valid is None else valid[..., 1:] <= (ascending & valid[..., :-1])


def _require_slots(right: Tensor, values: Tensor, what: str, allowed: str) -> None:
    """Refuse the first slot that is not right, and say where it is."""
    if not bool(right.all()):
        row, head, slot = (~right).nonzero()[0].tolist()
        found = values[row, head, slot : slot + 4].tolist()
        place = f"(row {row}, head {head}, from slot {slot})"
        require(False, f"selection.{what}", found, f"{allowed} {place}")


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


def is_traced() -> bool:
    """Say whether this runs to be written down, for other lengths and values than these.

    So it does when it is compiled, exported or traced: sizes may be symbols then, and no branch
    may depend on one.
    """
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def holds(condition: Tensor) -> bool | None:
    """Say whether a condition holds everywhere; None where nobody may look.

    That is in traced code, under `torch.func.vmap` and on the meta device, where the caller takes
    the way that is right for all values.
    """
    if is_traced() or condition.is_meta:
        return None
    try:
        return bool(condition.all())
    except RuntimeError as error:
        if "vmap" in str(error):
            return None
        raise


Mask = Tensor | None
"""True for real tokens, (B, T); None: all are."""
Record = ActivationCache | None


class KeepsStatistics(nn.Module):
    """A module whose own buffers follow it to a device, but not to a type.

    A moving average with decay 0.99 stands still in bfloat16: one step of it is smaller than
    half of the last place. ``module.to(torch.bfloat16)`` therefore rounds the parameters alone.
    """

    def move_statistics(self, move: Callable[[], object]) -> None:
        """Move the buffers by `copy_` or counting, which `torch.func.grad` and `vmap` forbid."""
        try:
            move()
        except RuntimeError as error:
            if "vmap" not in str(error) and "mutate a captured" not in str(error):
                raise
            name = type(self).__name__
            allowed = (
                f"False under torch.func, where {name} cannot move its statistics: call eval()"
            )
            raise ValueError(f"training must be {allowed}, got True") from error

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

    @property
    def d_model(self) -> int | None:
        """Width of the tokens that its router scores; None if it has none."""
        router = getattr(self, "router", None)
        return None if router is None else int(router.weight.shape[1])

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


def require_tokens(x: Tensor, d_model: int | None = None, weight: object = None) -> None:
    """Refuse what is no batch of token vectors, or not of the type of a layer's weights.

    >>> require_tokens(torch.zeros(2, 5, 8), d_model=16)
    Traceback (most recent call last):
        ...
    ValueError: x must be (B, T, 16) in shape with T at least 1, got (2, 5, 8)
    """
    if torch.jit.is_tracing():  # sizes are tensors then, and must not be read
        return
    shape = tuple(x.shape)
    if len(shape) != 3 or shape[1] < 1 or (d_model is not None and shape[2] != d_model):
        require(False, "x", shape, f"(B, T, {d_model or 'd_model'}) in shape with T at least 1")
    if not x.is_floating_point():
        require(False, "x", x.dtype, "of floating-point numbers")
    # A quantised layer has weights of another sort, or none, and takes care of itself.
    if isinstance(weight, Tensor) and weight.is_floating_point() and weight.dtype != x.dtype:
        wide = torch.float64 in (x.dtype, weight.dtype)  # which autocast leaves alone
        mixed = torch.is_autocast_enabled(x.device.type) and not wide
        require(
            mixed, "x", x.dtype, f"of {weight.dtype}, as the weights are (layer.to changes them)"
        )


def real_tokens(attention_mask: Tensor, x: Tensor) -> Tensor:
    """Return the mask as booleans, refusing one that fits no text.

    >>> real_tokens(torch.tensor([[1, 1, 0]]), torch.zeros(1, 3, 8)).tolist()
    [[True, True, False]]
    """
    if torch.jit.is_tracing():  # sizes are tensors then, and must not be read
        return attention_mask.bool()
    shape = tuple(attention_mask.shape)
    require(shape == tuple(x.shape[:2]), "attention_mask", shape, f"{tuple(x.shape[:2])} in shape")
    kind = attention_mask.dtype
    require(not kind.is_floating_point, "attention_mask", kind, "of booleans or integers")
    real = attention_mask.bool()
    filled = holds(real.any(dim=1)) is not False
    require(filled, "attention_mask", "a row without any", "True somewhere in every row")
    return real


def places(real: Tensor) -> Tensor:
    """Place of every token among the real ones of its row, so that padding moves nothing.

    >>> places(torch.tensor([[False, True, True, False]])).tolist()
    [[-1, 0, 1, 1]]
    """
    return real.cumsum(dim=1) - 1


def smaller(one: int, other: int) -> int:
    """Return the smaller of two sizes, which traced code may hold as symbols."""
    if isinstance(one, Tensor) or isinstance(other, Tensor):  # in torch.jit.trace
        return torch.minimum(torch.as_tensor(one), torch.as_tensor(other))
    return torch.sym_min(one, other)


def stable_order(groups: Tensor) -> Tensor:
    """Positions of the last axis by their group, within a group by place."""
    if is_traced():  # ONNX knows no stable sort, but no two of these keys are equal
        T = groups.shape[-1]
        return (groups.long() * T + torch.arange(T, device=groups.device)).argsort(dim=-1)
    return groups.sort(dim=-1, stable=True).indices


def first_slots(order: Tensor, slots: int) -> Tensor:
    """Keep the first of the last axis."""
    if is_traced():  # a slice would ask whether there are as many, of symbols that cannot tell
        return order.index_select(-1, torch.arange(slots, device=order.device))
    return order[..., :slots]


def pack(chosen: Tensor, gates: Tensor, capacity: int) -> Selection:
    """Put the chosen positions of every head into slots, the first ones if there are too few.

    >>> chosen = torch.tensor([[[False, True, True, True]]])
    >>> pack(chosen, torch.ones(1, 1, 4), capacity=2).indices.tolist()
    [[[1, 2]]]
    """
    order = stable_order((~chosen).to(torch.uint8))
    indices = first_slots(order, smaller(capacity, chosen.shape[-1]))
    valid = chosen.gather(-1, indices)  # (B, H, capacity), or fewer slots in a shorter text
    scores = gates.gather(-1, indices).masked_fill(~valid, 0.0)
    return Selection(indices.masked_fill(~valid, 0), scores, valid)
