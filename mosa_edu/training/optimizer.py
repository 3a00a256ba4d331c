"""AdamW with its state laid out as named tensors, so that it saves like weights do."""

from __future__ import annotations

import contextlib
import os

import numpy as np
import torch
from torch import nn

from mosa_edu.checks import require
from mosa_edu.training.config import TrainingConfig


def build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Return fused AdamW that decays matrices only, with its state already allocated.

    Allocating the moments now instead of at the first update gives a checkpoint of step 0 the
    same names as any other, and gives every process of a distributed run the same tensors.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=config.betas,
        fused=all(p.device.type in ("cpu", "cuda") for p in trained),
    )
    for p in trained:
        step = torch.zeros((), dtype=torch.float32, device=p.device)
        moments = {name: torch.zeros_like(p) for name in ("exp_avg", "exp_avg_sq")}
        optimizer.state[p] = {"step": step, **moments}
    return optimizer


_LAYERS = 2  # keeps this random stream apart from the one of the batches


def learning_rate_at(config: TrainingConfig, step: int) -> float:
    """Return the learning rate of update `step`: linear warm-up, then straight down to zero.

    The last update still has a positive rate; the one after it would have zero.

    >>> config = TrainingConfig(steps=12, warmup_steps=2, learning_rate=1.0)
    >>> [learning_rate_at(config, step) for step in (0, 1, 2, 7, 11, 12)]
    [0.5, 1.0, 1.0, 0.5, 0.1, 0.0]
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    share = (config.steps - step) / (config.steps - config.warmup_steps)
    return config.learning_rate * max(share, 0.0)


def layer_seed_at(config: TrainingConfig, step: int, rank: int = 0) -> int:
    """Return the seed of torch's global generator for update `step`.

    Seeding each update makes what a layer draws (a random selection, dropout) depend on the step
    and not on the past, so that a checkpoint needs no generator state.
    """
    sequence = np.random.SeedSequence((config.seed, step, _LAYERS, rank))
    return int(sequence.generate_state(1, np.uint64)[0])


def checkpoint_steps(steps: int, count: int) -> list[int]:
    """Return `count` steps from 0 to `steps`, as even in the logarithm as whole numbers allow.

    >>> checkpoint_steps(1000, 10)
    [0, 1, 2, 5, 12, 29, 70, 170, 412, 1000]
    """
    if count > steps:
        return list(range(steps + 1))
    chosen = [0, 1] if count > 1 else []
    while len(chosen) < count - 1:
        ratio = (steps / chosen[-1]) ** (1 / (count - len(chosen)))
        chosen.append(max(chosen[-1] + 1, round(chosen[-1] * ratio)))
    return [*chosen[: count - 1], steps]


def resolve_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """Return the format that `dtype` means on `device`."""
    if dtype == "auto":
        if device.type != "cuda":
            return torch.float32
        capable = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if capable else torch.float16
    possible = dtype != "float16" or device.type == "cuda"
    require(possible, "dtype", dtype, f"float32 or bfloat16 on {device.type}")
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[dtype]


def autocast(dtype: torch.dtype, device: torch.device) -> contextlib.AbstractContextManager[None]:
    """Return the context of a forward pass in `dtype`; float32 leaves the model's own dtype."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def device_sentence() -> str:
    """Say what device was found and in which format a model would train on it.

    >>> import torch
    >>> torch.cuda.is_available() or device_sentence().startswith("No GPU found")
    True
    """
    if not torch.cuda.is_available():
        cores = os.cpu_count() or 1
        return f"No GPU found: this notebook computes on the processor ({cores} cores), in float32."
    device = torch.device("cuda", torch.cuda.current_device())
    dtype = str(resolve_dtype("auto", device)).removeprefix("torch.")
    memory = torch.cuda.get_device_properties(device).total_memory / 1e9
    name = torch.cuda.get_device_name(device)
    return f"Found a {name} with {memory:.0f} GB: models train on it in {dtype}."
