"""What a training run is told: one frozen value, checked before anything is computed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from mosa_edu.checks import require, require_integer

DTYPES = ("auto", "float32", "bfloat16", "float16")
HOUSEKEEPING = ("log_every", "save_seconds", "keep_checkpoints")
"""Fields that do not change the weights a run ends with: a resumed run may differ in them."""

RECIPES: dict[str, dict[str, Any]] = {
    # Less than a minute on one core.
    "micro": {"tokens": 1_000_000, "batch_tokens": 2048, "learning_rate": 4e-3},
    # One to two hours on one core.
    "explorer": {"tokens": 30_000_000, "batch_tokens": 4096, "learning_rate": 2e-3},
    # The paper's 100k steps of 64 x 1024 tokens; days on one GPU.
    "tiny": {
        "tokens": 6_553_600_000,
        "batch_tokens": 65536,
        "learning_rate": 2.5e-4,
        "warmup_steps": 4000,
        "clip_norm": 0.25,
    },
}
"""How the presets of `mosa_edu.config` are trained, unless somebody says otherwise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The recipe of a run; together with model, data and seed it fixes the final weights.

    Parameters
    ----------
    steps : int
        Optimizer updates. `TrainingConfig.for_tokens` derives them from a number of tokens.
    batch_tokens : int
        Tokens of the global batch of one update, over all devices. A batch of sequences of
        length T has ``batch_tokens // T`` rows.
    max_length, min_length : int
        Even-numbered steps train at `max_length`; the others at a length drawn uniformly from
        `min_length` to `max_length`, so that short texts are in distribution as well.
    learning_rate : float
        The peak: reached after `warmup_steps`, then falling along a straight line to zero.
    warmup_steps : int
        Updates of linear warm-up, fewer than `steps`.
    weight_decay : float
        Decoupled, on matrices only: vectors (norms, biases) are left alone.
    betas : tuple of float
        AdamW's two decay rates.
    clip_norm : float
        Largest Euclidean norm of the gradient; larger ones are scaled down to it.
    seed : int
        Of batches, lengths and anything a layer draws.
    checkpoints : int
        How many steps, spaced evenly in the logarithm, are evaluated, saved and shown to the
        caller's `on_step`. Step 0 and the last step are among them.
    eval_tokens : int
        Validation tokens read at each of them; 0 turns it off.
    dtype : {"auto", "float32", "bfloat16", "float16"}
        Of the matrix products; weights stay as they are. "auto" asks the device.
    log_every : int
        Steps averaged into one line of metrics.
    save_seconds : float
        A further checkpoint is written when the last is older than this.
    keep_checkpoints : int
        How many of the newest complete checkpoints stay on disk, at least 2.
    """

    steps: int
    batch_tokens: int = 4096
    max_length: int = 256
    min_length: int = 16
    learning_rate: float = 2e-3
    warmup_steps: int = 100
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip_norm: float = 1.0
    seed: int = 0
    checkpoints: int = 40
    eval_tokens: int = 16384
    dtype: str = "auto"
    log_every: int = 10
    save_seconds: float = 120.0
    keep_checkpoints: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))
        least = {"seed": 0, "eval_tokens": 0, "warmup_steps": 0, "keep_checkpoints": 2}
        for name in ("steps", "batch_tokens", "checkpoints", "log_every", "min_length", *least):
            require_integer(name, getattr(self, name), least.get(name, 1))
        require_integer("max_length", self.max_length, self.min_length)
        allowed = f"at least one row of max_length={self.max_length}"
        require(self.batch_tokens >= self.max_length, "batch_tokens", self.batch_tokens, allowed)
        allowed = f"less than steps={self.steps}"
        require(self.warmup_steps < self.steps, "warmup_steps", self.warmup_steps, allowed)
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            require(value > 0 and math.isfinite(value), name, value, "positive and finite")
        decay, betas = self.weight_decay, self.betas
        require(0 <= decay < math.inf, "weight_decay", decay, "at least 0 and finite")
        in_range = len(betas) == 2 and all(0 <= beta < 1 for beta in betas)
        require(in_range, "betas", betas, "two numbers in [0, 1)")
        require(self.dtype in DTYPES, "dtype", self.dtype, f"one of {', '.join(DTYPES)}")
        require(self.save_seconds > 0, "save_seconds", self.save_seconds, "positive")

    @classmethod
    def for_tokens(cls, tokens: int, batch_tokens: int = 4096, **fields: Any) -> TrainingConfig:
        """Build the config that reads at least `tokens` tokens.

        A batch has whole rows only, so it may fall short of `batch_tokens` by most of a row;
        the steps are counted as if every batch fell short by as much as one can.

        >>> TrainingConfig.for_tokens(1_000_000, batch_tokens=4096).steps
        260
        """
        require_integer("tokens", tokens, 1)
        require_integer("batch_tokens", batch_tokens, 1)
        longest = fields.get("max_length", cls.max_length)
        shortest = min(fields.get("min_length", cls.min_length), longest)
        lengths = range(max(shortest, 1), longest + 1)
        fewest = min(batch_tokens // length * length for length in lengths)
        steps = math.ceil(tokens / max(fewest, 1))
        return cls(steps=steps, batch_tokens=batch_tokens, **fields)

    @classmethod
    def for_preset(
        cls, preset: str, max_length: int, seed: int = 0, **given: Any
    ) -> TrainingConfig:
        """Build the config of one of the `RECIPES`, with the fields that are given."""
        for name in ("batch_tokens", "tokens"):
            value = given.get(name, 1)
            require(value > 0, f"--{name.replace('_', '-')}", value, "positive")
        recipe = RECIPES[preset] | given
        tokens = recipe.pop("tokens")
        steps = recipe.setdefault("steps", math.ceil(tokens / recipe["batch_tokens"]))
        warmup = min(recipe.pop("warmup_steps", cls.warmup_steps), steps // 10)
        recipe |= {"max_length": max_length, "min_length": min(cls.min_length, max_length)}
        return cls(**recipe, warmup_steps=warmup, seed=seed)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**dataclasses.asdict(self), "betas": list(self.betas)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> TrainingConfig:
        """Read what `to_json` wrote; a field that did not exist then takes its default."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(fields) - known)
        require(not unknown, "fields", unknown, f"names among {', '.join(sorted(known))}")
        return cls(**fields)


class WindowSource(Protocol):
    """What can be cut into fixed windows; `mosa_edu.data.tokens.TokenSet` is one."""

    def windows(self, split: Any, length: int, per_document: int) -> Any:
        """Return inputs and targets, int64 (N, L), and document numbers, int64 (N,)."""


class Data(WindowSource, Protocol):
    """Where a run's tokens come from.

    A batch is a function of seed and step alone, so that a run resumes without a reader's
    position and all processes cut the same one. `windows` is asked for only if the config's
    `eval_tokens` is not 0.
    """

    def batch(
        self, step: int, seed: int, batch_tokens: int, max_length: int, *, min_length: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the global batch of update `step`: inputs and targets, int64 (B, L)."""
