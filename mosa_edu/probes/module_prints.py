"""Where in a model does something move? One number a position of what modules take and give."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

CHOICES = {"topk", "kthvalue", "sort", "argsort", "argmax", "argmin", "median", "quantile"}


@dataclass(frozen=True)
class ModuleCall:
    """One call of a module, by name and class, and its prints: (T,) float64 for each tensor."""

    module: str
    takes: tuple[Tensor, ...]
    gives: tuple[Tensor, ...]


@contextmanager
def module_prints(model: nn.Module | None, T: int, rows: int) -> Iterator[list[ModuleCall]]:
    """Collect the calls of all modules, in the order in which they end, for the first row of T."""
    calls: list[ModuleCall] = []
    open_calls: list[tuple[Tensor, ...]] = []
    handles = []
    for name, module in [] if model is None else model.named_modules():

        def begin(module: nn.Module, args: Any, kwargs: Any) -> None:
            open_calls.append(_prints((args, kwargs), T, rows))

        def end(module: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name) -> None:
            if isinstance(module, nn.RNNBase):
                output = output[0]  # the state that comes with it is of the text's end
            calls.append(
                ModuleCall(_called(name, module), open_calls.pop(), _prints(output, T, rows))
            )

        handles.append(module.register_forward_pre_hook(begin, with_kwargs=True))
        handles.append(module.register_forward_hook(end, with_kwargs=True))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def first_to_move(
    one: list[ModuleCall], other: list[ModuleCall], places: Tensor, tolerance: float
) -> str | None:
    """Name the first module that takes the same at these places in both runs, and gives another.

    A part of a module ends before the module, so that the smallest part is named. If the change
    passes from module to module where no print can follow it, the first that gives another is.
    """

    def moved(prints: tuple[Tensor, ...], others: tuple[Tensor, ...]) -> bool:
        for a, b in zip(prints, others, strict=False):
            size = max(float(a.abs().max()), float(b.abs().max()), 1e-300)
            if float((a[places] - b[places]).abs().max()) > tolerance * size:
                return True
        return False

    first, times = None, dict[str, int]()
    for a, b in zip(one, other, strict=False):
        if a.module != b.module:
            break
        times[a.module] = times.get(a.module, 0) + 1
        if moved(a.gives, b.gives):
            again = sum(call.module == a.module for call in one) > 1
            named = a.module + (f", call {times[a.module]}" if again else "")
            if not moved(a.takes, b.takes):
                return named
            first = first or named
    return first


def _called(name: str, module: nn.Module) -> str:
    kind = type(module).__name__
    return f"{name} ({kind})" if name else f"{kind} itself"


def _prints(value: Any, T: int, rows: int) -> tuple[Tensor, ...]:
    found = (_by_position(_first_row(tensor, rows), T) for tensor in tensors_in(value))
    return tuple(print_ for print_ in found if print_ is not None)


def _first_row(x: Tensor, rows: int) -> Tensor:
    """Return what belongs to the first row, where the first axis is made of rows."""
    if rows == 1 or not x.dim() or x.shape[0] % rows:
        return x
    return x.unflatten(0, (rows, -1))[0]


def tensors_in(value: Any, depth: int = 4) -> Iterator[Tensor]:
    """Yield the tensors in tuples, lists, dictionaries and objects, in order."""
    if isinstance(value, Tensor):
        yield value
    elif depth and not isinstance(value, nn.Module):
        if isinstance(value, Mapping):
            inside = list(value.values())
        elif isinstance(value, list | tuple):
            inside = list(value)
        elif dataclasses.is_dataclass(value) or hasattr(value, "logits"):
            inside = list(vars(value).values())
        else:
            return
        for item in inside:
            yield from tensors_in(item, depth - 1)


def _by_position(x: Tensor, T: int) -> Tensor | None:
    """Sum what one row holds at each position with fixed random weights, (T,) in float64.

    The position is the first axis of length T. Where other axes have that length, too (scores of
    queries and keys, features that happen to be as many), entries count up to the position alone:
    whichever of the axes is the text's, those may not see what is later. None without such an axis.
    """
    axes = [axis for axis, length in enumerate(x.shape) if length == T]
    if not axes or x.is_sparse or x.is_quantized:
        return None
    x = torch.view_as_real(x.resolve_conj()) if x.is_complex() else x
    x = x.detach().double().nan_to_num(1.0, 2.0, 3.0).clamp(-1e6, 1e6)  # masks hold -inf or -1e38
    place = torch.arange(T, device=x.device)
    for axis in axes[1:]:
        shape = [1] * x.dim()
        shape[axes[0]] = shape[axis] = T
        x = x * (place[:, None] >= place).view(shape)
    x = x.movedim(axes[0], 0).reshape(T, -1)  # (T, what stands at a position)
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(x.shape[1], generator=generator, dtype=torch.float64) + 0.5
    return (x @ weights.to(x.device)).cpu()


@contextmanager
def choices_made(model: nn.Module | None, T: int, rows: int) -> Iterator[dict[str, None]]:
    """Collect where the places of a text, or of all texts, are ranked: content chooses there."""
    found: dict[str, None] = {}
    inside, handles = ["the model"], []

    class Listen(TorchFunctionMode):
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            name = getattr(function, "__name__", "")
            if name in CHOICES and args and isinstance(args[0], Tensor) and args[0].dim():
                given = args[2 if name in ("topk", "kthvalue") else 1 :]
                axis = (kwargs or {}).get("dim", given[0] if given else -1)
                if type(axis) is int and args[0].shape[axis] in (T, rows * T):
                    found[f"{inside[-1]}, {name}"] = None
            return function(*args, **(kwargs or {}))

    def begin(called: str) -> Any:
        return lambda *_: inside.append(called)

    for name, module in [] if model is None else model.named_modules():
        handles.append(module.register_forward_pre_hook(begin(_called(name, module))))
        handles.append(module.register_forward_hook(lambda *_: inside.pop() and None))
    try:
        with Listen():
            yield found
    finally:
        for handle in handles:
            handle.remove()
