"""Checkpoints that survive a kill, a full disk and a flipped bit, and hold nothing but numbers.

A checkpoint is a pair of files: ``step-00000042.safetensors`` (tensors) and
``step-00000042.json`` (what they are). The tensors are written first and the JSON last, each to a
temporary name, synced, then renamed: a checkpoint exists from the moment its JSON does. The JSON
holds the SHA-256 of the tensors and of itself.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from mosa_edu.checks import require
from mosa_edu.records import write_atomic
from mosa_edu.training import distributed
from mosa_edu.training.config import HOUSEKEEPING, TrainingConfig
from mosa_edu.training.optimizer import build_optimizer, resolve_dtype

FORMAT_VERSION = 1
PREFIX = "step-"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` updates: named numbers, and JSON values about them."""

    step: int
    tensors: dict[str, Tensor]
    details: dict[str, Any]


def reached(point: str) -> None:
    """Do nothing; the kill test replaces this function by one that kills the process at `point`."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int = 2) -> Path:
    """Write a checkpoint durably, then delete all but the newest `keep`."""
    folder.mkdir(parents=True, exist_ok=True)
    reached("before the tensors")
    base = folder / _name(checkpoint.step)
    # Copies, since the format has no tensors that share memory.
    separate = {n: t.detach().to("cpu", copy=True) for n, t in checkpoint.tensors.items()}
    data = safetensors.torch.save({n: t.contiguous() for n, t in separate.items()})
    _write(base.with_suffix(".safetensors"), data, "tensors")
    meta = {
        "version": FORMAT_VERSION,
        "step": checkpoint.step,
        "sha256": hashlib.sha256(data).hexdigest(),
        "details": checkpoint.details,
    }
    meta["checksum"] = _checksum(meta)
    _write(base.with_suffix(".json"), (json.dumps(meta, indent=1) + "\n").encode(), "description")
    reached("before the pruning")
    for old in _steps(folder)[:-keep]:
        _remove(folder, old)
    return base.with_suffix(".json")


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the newest checkpoint that is whole; None if there is none.

    A damaged one is reported with a `RuntimeWarning` and the one before it is tried. Nothing is
    changed on disk, so a run may be read while it is written.
    """
    for step in reversed(_steps(folder)):
        try:
            return _read(folder, step)
        except _DamagedError as reason:
            told = f"checkpoint {folder / _name(step)} is damaged ({reason}); trying the one before"
            warnings.warn(told, RuntimeWarning, stacklevel=2)
    return None


def load_weights(folder: Path) -> tuple[int, dict[str, Tensor]]:
    """Read the model of the newest whole checkpoint."""
    found = latest_checkpoint(folder)
    if found is None:
        raise ValueError(f"folder must be one with a whole checkpoint, got {str(folder)!r}")
    parts = ((*name.partition("."), tensor) for name, tensor in found.tensors.items())
    return found.step, {name: tensor for part, _, name, tensor in parts if part == "model"}


def saved_identity(folder: Path) -> dict[str, Any] | None:
    """Read what the newest checkpoint is of, without its tensors; None if there is none."""
    for step in reversed(_steps(folder)):
        try:
            text = (folder / _name(step)).with_suffix(".json").read_text(encoding="utf-8")
            return dict(json.loads(text)["details"]["identity"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def discard_after(folder: Path, step: int) -> None:
    """Delete damaged checkpoints of later steps and what interrupted writes left behind.

    Only the process that owns the run may call this; `step` is where it resumes, -1 for nowhere.
    """
    for later in _steps(folder):
        if later > step:
            _remove(folder, later)
    for path in folder.glob(f"{PREFIX}*.tmp"):
        path.unlink(missing_ok=True)
    for path in folder.glob(f"{PREFIX}*.safetensors"):
        if not path.with_suffix(".json").exists():
            path.unlink(missing_ok=True)


def _write(path: Path, data: bytes, what: str) -> None:
    write_atomic(path, data, lambda point: reached(f"{point} of the {what}"))


class _DamagedError(Exception):
    """A checkpoint whose files do not fit together."""


def _read(folder: Path, step: int) -> Checkpoint:
    base = folder / _name(step)
    try:
        meta = json.loads(base.with_suffix(".json").read_text(encoding="utf-8"))
        data = base.with_suffix(".safetensors").read_bytes()
    except FileNotFoundError as error:
        raise _DamagedError(f"{error.filename} is missing") from None
    except ValueError:
        raise _DamagedError("its JSON cannot be read") from None
    if not isinstance(meta, dict) or meta.pop("checksum", None) != _checksum(meta):
        raise _DamagedError("its JSON has another checksum")
    version = meta["version"]
    require(version <= FORMAT_VERSION, "checkpoint version", version, f"at most {FORMAT_VERSION}")
    if hashlib.sha256(data).hexdigest() != meta["sha256"] or meta["step"] != step:
        raise _DamagedError("its tensors have another checksum")
    return Checkpoint(step, safetensors.torch.load(data), meta["details"])


def _checksum(meta: Mapping[str, Any]) -> str:
    canonical = json.dumps(meta, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _name(step: int) -> str:
    return f"{PREFIX}{step:08d}"


def _steps(folder: Path) -> list[int]:
    names = (path.stem.removeprefix(PREFIX) for path in folder.glob(f"{PREFIX}*.json"))
    return sorted(int(name) for name in names if name.isdigit())


def _remove(folder: Path, step: int) -> None:
    # The JSON goes first: without it the tensors are a leftover, not a damaged checkpoint.
    for suffix in (".json", ".safetensors"):
        (folder / _name(step)).with_suffix(suffix).unlink(missing_ok=True)


def require_same_recipe(config: TrainingConfig, saved: Mapping[str, Any]) -> None:
    """Refuse a recipe that would end with other weights than the one saved by `to_json`."""
    recipe = TrainingConfig.from_json(saved).to_json()
    decisive = {n: value for n, value in config.to_json().items() if n not in HOUSEKEEPING}
    require_same_values(decisive, recipe)


def require_same_values(asked: Mapping[str, Any], saved: Mapping[str, Any], at: str = "") -> None:
    """Refuse nested JSON values that differ from those of a saved run, naming the first.

    A key that only one side has did not exist in the version that wrote the other.
    """
    for name in (name for name in asked if name in saved):
        one, other = asked[name], saved[name]
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            require_same_values(one, other, f"{at}{name}.")
        else:
            require(one == other, f"{at}{name}", one, f"{other!r} as in the run that is there")


@torch.no_grad()
def restore(live: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Copy saved numbers into the tensors of a run."""
    layout, saved_layout = (
        {name: [list(tensor.shape), str(tensor.dtype)] for name, tensor in tensors.items()}
        for tensors in (live, saved)
    )
    require_same_values(layout, saved_layout, at="tensor ")
    require(set(live) == set(saved), "tensors", sorted(set(live) ^ set(saved)), "in the checkpoint")
    for name, tensor in live.items():
        tensor.copy_(saved[name])


LARGEST_WEIGHT = 1e6


class RunState:
    """Model, optimizer and counters of a run; `seconds` are of training, over all sittings.

    `identity` are JSON values that describe model and data: a checkpoint of others is refused.
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
        """Return everything a run consists of, as references: copying into one changes the run."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for part, tensor in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{name}.{part}"] = tensor
        return {**tensors, "pending": self._pending}

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
        saved = Checkpoint(self.step, self.tensors(), details)
        save_checkpoint(folder, saved, self.config.keep_checkpoints)

    def resume(self, folder: Path) -> bool:
        """Take over the newest whole checkpoint on every process; False if there is none.

        The first process reads it and deletes what lies beyond it; the others need no files.
        """
        first = distributed.rank() == 0
        found = latest_checkpoint(folder) if first else None
        if found is not None:
            require_same_recipe(self.config, found.details["config"])
            require_same_values(self.identity, found.details["identity"])
            restore(self.tensors(), found.tensors)
            self.step, self.tokens = found.step, found.details["tokens"]
            self.seconds = found.details["seconds"]
        if first:
            discard_after(folder, found.step if found else -1)
        scale = found.details["scaler"] if found else self.scaler.state_dict()
        own = [found is not None, self.step, self.tokens, *(scale[name] for name in sorted(scale))]
        numbers = torch.tensor(own, dtype=torch.float64, device=self.device)
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
