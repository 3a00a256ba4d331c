"""Several processes, one run: who am I, and averages over all.

Without an initialised process group every function acts as for one process.
"""

from __future__ import annotations

import contextlib
import datetime
import inspect
import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


def rank() -> int:
    """Return this process's number; 0 writes the files."""
    return distributed.get_rank() if _active() else 0


def world_size() -> int:
    """Return the number of processes of the run."""
    return distributed.get_world_size() if _active() else 1


@contextlib.contextmanager
def process_group() -> Iterator[torch.device]:
    """Join the group that ``torchrun`` describes, if it started us; yield this process's device.

    NCCL is used where there is a GPU for each process, Gloo elsewhere.
    """
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = torch.cuda.is_available() and local_rank < torch.cuda.device_count()
    device = torch.device("cuda", local_rank) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield device
        return
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo", timeout=datetime.timedelta(minutes=30)
    )
    try:
        yield device
    finally:
        distributed.destroy_process_group()


@contextlib.contextmanager
def first_process_first() -> Iterator[None]:
    """Let the first process through before the others: it fills the caches they then read."""
    if _active() and rank() > 0:
        distributed.barrier()
    try:
        yield
    finally:
        if _active() and rank() == 0:
            distributed.barrier()


def replicate(model: nn.Module) -> nn.Module:
    """Wrap the model so that gradients are averaged over the processes.

    Buffers are not broadcast at each forward pass: `average_` keeps them equal without favouring
    the first process's batch.
    """
    if not _active():
        return model
    known = inspect.signature(DistributedDataParallel).parameters
    # Newer versions of torch renamed it and warn about the old name on every process.
    name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    options: dict[str, Any] = {name: False}
    return DistributedDataParallel(model, **options)


def deal_rows(model: nn.Module) -> None:
    """Tell modules that draw by row which rows of the whole batch are this process's."""
    for module in model.modules():
        if hasattr(module, "rows_of"):
            setattr(module, "rows_of", (rank(), world_size()))  # noqa: B010


def moving_averages(model: nn.Module) -> list[torch.Tensor]:
    """Return the floating-point buffers that are saved with the model.

    Such a buffer holds a statistic of the batches seen (a threshold, a centroid), so in a
    distributed run its value is the mean over the processes.
    """
    saved = model.state_dict()
    return [b for name, b in model.named_buffers() if name in saved and b.is_floating_point()]


@torch.no_grad()
def average_(tensors: list[torch.Tensor]) -> None:
    """Replace each tensor by its mean over the processes, in one message."""
    if not _active() or not tensors:
        return
    flat = torch.cat([tensor.reshape(-1).double() for tensor in tensors])
    distributed.all_reduce(flat)
    flat /= world_size()
    for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


@torch.no_grad()
def broadcast_(tensors: Iterable[torch.Tensor]) -> None:
    """Replace each tensor by the first process's."""
    if _active():
        for tensor in tensors:
            distributed.broadcast(tensor, 0)


def any_process(flag: bool, device: torch.device) -> bool:
    """Return whether `flag` is true on at least one process, so that all of them agree."""
    return bool(total_(torch.tensor(float(flag), device=device))) if _active() else flag


def total_(tensor: torch.Tensor) -> torch.Tensor:
    """Replace the tensor by its sum over the processes and return it."""
    if _active():
        distributed.all_reduce(tensor)
    return tensor


def _active() -> bool:
    return distributed.is_available() and distributed.is_initialized()
