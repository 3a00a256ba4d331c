"""An interpolated 3-gram on tokens: what counting alone can predict."""

import lzma
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.data.documents import Corpus
from mosa_edu.data.tokens import TokenSet

_N_BUCKETS = 24
_NEVER_SEEN = 0
_EM_STEPS = 30
_HELD_OUT = 50
"""One block of the training stream in this many tunes the weights."""
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class _Counts:
    """How often each token followed each context; contexts are integers."""

    keys: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    vocab_size: int

    @classmethod
    def of(cls, contexts: np.ndarray, targets: np.ndarray, vocab_size: int) -> "_Counts":
        keys, counts = np.unique(contexts * vocab_size + targets, return_counts=True)
        seen, first = np.unique(keys // vocab_size, return_index=True)
        totals = np.add.reduceat(counts, first) if len(keys) else counts
        return cls(keys, counts, seen, totals, vocab_size)

    def look_up(self, contexts: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return relative frequency (0 for a new context) and the context's total."""
        total = _find(self.contexts, self.totals, contexts)
        count = _find(self.keys, self.counts, contexts * self.vocab_size + targets)
        return count / np.maximum(total, 1), total


class NGram:
    """A 3-gram mixed with the 2-gram, the 1-gram and the even distribution.

    Jelinek and Mercer's deleted interpolation. At each order the weight of the relative frequency
    depends on how often the context was seen, in powers of two; expectation maximisation on one
    block in fifty of the training stream, with counts of the others, finds the weights. The counts
    are then taken over the whole stream.
    """

    def __init__(self, tokens: np.ndarray, vocab_size: int):
        require(len(tokens) >= 3, "tokens", len(tokens), "at least 3 of them")
        require(int(tokens.max()) < vocab_size, "vocab_size", vocab_size, "above every token")
        self.vocab_size = vocab_size
        contexts, targets = _triples(np.asarray(tokens, dtype=np.int64), vocab_size)
        held_out = np.arange(len(targets)) // _BLOCK % _HELD_OUT == _HELD_OUT - 1
        if not held_out.any():  # a stream of a few blocks
            held_out = np.arange(len(targets)) >= len(targets) * (_HELD_OUT - 1) // _HELD_OUT
        self._weights = np.zeros((4, _N_BUCKETS))
        self._count(contexts[~held_out], targets[~held_out])
        self._tune(contexts[held_out], targets[held_out])
        self._count(contexts, targets)

    def losses(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the loss of every target, seeing only what is in its own row."""
        inputs, targets = np.asarray(inputs, np.int64), np.asarray(targets, np.int64)
        loss = np.empty(inputs.shape)
        loss[:, 0] = -np.log(self._mix(inputs[:, 0], targets[:, 0], order=2))
        contexts = inputs[:, :-1] * self.vocab_size + inputs[:, 1:]
        last = self._mix(contexts.ravel(), targets[:, 1:].ravel(), order=3)
        loss[:, 1:] = -np.log(last).reshape(contexts.shape)
        return loss

    def stream_losses(self, tokens: np.ndarray, order: int = 3) -> np.ndarray:
        """Return the loss of every token of a stream from its third on, in nats (N - 2,)."""
        require(order in (1, 2, 3), "order", order, "1, 2 or 3")
        contexts, targets = _triples(np.asarray(tokens, dtype=np.int64), self.vocab_size)
        return -np.log(self._mix(contexts, targets, order))

    def distribution(self, first: int, second: int) -> np.ndarray:
        """Return the probability of every token after two tokens, (V,)."""
        targets = np.arange(self.vocab_size)
        contexts = np.full_like(targets, first * self.vocab_size + second)
        return self._mix(contexts, targets, order=3)

    def _count(self, contexts: np.ndarray, targets: np.ndarray) -> None:
        none = np.zeros_like(contexts)
        last = contexts % self.vocab_size
        self._counts = {
            order: _Counts.of(context, targets, self.vocab_size)
            for order, context in ((1, none), (2, last), (3, contexts))
        }

    def _tune(self, contexts: np.ndarray, targets: np.ndarray) -> None:
        lower = np.full(len(targets), 1 / self.vocab_size)
        for order in (1, 2, 3):
            frequency, bucket = self._look_up(contexts, targets, order)
            size = np.bincount(bucket, minlength=_N_BUCKETS)
            weight = np.full(_N_BUCKETS, 0.5)
            for _ in range(_EM_STEPS):
                weight[_NEVER_SEEN] = 0
                share = weight[bucket] * frequency
                share /= share + (1 - weight[bucket]) * lower
                # One success and one failure more: no weight is 1, and one without data is 1/2.
                weight = (np.bincount(bucket, share, _N_BUCKETS) + 1) / (size + 2)
            weight[_NEVER_SEEN] = 0
            self._weights[order] = weight
            lower = self._mix(contexts, targets, order)

    def _mix(self, contexts: np.ndarray, targets: np.ndarray, order: int) -> np.ndarray:
        probability = np.full(len(targets), 1 / self.vocab_size)
        for lower in range(1, order + 1):
            frequency, bucket = self._look_up(contexts, targets, lower)
            weight = self._weights[lower][bucket]
            probability = weight * frequency + (1 - weight) * probability
        return probability

    def _look_up(
        self, contexts: np.ndarray, targets: np.ndarray, order: int
    ) -> tuple[np.ndarray, np.ndarray]:
        if order < 3:
            contexts = contexts % self.vocab_size if order == 2 else np.zeros_like(contexts)
        frequency, total = self._counts[order].look_up(contexts, targets)
        bucket = np.zeros(len(total), dtype=np.int64)
        seen = total > 0
        bucket[seen] = 1 + np.log2(total[seen]).astype(np.int64)
        return frequency, np.minimum(bucket, _N_BUCKETS - 1)


def _triples(tokens: np.ndarray, vocab_size: int) -> tuple[np.ndarray, np.ndarray]:
    return tokens[:-2] * vocab_size + tokens[1:-1], tokens[2:]


def _find(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the values of the wanted keys, 0 for those that are not there."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


_SEPARATOR = "\n\n"


def measure_baselines(
    corpus: Corpus, tokens: TokenSet, lengths: Iterable[int] = (), per_document: int = 64
) -> dict[str, Any]:
    """Measure every baseline on the held-out documents."""
    counted = NGram(tokens.train.tokens, tokens.vocab_size)
    stream = tokens.validation
    n_bytes = int(stream.n_bytes.sum())
    measured: dict[str, Any] = {"unigram_entropy": unigram_entropy(tokens.train.tokens)}
    for order, name in ((1, "unigram"), (2, "bigram"), (3, "trigram")):
        loss = float(counted.stream_losses(stream.tokens, order).mean())
        measured[name] = {"loss": loss, "bits_per_byte": bits_per_byte(loss, len(stream), n_bytes)}
    measured["xz"] = {"bits_per_byte": xz_bits_per_byte(corpus.texts("validation"))}
    measured["windows"] = {
        str(length): _on_windows(counted, tokens, length, per_document) for length in lengths
    }
    return measured


def unigram_entropy(tokens: np.ndarray) -> float:
    """Return the entropy of a stream's token frequencies, in nats per token."""
    require(len(tokens) >= 1, "tokens", len(tokens), "at least 1 of them")
    counts = np.bincount(tokens)
    frequency = counts[counts > 0] / len(tokens)
    return float(-(frequency * np.log(frequency)).sum())


def bits_per_byte(loss: float, n_tokens: int, n_bytes: int) -> float:
    """Convert nats per token to bits per byte of the text the tokens stand for.

    >>> round(bits_per_byte(math.log(2) * 8, n_tokens=10, n_bytes=40), 6)
    2.0
    """
    require(n_bytes >= 1, "n_bytes", n_bytes, "at least 1")
    return loss / math.log(2) * n_tokens / n_bytes


def standard_error(losses: np.ndarray) -> float:
    """Return the standard error of the mean; NaN for a single value."""
    return float(losses.std(ddof=1) / math.sqrt(len(losses))) if len(losses) > 1 else math.nan


def xz_bits_per_byte(texts: Iterable[str]) -> float:
    """Return the size of the texts as one file after `xz -9`, in bits per byte.

    The compressor starts from nothing: it has not seen the training texts that a model learnt from.
    """
    content = _SEPARATOR.join(texts).encode()
    require(bool(content), "texts", "", "not empty")
    return 8 * len(lzma.compress(content, preset=9)) / len(content)


def _on_windows(
    counted: NGram, tokens: TokenSet, length: int, per_document: int
) -> dict[str, float | int]:
    windows = tokens.windows("validation", length, per_document)
    losses = counted.losses(windows.inputs, windows.targets).mean(axis=1)
    stderr = standard_error(losses)
    return {"loss": float(losses.mean()), "stderr": stderr, "windows": len(losses)}
