"""Documents as one row of tokens, and the file that keeps them."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mosa_edu.data.documents import SPLITS, Corpus, Split
from mosa_edu.data.tokenizer import END_OF_TEXT_ID, Tokenizer
from mosa_edu.records import write_atomic

_WIDEST_UINT16 = 1 << 16
_N_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True, eq=False)
class TokenStream:
    """The documents of one split, one after another, ``<|endoftext|>`` after each.

    Attributes
    ----------
    tokens : numpy.ndarray
        uint16 (uint32 for more than 65,536 entries), (N,).
    starts : numpy.ndarray
        int64 (D + 1,): document ``d`` is ``tokens[starts[d]:starts[d + 1]]``.
    n_bytes : numpy.ndarray
        int64 (D,): UTF-8 bytes of each document's text.
    titles : tuple of str
        D titles.
    """

    tokens: np.ndarray
    starts: np.ndarray
    n_bytes: np.ndarray
    titles: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def n_documents(self) -> int:
        """The number of documents."""
        return len(self.titles)

    def document(self, number: int) -> np.ndarray:
        """Return the tokens of one document, ``<|endoftext|>`` included."""
        return self.tokens[self.starts[number] : self.starts[number + 1]]

    def cut(self, starts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Return windows and the same windows one token later, both int64 (B, length)."""
        rows = starts.reshape(-1, 1) + np.arange(length + 1)
        tokens = self.tokens[rows].astype(np.int64)
        return tokens[:, :-1], tokens[:, 1:]


def encode_split(corpus: Corpus, split: Split, tokenizer: Tokenizer) -> TokenStream:
    """Encode the documents of one split."""
    dtype = np.uint16 if tokenizer.vocab_size <= _WIDEST_UINT16 else np.uint32
    documents = corpus.documents(split)
    parts = [
        np.array([*tokenizer.encode(document.text), END_OF_TEXT_ID], dtype=dtype)
        for document in documents
    ]
    return TokenStream(
        tokens=np.concatenate([np.empty(0, dtype), *parts]),
        starts=np.cumsum([0, *map(len, parts)]),
        n_bytes=np.array([len(document.text.encode()) for document in documents], dtype=np.int64),
        titles=tuple(document.title for document in documents),
    )


def save_streams(path: Path, streams: dict[Split, TokenStream]) -> None:
    """Write both splits to one file, their SHA-256 in front, whole or not at all."""
    arrays: dict[str, np.ndarray] = {}
    for split, stream in streams.items():
        arrays |= {
            f"{split}_tokens": stream.tokens,
            f"{split}_starts": stream.starts,
            f"{split}_bytes": stream.n_bytes,
            f"{split}_titles": np.frombuffer(json.dumps(stream.titles).encode(), np.uint8),
        }
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    content = file.getvalue()
    write_atomic(path, hashlib.sha256(content).digest() + content)


def read_streams(path: Path) -> dict[Split, TokenStream] | None:
    """Return what `save_streams` wrote, or None if it is not there or not whole."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    digest, content = content[:_N_DIGEST], content[_N_DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {
                split: TokenStream(
                    arrays[f"{split}_tokens"],
                    arrays[f"{split}_starts"],
                    arrays[f"{split}_bytes"],
                    tuple(json.loads(arrays[f"{split}_titles"].tobytes())),
                )
                for split in SPLITS
            }
    except (KeyError, ValueError, zipfile.BadZipFile):
        return None
