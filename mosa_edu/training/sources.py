"""What the trainer asks of the data, without knowing where it comes from."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class WindowSource(Protocol):
    """What can be cut into fixed windows; `mosa_edu.data.TokenSet` is one."""

    def windows(self, split: Any, length: int, per_document: int) -> Any:
        """Return inputs and targets, int64 (N, L), and document numbers, int64 (N,)."""


class Data(WindowSource, Protocol):
    """Where a run's tokens come from; `mosa_edu.data.TokenSet` is one.

    Batches are a function of seed and step alone, so that a run resumes without a reader's
    position, and of rank and world size, so that the global batch is the same on any number of
    processes. `windows` is asked for only if the config's `eval_tokens` is not 0.
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
