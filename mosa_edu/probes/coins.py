"""Tokens that nobody can foresee: independent, uniform, and fresh at every step."""

from dataclasses import dataclass

import numpy as np

_TRAINING, _HELD_OUT = 0, 1


@dataclass(frozen=True)
class CoinFlips:
    """Independent uniform tokens, as the data of a `Trainer`.

    Parameters
    ----------
    vocab_size : int
        Sides of the coin, V.
    """

    vocab_size: int

    def batch_shape(
        self, step: int, seed: int, batch_tokens: int, max_length: int, *, min_length: int
    ) -> tuple[int, int]:
        """Return rows and length of a batch: the longest length at every step."""
        return batch_tokens // max_length, max_length

    def batch(
        self,
        step: int,
        seed: int,
        batch_tokens: int,
        max_length: int,
        *,
        min_length: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return fresh inputs and targets, int64 (rows, length), of one process at one step."""
        rows = batch_tokens // max_length
        tokens = self._draw((_TRAINING, seed, step), rows, max_length)[rank::world_size]
        return tokens[:, :-1], tokens[:, 1:]

    def windows(
        self, split: str, length: int, per_document: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return sequences that no batch holds; every one is a document of its own."""
        tokens = self.held_out(0, per_document * 256, length)
        return tokens[:, :-1], tokens[:, 1:], np.arange(len(tokens))

    def held_out(self, seed: int, rows: int, length: int) -> np.ndarray:
        """Return sequences for the test, int64 (rows, length + 1), the same for every model."""
        return self._draw((_HELD_OUT, seed), rows, length)

    def _draw(self, stream: tuple[int, ...], rows: int, length: int) -> np.ndarray:
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(stream)))
        return generator.integers(self.vocab_size, size=(rows, length + 1))
