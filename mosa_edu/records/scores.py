"""Three scores of one model on the same windows: the numbers behind "does it leak?"."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records.codec import JsonRecord

NONCAUSAL, TRUNCATED, SWAPPED_SUFFIX = EVALUATIONS = ("full", "prefix", "foreign")
"""What the router sees when a position is scored: the whole window, as in the paper; the tokens up
to the position; those and then another text up to the same length. Stored under these words."""


@dataclass(frozen=True, eq=False)
class ScoreRecord(JsonRecord):
    """Losses of one model under three scores, window by window, so that models can be paired.

    Parameters
    ----------
    name : str
        The run that was scored.
    titles : sequence of str
        Held-out books.
    books : ndarray of uint8, shape (N,)
        Book of each window, a position in `titles`.
    cuts : sequence of int
        Positions whose next token is scored.
    losses : ndarray of float32, shape (3, N, P)
        Nats under `EVALUATIONS`: the whole window seen by the router, the tokens up to the position
        alone, and those followed by another book up to the same length (mean of the draws).
    draws : int
        Foreign continuations of each prefix.
    fingerprint : str
        SHA-256 of texts and tokenizer; records of different ones are not comparable.
    provenance : dict
        Where the record comes from, as plain JSON values.

    Raises
    ------
    ValueError
        If the fields do not fit together.
    """

    name: str
    titles: Sequence[str]
    books: np.ndarray
    cuts: Sequence[int]
    losses: np.ndarray
    draws: int
    fingerprint: str
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settle(titles=tuple, cuts=tuple)
        shape = (len(EVALUATIONS), len(self.books), len(self.cuts))
        require(self.losses.shape == shape, "losses", self.losses.shape, f"of shape {shape}")
        require(bool(np.isfinite(self.losses).all()), "losses", "NaN or inf", "finite")
        last = int(self.books.max(initial=0))
        require(last < len(self.titles), "books", last, f"below {len(self.titles)}")

    def per_window(self, evaluation: str) -> np.ndarray:
        """Mean loss of every window under one score: float64 (N,)."""
        require(evaluation in EVALUATIONS, "evaluation", evaluation, f"one of {EVALUATIONS}")
        return self.losses[EVALUATIONS.index(evaluation)].mean(axis=1, dtype=np.float64)

    def per_book(self, evaluation: str) -> dict[str, float]:
        """Mean loss of every book under one score, in nats per token."""
        windows = self.per_window(evaluation)
        return {
            title: float(windows[self.books == book].mean())
            for book, title in enumerate(self.titles)
        }
