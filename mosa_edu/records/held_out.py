"""Losses of one model on all held-out text, and the price of hiding the future from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records.codec import JsonRecord
from mosa_edu.records.scores import EVALUATIONS

HIDDEN = EVALUATIONS[1:]
"""The two ways to hide the future: cut it off, or put another text in its place."""


@dataclass(frozen=True, eq=False)
class HeldOutRecord(JsonRecord):
    """What a model loses on every held-out token, in sums that can be paired with other models'.

    Parameters
    ----------
    name : str
        The run that was scored.
    titles : sequence of str
        Held-out books.
    books : ndarray of uint8, shape (N,)
        Book of each block, a position in `titles`. A block is some consecutive windows of text.
    windows : ndarray of uint8, shape (N,)
        Windows of each block; a book's last block may be shorter.
    losses : ndarray of float32, shape (N,)
        Mean loss of the positions of each block, in nats per token, the whole window in view.
    price : ndarray of float32, shape (2, N)
        Mean of hidden minus full loss over the positions that were drawn in each block, by
        `HIDDEN`; shape (2, 0) of a causal model, for which it is 0 by construction.
    by_position : ndarray of float32, shape (2, T)
        The same by position in the window; NaN where none was drawn. Shape (2, 0) if causal.
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
    windows: np.ndarray
    losses: np.ndarray
    price: np.ndarray
    by_position: np.ndarray
    fingerprint: str
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settle(titles=tuple)
        N = len(self.books)
        for name in ("windows", "losses"):
            shape = getattr(self, name).shape
            require(shape == (N,), name, shape, f"of shape {(N,)}")
        shape = self.price.shape
        require(shape in ((2, N), (2, 0)), "price", shape, f"of shape (2, {N}) or (2, 0)")
        finite = np.isfinite(self.losses).all() and np.isfinite(self.price).all()
        require(bool(finite), "losses", "NaN or inf", "finite")
        last = int(self.books.max(initial=0))
        require(last < len(self.titles), "books", last, f"below {len(self.titles)}")

    def of_books(self, titles: Sequence[str]) -> np.ndarray:
        """Return which blocks are of some books, bool (N,)."""
        known = [self.titles.index(title) for title in titles if title in self.titles]
        require(len(known) == len(titles), "titles", tuple(titles), f"among {self.titles}")
        return np.isin(self.books, known)

    def hidden(self, evaluation: str) -> np.ndarray:
        """Return the price of one way of hiding, float64 (N,); 0 of a causal model."""
        require(evaluation in HIDDEN, "evaluation", evaluation, f"one of {HIDDEN}")
        if not self.price.size:
            return np.zeros(len(self.books))
        return self.price[HIDDEN.index(evaluation)].astype(np.float64)
