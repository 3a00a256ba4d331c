"""Running statistics that keep their precision when a module is rounded."""

from collections.abc import Callable

from torch import Tensor, nn


class KeepsStatistics(nn.Module):
    """A module whose own buffers follow it to a device, but not to a type.

    Notes
    -----
    A moving average with decay 0.99 stands still in bfloat16: one step of it is smaller than
    half of the last place. ``module.to(torch.bfloat16)`` therefore rounds the parameters alone.

    Examples
    --------
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
