"""Call any language model: from one state, with its weights opened, in float64, for its logits."""

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mosa_edu.checks import require, require_integer
from mosa_edu.modes import unchanged
from mosa_edu.probes.module_prints import tensors_in

MOST_COPIED = 2**29
"""Weights of a model that is copied to float64: 4 GiB."""
Forward = Callable[..., Any]


def name_of(model: Forward) -> str:
    """Return the class of a module, or the name of a function."""
    module = isinstance(model, nn.Module)
    return type(model).__name__ if module else getattr(model, "__name__", "a function")


def vocabulary_of(model: Forward, vocab_size: int | None) -> int:
    """Return the vocabulary's size, which is given or which the model tells."""
    if vocab_size is None:
        config = getattr(model, "config", None)
        own = config.get if isinstance(config, dict) else partial(getattr, config)
        vocab_size = own("vocab_size", None) or getattr(model, "vocab_size", None)
    if vocab_size is None and isinstance(model, nn.Module):
        parts = (part for part in model.modules() if isinstance(part, nn.Embedding))
        vocab_size = next((part.num_embeddings for part in parts), None)
    require(vocab_size is not None, "vocab_size", None, "given, since the model does not tell it")
    require_integer("vocab_size", vocab_size, 2)
    assert vocab_size is not None
    return vocab_size


@contextmanager
def filled(module: nn.Module | None, seed: int) -> Iterator[tuple[str, ...]]:
    """Give weights that are zero throughout other values inside the block, save biases.

    A causal model is causal with any weights, while a zero hides what it multiplies: untrained
    models often begin with output matrices or gates of zero.
    """
    found = {
        name: weight
        for name, weight in ({} if module is None else dict(module.named_parameters())).items()
        if weight.is_floating_point() and weight.requires_grad and not name.endswith("bias")
        if weight.numel() and not bool(weight.any())
    }
    zeros = {name: weight.data for name, weight in found.items()}
    generator = torch.Generator().manual_seed(seed)
    try:
        for weight in found.values():
            fan_in = weight.shape[-1] if weight.dim() > 1 else 1
            drawn = torch.randn(weight.shape, generator=generator) / (2 * fan_in**0.5)
            weight.data = drawn.to(weight)
        yield tuple(found)
    finally:
        for name, weight in found.items():
            weight.data = zeros[name]


class Refused(ValueError):
    """The model raised an error, or returned something else than logits."""


class BlackBox:
    """Call a model on tokens (B, T), each time from one state, and count the calls."""

    def __init__(
        self,
        model: Forward,
        module: nn.Module | None,
        begin: Callable[[], None],
        device: torch.device,
        forward: Forward | None,
        mask_argument: str,
        training: bool,
    ) -> None:
        self.model, self.module, self.begin, self.device = model, module, begin, device
        self.forward, self.mask_argument, self.training = forward, mask_argument, training
        self.calls, self.targets = 0, False

    def __call__(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return logits (B, T, V)."""
        B, T = tokens.shape
        given = tokens.to(self.device)
        for _ in range(2):
            self.begin()
            if self.module is not None:
                self.module.train(self.training)
            self.calls += 1
            try:
                with torch.no_grad():
                    output = self._call(given.clone(), mask)
            except Exception as error:
                what = f"it raised {type(error).__name__}: {' '.join(str(error).split())[:200]}"
                raise Refused(f"model must be a function of tokens ({B}, {T}); {what}") from error
            logits = _logits(output, B, T)
            if logits is not None:
                return logits
            if self.targets or self.forward or "targets" not in _arguments(self.model):
                break
            self.targets = True
        shapes = [tuple(tensor.shape) for tensor in tensors_in(output)]
        raise Refused(f"model must be one that returns logits (B={B}, T={T}, V), got {shapes}")

    def _call(self, tokens: Tensor, mask: Tensor | None) -> Any:
        masks = () if mask is None else (mask.to(self.device),)
        if self.forward is not None:
            return self.forward(self.model, tokens, *masks)
        named: dict[str, Any] = dict.fromkeys([self.mask_argument][: len(masks)], *masks)
        if self.targets:
            named["targets"] = torch.zeros_like(tokens)
        return self.model(tokens, **named)

    @contextmanager
    def in_double(self) -> Iterator["BlackBox | None"]:
        """Give a run of a copy in float64, or None where there can be none."""
        weights = [] if self.module is None else list(self.module.parameters())
        double = None
        if self.module is not None and sum(weight.numel() for weight in weights) <= MOST_COPIED:
            try:
                double = copy.deepcopy(self.module).double()
            except Exception:  # of many types: what a model holds may not be copied
                double = None
        if double is None:
            yield None
            return
        before = torch.get_default_dtype()
        with unchanged(double, self.device) as begin:
            run = BlackBox(
                double, double, begin, self.device, self.forward, self.mask_argument, self.training
            )
            run.targets = self.targets
            try:
                torch.set_default_dtype(torch.float64)
                with _Double():
                    yield run
            finally:
                torch.set_default_dtype(before)


class _Double(TorchFunctionMode):
    """Float64 where a model asks for less by name, as norms and Fourier transforms often do."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if getattr(function, "__name__", "") in ("float", "half", "bfloat16"):
            return args[0].double()
        given = {name: _double_type(value) for name, value in (kwargs or {}).items()}
        return function(*map(_double_type, args), **given)


def _double_type(value: Any) -> Any:
    less = isinstance(value, torch.dtype) and value.is_floating_point
    return torch.float64 if less else value


def _arguments(model: Forward) -> Sequence[str]:
    try:
        return list(inspect.signature(getattr(model, "forward", model)).parameters)
    except (TypeError, ValueError):  # a builtin has none
        return ()


def _logits(output: Any, B: int, T: int) -> Tensor | None:
    """Find the logits (B, T, V) in what a model returned."""
    named = output.get("logits") if isinstance(output, dict) else getattr(output, "logits", None)
    for tensor in tensors_in(output if named is None else named):
        if not tensor.is_floating_point():
            continue
        if tensor.dim() == 2 and tensor.shape[0] == B * T:  # flat, as a loss wants them
            tensor = tensor.view(B, T, -1)
        if tensor.dim() == 3 and tensor.shape[:2] == (B, T):
            return tensor
    return None
