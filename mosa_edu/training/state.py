"""Everything a run consists of between two updates, and its way to disk and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mosa_edu.training import distributed
from mosa_edu.training.checkpoint import (
    Checkpoint,
    discard_after,
    latest_checkpoint,
    save_checkpoint,
)
from mosa_edu.training.config import TrainingConfig
from mosa_edu.training.optimizer import build_optimizer, state_tensors
from mosa_edu.training.precision import resolve_dtype
from mosa_edu.training.resume import require_same_run, restore

LARGEST_WEIGHT = 1e6


class RunState:
    """Model, optimizer and counters of a run.

    Parameters
    ----------
    model : nn.Module
        On the device to train on; changed in place.
    config : TrainingConfig
        The recipe.
    identity : mapping
        JSON values that describe model and data; a checkpoint with other values is refused.

    Attributes
    ----------
    step, tokens : int
        Updates made, and the tokens they read.
    seconds : float
        Time spent training, over all sittings.
    """

    def __init__(
        self, model: nn.Module, config: TrainingConfig, identity: Mapping[str, Any]
    ) -> None:
        self.model, self.config, self.identity = model, config, dict(identity)
        self.device = next(model.parameters()).device
        self.dtype = resolve_dtype(config.dtype, self.device)
        self.optimizer = build_optimizer(model, config)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self.step = self.tokens = 0
        self.seconds = 0.0
        # Sum and number of the losses not yet written: on the device, so that no update waits.
        self._pending = torch.zeros(2, dtype=torch.float64, device=self.device)

    def count(self, loss: Tensor, tokens: int) -> None:
        """Count one update with its loss over the global batch and the tokens it read."""
        self._pending[0] += loss
        self._pending[1] += 1
        self.step += 1
        self.tokens += tokens

    def take_loss(self) -> float | None:
        """Return the mean loss of the updates since the last call, None if there were none."""
        total, number = self._pending.tolist()
        self._pending.zero_()
        return total / number if number else None

    def tensors(self) -> dict[str, Tensor]:
        """Return references to all numbers of the run, by name."""
        return {**state_tensors(self.model, self.optimizer), "pending": self._pending}

    def save(self, folder: Path) -> None:
        """Write a checkpoint, unless the loss is no longer a number: that state is of no use."""
        if not math.isfinite(float(self._pending[0])):
            return
        details = {
            "config": self.config.to_json(),
            "identity": self.identity,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "scaler": self.scaler.state_dict(),
        }
        checkpoint = Checkpoint(self.step, self.tensors(), details)
        save_checkpoint(folder, checkpoint, self.config.keep_checkpoints)

    def resume(self, folder: Path) -> bool:
        """Take over the newest whole checkpoint on every process; False if there is none.

        The first process reads it and deletes what lies beyond it; the others need no files.
        """
        first = distributed.rank() == 0
        found = latest_checkpoint(folder) if first else None
        if found is not None:
            require_same_run(found, self.config, self.identity)
            restore(self.tensors(), found.tensors)
            self.step, self.tokens = found.step, found.details["tokens"]
            self.seconds = found.details["seconds"]
        if first:
            discard_after(folder, found.step if found else -1)
        scale = self.scaler.state_dict() if found is None else found.details["scaler"]
        numbers = torch.tensor(
            [found is not None, self.step, self.tokens, *(scale[name] for name in sorted(scale))],
            dtype=torch.float64,
            device=self.device,
        )
        distributed.broadcast_([numbers, *self.tensors().values()])
        resumed, self.step, self.tokens = (int(number) for number in numbers[:3])
        if scale:
            values = zip(sorted(scale), numbers[3:].tolist(), strict=True)
            self.scaler.load_state_dict({name: type(scale[name])(v) for name, v in values})
        return bool(resumed)

    def exploded(self) -> bool:
        """Return whether the weights are such that a layer may well refuse what it computes."""
        largest = torch.stack([p.detach().abs().max() for p in self.model.parameters()]).max()
        return not float(largest) < LARGEST_WEIGHT  # NaN is not smaller either
