"""What happens at which step: pure functions of the config, so that a resumed run repeats none.

A step is an update, counted from 0; "at step s" means after s updates.
"""

from __future__ import annotations

import numpy as np
import torch

from mosa_edu.training.config import TrainingConfig

_LAYERS = 2  # keeps this random stream apart from the one of the batches


def learning_rate_at(config: TrainingConfig, step: int) -> float:
    """Return the learning rate of update `step`: linear warm-up, then straight down to zero.

    The last update still has a positive rate; the one after it would have zero.

    Examples
    --------
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


def seed_layers(seed: int, device: torch.device) -> None:
    """Seed what layers on `device` draw from; `torch.manual_seed` visits every device there is."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def checkpoint_steps(steps: int, count: int) -> list[int]:
    """Return `count` steps from 0 to `steps`, as even in the logarithm as whole numbers allow.

    Parameters
    ----------
    steps : int
        The last step of the run.
    count : int
        How many to return; all of them when there are fewer.

    Returns
    -------
    list of int
        Strictly ascending, ending with `steps`.

    Examples
    --------
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
