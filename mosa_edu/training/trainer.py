"""The trainer: knows that a model maps tokens to logits, and nothing else about it."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mosa_edu.checks import require
from mosa_edu.data.ngram import standard_error
from mosa_edu.modes import evaluating
from mosa_edu.progress import Progress
from mosa_edu.training import distributed
from mosa_edu.training.checkpoint import RunState
from mosa_edu.training.config import Data, TrainingConfig
from mosa_edu.training.evaluate import fixed_windows, mean_loss, window_losses
from mosa_edu.training.optimizer import autocast, checkpoint_steps, layer_seed_at, learning_rate_at
from mosa_edu.training.run_log import MetricsLog

StepHook = Callable[[int, nn.Module], None]


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
        self.folder, self.on_step = Path(run_dir), on_step
        self.state = RunState(model, config, identity or {})
        self._gradient_norm = torch.zeros(())
        distributed.deal_rows(model)
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
            training, over all sittings).

        Raises
        ------
        ValueError
            If the folder holds a checkpoint of another run, or another process trains in it.
        """
        require(time_limit is None or time_limit > 0, "time_limit", time_limit, "positive")
        state, first = self.state, distributed.rank() == 0
        self._log = MetricsLog(self.folder / "metrics.jsonl") if first else None
        try:
            resumed = state.resume(self.folder / "checkpoints")
            if self._log:
                self._log.cut_after(state.step if resumed else -1)
            self._replica = distributed.replicate(self.model)
            self._started = self._saved_at = time.monotonic()
            self._seconds_before = state.seconds
            self.model.train()
            status = self._loop(resumed, time_limit)
        finally:
            if self._log:
                self._log.close()
        counts = {"step": state.step, "tokens": state.tokens, "seconds": state.seconds}
        return {"status": status, **counts}

    def _loop(self, resumed: bool, time_limit: float | None) -> str:
        try:
            total, done, hidden = self.config.steps, self.state.step, self._log is None
            with Progress("training", total, "steps", done, hidden) as progress:
                return self._train(progress, resumed, time_limit)
        except ValueError:
            # A layer refused to compute with what an exploding run gave it.
            if not self.state.exploded():
                raise
            self._write_loss(math.nan)
            return "diverged"

    def _train(self, progress: Progress, resumed: bool, time_limit: float | None) -> str:
        config, state = self.config, self.state
        if state.step in self._milestones and not self._milestone(saved=resumed):
            return "diverged"
        while state.step < config.steps:
            late = time_limit is not None and time.monotonic() - self._started >= time_limit
            if distributed.any_process(self._stop or late, state.device):
                self._save()
                return "stopped"
            self._update()
            progress.update()
            if state.step % config.log_every == 0:
                loss = state.take_loss()
                progress.say(loss=f"{loss:.3f}")
                if not self._write_loss(loss):
                    return "diverged"
            if state.step in self._milestones:
                if not self._milestone():
                    return "diverged"
            elif time.monotonic() - self._saved_at > config.save_seconds:
                self._save()
        return "finished"

    def _update(self) -> None:
        """Make one optimizer update on the global batch of this step."""
        config, state, step = self.config, self.state, self.state.step
        rank, world = distributed.rank(), distributed.world_size()
        # What layers draw from; `torch.manual_seed` would visit every device there is.
        torch.default_generator.manual_seed(layer_seed_at(config, step, rank))
        if state.device.type == "cuda":
            torch.cuda.manual_seed(layer_seed_at(config, step, rank))
        drawn = (step, config.seed, config.batch_tokens, config.max_length)
        batch = self.data.batch(*drawn, min_length=config.min_length)
        rows, length = batch[0].shape
        inputs, targets = (
            torch.from_numpy(part[rank::world]).to(state.device, non_blocking=True)
            for part in batch
        )
        with autocast(state.dtype, state.device):
            logits = self._replica(inputs)
        share = len(inputs) / rows  # of the global batch: the shares may differ by a row
        loss = mean_loss(logits, targets) * share
        # Replicas average gradients; the mean over the global batch is a sum of shares.
        state.scaler.scale(loss * world).backward()
        state.scaler.unscale_(state.optimizer)
        self._gradient_norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate_at(config, step)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        state.optimizer.zero_grad(set_to_none=True)
        distributed.average_(self._averages)
        state.count(distributed.total_(loss.detach().double()), rows * length)

    def _write_loss(self, loss: float | None) -> bool:
        """Write a line of metrics if there is a loss; False if it is not a finite number."""
        if loss is None:
            return True
        self._clock()
        if self._log:
            self._log.write(
                self.state.step,
                tokens=self.state.tokens,
                loss=_finite(loss),
                learning_rate=learning_rate_at(self.config, self.state.step - 1),
                gradient_norm=_finite(float(self._gradient_norm)),
                seconds=round(self.state.seconds, 3),
            )
            self._log.flush()
        return math.isfinite(loss)

    def _milestone(self, saved: bool = False) -> bool:
        """Evaluate, save, and show the model to the caller; False if the run has diverged.

        A run that has just resumed from this step has evaluated and saved it, but may have been
        killed before the caller saw it.
        """
        if not saved:
            if not self._write_loss(self.state.take_loss()):
                return False
            if self._log and self.config.eval_tokens:
                self._evaluate(self._log)
            self._save()
        if self._log and self.on_step is not None:
            with evaluating(self.model), torch.no_grad():
                self.on_step(self.state.step, self.model)
        return True

    def _evaluate(self, log: MetricsLog) -> None:
        config, state = self.config, self.state
        if self._held_out is None:
            shape = (config.max_length, config.eval_tokens)
            self._held_out = fixed_windows(self.data, "validation", *shape)
        inputs, targets = self._held_out
        with autocast(state.dtype, state.device):
            losses = window_losses(self.model, inputs, targets)
        loss, stderr = _finite(float(losses.mean())), _finite(standard_error(losses))
        log.write(state.step, tokens=state.tokens, validation_loss=loss, validation_stderr=stderr)

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        if self._log:
            self._clock()
            self._log.sync()
            self.state.save(self.folder / "checkpoints")

    def _clock(self) -> None:
        self.state.seconds = self._seconds_before + time.monotonic() - self._started


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@contextlib.contextmanager
def stop_on_signal(trainer: Trainer) -> Iterator[list[int]]:
    """End with a checkpoint at the first Ctrl-C or SIGTERM, at once at the second Ctrl-C.

    Outside the main thread, which alone receives signals, nothing is changed.
    """
    received: list[int] = []

    def stop(number: int, _frame: object) -> None:
        received.append(number)
        trainer.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM) if main else ()
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
