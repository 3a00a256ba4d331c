"""Token streams: a corpus encoded once, kept on disk, and cut into training windows."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mosa_edu.checks import require
from mosa_edu.data.documents import SPLITS, Corpus, Split
from mosa_edu.data.files import cache_folder
from mosa_edu.data.streams import TokenStream, encode_split, read_streams, save_streams
from mosa_edu.data.tokenizer import Tokenizer

__all__ = ["TokenSet", "TokenStream", "Windows", "fingerprint"]

_FORMAT = 1


class Windows(NamedTuple):
    """Fixed windows of a split: inputs and targets int64 (N, L), document number int64 (N,)."""

    inputs: np.ndarray
    targets: np.ndarray
    documents: np.ndarray


@dataclass(frozen=True, eq=False)
class TokenSet:
    """A corpus as the trainer sees it.

    Attributes
    ----------
    train, validation : TokenStream
        The two splits.
    vocab_size : int
        Every token is below it.
    fingerprint : str
        SHA-256 of the texts and the tokenizer together.
    """

    train: TokenStream
    validation: TokenStream
    vocab_size: int
    fingerprint: str

    @classmethod
    def build(
        cls, corpus: Corpus, tokenizer: Tokenizer, folder: str | Path | None = None
    ) -> "TokenSet":
        """Encode a corpus, or read it where it was encoded before.

        Parameters
        ----------
        corpus : Corpus
            The texts.
        tokenizer : Tokenizer
            What encodes them.
        folder : path, optional
            Where encoded corpora are kept; default ``tokens`` in the cache folder. A file there
            that is truncated or altered is found by its checksum and made again.

        Returns
        -------
        TokenSet
            The same arrays, read or made.
        """
        key = fingerprint(corpus, tokenizer)
        path = Path(folder or cache_folder() / "tokens") / f"{corpus_slug(corpus)}-{key[:24]}.npz"
        streams = read_streams(path)
        if streams is None:
            streams = {split: encode_split(corpus, split, tokenizer) for split in SPLITS}
            save_streams(path, streams)
        return cls(streams["train"], streams["validation"], tokenizer.vocab_size, key)

    def split(self, name: Split) -> TokenStream:
        """Return one split by its name."""
        require(name in SPLITS, "split", name, "'train' or 'validation'")
        return self.train if name == "train" else self.validation

    def batch(
        self,
        step: int,
        seed: int,
        batch_tokens: int,
        max_length: int,
        *,
        min_length: int = 16,
        rank: int = 0,
        world_size: int = 1,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw the training batch of one step; it depends on the arguments alone.

        Half of the steps have windows of `max_length` tokens, the others of a length drawn evenly
        from ``min_length..max_length``. Starts are even over all places from which a window ends
        inside its document; documents that are shorter than a window may start one anywhere, and
        such a window runs on into the documents that follow.

        Parameters
        ----------
        step, seed : int
            Which batch; both 0 or more.
        batch_tokens : int
            Tokens of the global batch, at most (one window at least).
        max_length : int
            The longest window.
        min_length : int, optional
            The shortest window.
        rank, world_size : int, optional
            Return rows ``rank::world_size`` of the global batch. Shards differ by one row at most,
            and are empty if the batch has fewer rows than there are processes.

        Returns
        -------
        inputs, targets : numpy.ndarray
            int64 (B, L); targets are inputs shifted by one.
        """
        require(0 <= rank < world_size, "rank", rank, f"in 0..{world_size - 1}")
        length, n_rows, generator = self._shape(step, seed, batch_tokens, max_length, min_length)
        starts = _draw_starts(self.train, generator, n_rows, length)
        return self.train.cut(starts[rank::world_size], length)

    def batch_shape(
        self, step: int, seed: int, batch_tokens: int, max_length: int, *, min_length: int = 16
    ) -> tuple[int, int]:
        """Return rows and length (B, L) of the global batch of one step."""
        length, n_rows, _ = self._shape(step, seed, batch_tokens, max_length, min_length)
        return n_rows, length

    def windows(self, split: Split, length: int, per_document: int) -> Windows:
        """Cut windows at even distances from every document, always the same ones.

        Parameters
        ----------
        split : {"train", "validation"}
            Where from.
        length : int
            Tokens a window.
        per_document : int
            Windows a document, at most; a short document gives as many as fit without overlap.

        Returns
        -------
        Windows
            Ordered by document. Documents that cannot hold one window are left out; if none can,
            the stream is taken for one document with number 0.
        """
        stream = self.split(split)
        require(length >= 1, "length", length, "at least 1")
        require(per_document >= 1, "per_document", per_document, "at least 1")
        bounds = [(d, *stream.starts[d : d + 2].tolist()) for d in range(stream.n_documents)]
        bounds = [(d, a, b) for d, a, b in bounds if b - a > length]
        if not bounds:
            require(
                len(stream) > length, "length", length, f"less than {len(stream)}, the tokens there"
            )
            bounds = [(0, 0, len(stream))]
        starts, documents = [], []
        for document, first, end in bounds:
            room = end - first - 1  # the last token is a target only
            count = min(per_document, room // length)
            # One window in the middle of each of `count` equal parts.
            margin = (room // count - length) // 2
            places = [first + room * part // count + margin for part in range(count)]
            starts += places
            documents += [document] * count
        inputs, targets = stream.cut(np.array(starts), length)
        return Windows(inputs, targets, np.array(documents))

    def _shape(
        self, step: int, seed: int, batch_tokens: int, max_length: int, min_length: int
    ) -> tuple[int, int, np.random.Generator]:
        require(step >= 0, "step", step, "0 or more")
        require(seed >= 0, "seed", seed, "0 or more")
        require(batch_tokens >= 1, "batch_tokens", batch_tokens, "at least 1")
        longest = len(self.train) - 1
        require(1 <= max_length <= longest, "max_length", max_length, f"in 1..{longest}")
        generator = np.random.Generator(np.random.PCG64([seed, step]))
        shortest = min(min_length, max_length)
        drawn = int(generator.integers(shortest, max_length + 1))
        length = max_length if generator.integers(2) else drawn
        return length, max(1, batch_tokens // length), generator


def fingerprint(corpus: Corpus, tokenizer: Tokenizer) -> str:
    """Return the SHA-256 (hex) of the texts and the tokenizer together."""
    parts = json.dumps([_FORMAT, corpus.fingerprint(), tokenizer.to_json()])
    return hashlib.sha256(parts.encode()).hexdigest()


def corpus_slug(corpus: Corpus) -> str:
    """Return the corpus' name as a part of a file name."""
    return "".join(c if c.isalnum() else "-" for c in corpus.name)[-40:]


def _draw_starts(
    stream: TokenStream, generator: np.random.Generator, n_rows: int, length: int
) -> np.ndarray:
    sizes = np.diff(stream.starts)
    last = len(stream) - length - 1
    room = np.where(sizes > length, sizes - length, sizes)
    ends = np.cumsum(room)
    places = generator.integers(ends[-1], size=n_rows)
    document = np.searchsorted(ends, places, side="right")
    starts = stream.starts[document] + places - (ends - room)[document]
    return np.minimum(starts, last)
