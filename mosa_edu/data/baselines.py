"""What a model has to beat: counting one token, counting three, and a file compressor."""

import lzma
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.data.documents import Corpus
from mosa_edu.data.ngram import NGram
from mosa_edu.data.tokens import TokenSet

_SEPARATOR = "\n\n"


def measure_baselines(
    corpus: Corpus, tokens: TokenSet, lengths: Iterable[int] = (), per_document: int = 64
) -> dict[str, Any]:
    """Measure every baseline on the held-out documents.

    Parameters
    ----------
    corpus : Corpus
        The texts, for `xz`.
    tokens : TokenSet
        The same texts as tokens.
    lengths : iterable of int, optional
        Also the 3-gram's loss on windows of these lengths, where it sees its own window only, as a
        model does.
    per_document : int, optional
        Windows a document at each length.

    Returns
    -------
    dict
        JSON values: ``unigram``, ``bigram`` and ``trigram`` with ``loss`` (nats per token) and
        ``bits_per_byte``; ``unigram_entropy`` of the training stream in nats; ``xz`` with
        ``bits_per_byte``; ``windows`` by length with ``loss``, ``stderr`` and ``windows``.
    """
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

    Examples
    --------
    >>> round(bits_per_byte(math.log(2) * 8, n_tokens=10, n_bytes=40), 6)
    2.0
    """
    require(n_bytes >= 1, "n_bytes", n_bytes, "at least 1")
    return loss / math.log(2) * n_tokens / n_bytes


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
    stderr = float(losses.std(ddof=1) / math.sqrt(len(losses))) if len(losses) > 1 else math.nan
    return {"loss": float(losses.mean()), "stderr": stderr, "windows": len(losses)}
