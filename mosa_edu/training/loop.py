"""The trainer: knows that a model maps tokens to logits, and nothing else about it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from mosa_edu.checks import require
from mosa_edu.training import distributed
from mosa_edu.training.checkpoint import (
    Checkpoint,
    discard_after,
    latest_checkpoint,
    save_checkpoint,
)
from mosa_edu.training.config import TrainingConfig
from mosa_edu.training.evaluate import (
    fixed_windows,
    standard_error,
    token_losses,
    window_losses,
)
from mosa_edu.training.metrics import MetricsLog
from mosa_edu.training.optimizer import build_optimizer, set_learning_rate, state_tensors
from mosa_edu.training.precision import autocast, resolve_dtype
from mosa_edu.training.resume import require_same_run, restore
from mosa_edu.training.schedule import (
    checkpoint_steps,
    layer_seed_at,
    learning_rate_at,
)

_LARGEST_WEIGHT = 1e6
StepHook = Callable[[int, nn.Module], None]


class Data(Protocol):
    """Where tokens come from; `mosa_edu.data.TokenSet` is one.

    Batches are a function of seed and step alone, so that a run can resume without a reader's
    position, and of rank and world size, so that the global batch is the same on any number of
    processes.
    """

    def batch_shape(
        self, step: int, seed: int, batch_tokens: int, max_length: int, *, min_length: int
    ) -> tuple[int, int]:
        """Return rows and length of the global batch of update `step`."""

    def batch(
        self,
        step: int,
        seed: int,
        batch_tokens: int,
        max_length: int,
        *,
        min_length: int,
        rank: int,
        world_size: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return this process's rows: inputs and targets, int64 (rows, length)."""

    def windows(self, split: Any, length: int, per_document: int) -> Any:
        """Return fixed windows; read only if `eval_tokens` is not 0."""


class Trainer:
    """One training run in one folder; constructing it touches no file, `run` resumes it.

    Parameters
    ----------
    model : nn.Module
        ``model(tokens (B, T)) -> logits (B, T, V)``, on the device to train on, freshly
        initialised from the run's seed. Trained in place.
    data : Data
        Training batches and validation windows.
    config : TrainingConfig
        The recipe.
    run_dir : path-like
        Receives ``metrics.jsonl`` and ``checkpoints/``.
    on_step : callable, optional
        ``on_step(step, model)`` at the steps of `checkpoint_steps`, after the checkpoint is safe,
        without gradients and in evaluation mode, on the first process only. A run that resumes
        from such a step calls it again, with the same weights: what it writes must be named by
        the step.
    identity : mapping, optional
        JSON values that describe model and data; a checkpoint with other values is refused.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Data,
        config: TrainingConfig,
        run_dir: Path | str,
        *,
        on_step: StepHook | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        world = distributed.world_size()
        rows = config.batch_tokens // config.max_length
        require(rows >= world, "batch_tokens", config.batch_tokens, f"a row for each of {world}")
        self.model, self.data, self.config = model, data, config
        self.folder = Path(run_dir)
        self.on_step, self.identity = on_step, dict(identity or {})
        self.device = next(model.parameters()).device
        self.dtype = resolve_dtype(config.dtype, self.device)
        self.optimizer = build_optimizer(model, config)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self.step = self.tokens = 0
        self.seconds = 0.0
        self._pending = torch.zeros(2, dtype=torch.float64, device=self.device)  # sum, count
        self._gradient_norm = torch.zeros(())
        self._averages = distributed.moving_averages(model)
        self._milestones = frozenset(checkpoint_steps(config.steps, config.checkpoints))
        self._held_out: tuple[np.ndarray, ...] | None = None
        self._stop = False

    def stop(self) -> None:
        """Ask the run to end after the current update, with a checkpoint; safe in a signal."""
        self._stop = True

    def run(self, time_limit: float | None = None) -> dict[str, Any]:
        """Train from the newest checkpoint, or from the start, to the end.

        Parameters
        ----------
        time_limit : float, optional
            Seconds after which to stop cleanly; a later `run` goes on from there.

        Returns
        -------
        dict
            ``status`` ("finished", "stopped" or "diverged"), ``step``, ``tokens``, ``seconds`` (of
            training, over all resumed parts).

        Raises
        ------
        ValueError
            If the folder holds a checkpoint of another run.
        """
        require(time_limit is None or time_limit > 0, "time_limit", time_limit, "positive")
        self._log = MetricsLog(self.folder / "metrics.jsonl") if self._first else None
        try:
            resumed = self._resume()
            self._replica = distributed.replicate(self.model)
            self._saved_at = self._started = time.monotonic()
            self._seconds_before = self.seconds
            self.model.train()
            status = self._loop(resumed, time_limit)
        except ValueError:
            if not self._exploded():
                raise
            status = "diverged"
            self._pending.copy_(torch.tensor([math.nan, 1.0]))
            self._write_loss()
        finally:
            if self._log:
                self._log.close()
        return {
            "status": status,
            "step": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
        }

    def _loop(self, resumed: bool, time_limit: float | None) -> str:
        config = self.config
        if self.step in self._milestones and not self._milestone(saved=resumed):
            return "diverged"
        with tqdm(
            total=config.steps,
            initial=self.step,
            unit="step",
            disable=None if self._first else True,
        ) as bar:
            while self.step < config.steps:
                if self._should_stop(time_limit):
                    self._save()
                    return "stopped"
                self._update()
                bar.update()
                if self.step % config.log_every == 0 and not self._write_loss(bar):
                    return "diverged"
                if self.step in self._milestones:
                    if not self._milestone():
                        return "diverged"
                elif time.monotonic() - self._saved_at > config.save_seconds:
                    self._save()
        return "finished"

    def _update(self) -> None:
        """Make one optimizer update on the global batch of this step."""
        config, step = self.config, self.step
        rank, world = distributed.rank(), distributed.world_size()
        torch.manual_seed(layer_seed_at(config, step, rank))
        drawn = (step, config.seed, config.batch_tokens, config.max_length)
        rows, length = self.data.batch_shape(*drawn, min_length=config.min_length)
        inputs, targets = (
            torch.from_numpy(part).to(self.device, non_blocking=True)
            for part in self.data.batch(
                *drawn, min_length=config.min_length, rank=rank, world_size=world
            )
        )
        with autocast(self.dtype, self.device):
            logits = self._replica(inputs)
        share = len(inputs) / rows  # of the global batch: the shares may differ by a row
        loss = token_losses(logits, targets).mean() * share
        # Replicas average gradients; the mean over the global batch is a sum of shares.
        self.scaler.scale(loss * world).backward()
        self.scaler.unscale_(self.optimizer)
        self._gradient_norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        set_learning_rate(self.optimizer, learning_rate_at(config, step))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        distributed.average_(self._averages)
        self._pending[0] += distributed.total_(loss.detach().double())
        self._pending[1] += 1
        self.step += 1
        self.tokens += rows * length

    def _write_loss(self, bar: tqdm | None = None) -> bool:
        """Write the mean loss since the last line; False if it is not finite."""
        total, count = self._pending.tolist()
        self._pending.zero_()
        self._clock()
        if count == 0:
            return True
        loss = total / count
        finite = math.isfinite(loss)
        if self._log:
            self._log.write(
                self.step,
                tokens=self.tokens,
                loss=loss if finite else None,
                learning_rate=learning_rate_at(self.config, self.step - 1),
                gradient_norm=_finite(float(self._gradient_norm)),
                seconds=round(self.seconds, 3),
            )
            self._log.flush()
        if bar is not None:
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        return finite

    def _milestone(self, saved: bool = False) -> bool:
        """Evaluate, save, and show the model to the caller; False if the run has diverged.

        A run that has just resumed from this step has evaluated and saved it, but may have been
        killed before the caller saw it.
        """
        if not saved:
            if not self._write_loss():
                return False
            if self._log and self.config.eval_tokens:
                self._evaluate()
            self._save()
        if self._first and self.on_step is not None:
            self.model.eval()
            with torch.no_grad():
                self.on_step(self.step, self.model)
            self.model.train()
        return True

    def _evaluate(self) -> None:
        assert self._log is not None
        config = self.config
        if self._held_out is None:
            self._held_out = fixed_windows(
                self.data, "validation", config.max_length, config.eval_tokens
            )
        with autocast(self.dtype, self.device):
            losses = window_losses(self.model, self._held_out[0], self._held_out[1])
        self._log.write(
            self.step,
            tokens=self.tokens,
            validation_loss=_finite(float(losses.mean())),
            validation_stderr=_finite(standard_error(losses)),
        )

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        if self._log is None or not math.isfinite(float(self._pending[0])):
            return  # a later process, or weights not worth keeping: the next line reports it
        self._clock()
        self._log.sync()
        details = {
            "config": self.config.to_json(),
            "identity": self.identity,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "scaler": self.scaler.state_dict(),
        }
        checkpoint = Checkpoint(self.step, self._tensors(), details)
        save_checkpoint(self.folder / "checkpoints", checkpoint, self.config.keep_checkpoints)

    def _resume(self) -> bool:
        """Load the newest whole checkpoint into every process; False if there is none."""
        checkpoints = self.folder / "checkpoints"
        found = latest_checkpoint(checkpoints) if self._first else None
        tensors = self._tensors()
        if found is not None:
            require_same_run(found, self.config, self.identity)
            restore(tensors, found.tensors)
            self.step, self.tokens = found.step, found.details["tokens"]
            self.seconds = found.details["seconds"]
        if self._log is not None:
            discard_after(checkpoints, self.step if found else -1)
            self._log.cut_after(self.step if found else -1)
        counters = torch.tensor(
            [found is not None, self.step, self.tokens], dtype=torch.int64, device=self.device
        )
        distributed.broadcast_([counters, *tensors.values()])
        resumed, self.step, self.tokens = counters.tolist()
        if found is not None and found.details["scaler"]:
            self.scaler.load_state_dict(found.details["scaler"])
        return bool(resumed)

    def _tensors(self) -> dict[str, Tensor]:
        return {**state_tensors(self.model, self.optimizer), "pending": self._pending}

    def _should_stop(self, time_limit: float | None) -> bool:
        late = time_limit is not None and time.monotonic() - self._started >= time_limit
        return distributed.any_process(self._stop or late, self.device)

    def _exploded(self) -> bool:
        """Return whether the weights are such that a layer may well refuse what it computes."""
        largest = torch.stack([p.detach().abs().max() for p in self.model.parameters()]).max()
        return not float(largest) < _LARGEST_WEIGHT  # NaN is not smaller either

    def _clock(self) -> None:
        self.seconds = self._seconds_before + time.monotonic() - self._started

    @property
    def _first(self) -> bool:
        return distributed.rank() == 0


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
