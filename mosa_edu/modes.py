"""A model is looked at without learning from it, and left as it was found."""

import copy
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model in evaluation mode inside a `with` block, and every module back after it.

    Selectors that keep running statistics must not learn from a text that is only looked at.
    """
    was_training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in was_training.items():
            module.training = training


@contextmanager
def unchanged(
    model: nn.Module | None, device: torch.device, seed: int = 0
) -> Iterator[Callable[[], None]]:
    """Run a model inside a `with` block, each time from one state, and leave it as it was.

    The block gets a function to call before each run: modules then hold copies of the buffers and
    of the plain attributes (caches, counters) that they had, and the generators of Python, NumPy
    and PyTorch start at `seed`. After the block everything is the very object it was. Weights are
    not copied.
    """
    modules = [] if model is None else list(model.modules())
    weights = [] if model is None else list(model.parameters())
    known = {id(part): part for part in (*modules, *weights)}
    found = [(vars(module).copy(), module._buffers.copy()) for module in modules]
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    accelerator = torch.get_device_module(device) if device.type in ("cuda", "xpu") else None

    def begin() -> None:
        memo: dict[int, Any] = dict(known)  # one for all: what modules share stays shared
        for module, (attributes, buffers) in zip(modules, found, strict=True):
            own = {
                name: _copied(value, memo) if _movable(value, known) else value
                for name, value in attributes.items()
                if name not in _EVERY_MODULE
            }
            _put(module, own, {name: _copied(buffer, memo) for name, buffer in buffers.items()})
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.default_generator.manual_seed(seed)
        if accelerator:
            accelerator.manual_seed_all(seed)

    devices = range(accelerator.device_count()) if accelerator else ()
    try:
        with torch.random.fork_rng(devices, device_type=device.type if accelerator else "cuda"):
            yield begin
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        for module, (attributes, buffers) in zip(modules, found, strict=True):
            _put(module, attributes, buffers)


_EVERY_MODULE = frozenset(vars(nn.Module())) - {"training"}
_PLAIN = (int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size)


def _put(module: nn.Module, attributes: dict[str, Any], buffers: dict[str, Tensor | None]) -> None:
    own = vars(module)
    for name in [name for name in own if name not in attributes and name not in _EVERY_MODULE]:
        del own[name]
    own.update((name, value) for name, value in attributes.items() if name not in _EVERY_MODULE)
    module._buffers.clear()
    module._buffers.update(buffers)


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    """Copy what can be copied; a tensor inside a graph, for one, cannot, and is not written to."""
    try:
        return copy.deepcopy(value, memo)
    except Exception:
        return value


def _movable(value: Any, known: dict[int, Any], depth: int = 6) -> bool:
    """Whether a run may write into a value, and a copy of it is cheap: tensors and their holders.

    A trainer or a data set that hangs on a module is none, nor is a module outside of the tree.
    """
    if isinstance(value, (*_PLAIN, Tensor, torch.Generator)) or id(value) in known:
        return True
    if isinstance(value, nn.Module) or depth == 0:
        return False
    if isinstance(value, dict):
        value = list(value.values())
    elif not isinstance(value, list | tuple | set | deque):
        if callable(value) or not hasattr(value, "__dict__"):
            return False
        value = list(vars(value).values())
    return all(_movable(item, known, depth - 1) for item in value)
