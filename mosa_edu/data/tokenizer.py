"""Byte-level byte-pair encoding: any text to integers and back, and where each integer stands."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from mosa_edu.checks import require
from mosa_edu.records import write_atomic

END_OF_TEXT = "<|endoftext|>"
END_OF_TEXT_ID = 0
N_BYTES = 256
_CHUNK = 1 << 16


class TokenSpan(NamedTuple):
    """One token and the characters it stands for: ``text[start:end]``, in code points."""

    id: int
    text: str
    start: int
    end: int


class Tokenizer:
    """A byte-level BPE with the pre-tokenisation of GPT-2 and no prefix space.

    Id 0 is ``<|endoftext|>`` and stands between documents. Text never encodes to it: the same
    characters typed by a user are ordinary text. The JSON file is the one of the `tokenizers`
    library; its ``model.vocab`` and ``model.merges`` are all that another implementation needs.

    Parameters
    ----------
    backend : tokenizers.Tokenizer
        A byte-level BPE whose entry 0 is ``<|endoftext|>``.
    """

    def __init__(self, backend: tokenizers.Tokenizer):
        require(
            backend.id_to_token(END_OF_TEXT_ID) == END_OF_TEXT,
            "tokenizer entry 0",
            backend.id_to_token(END_OF_TEXT_ID),
            repr(END_OF_TEXT),
        )
        self._backend = backend
        self._byte_lengths = self._count_bytes()

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> "Tokenizer":
        """Learn the merges from texts; the same texts give the same merges.

        Parameters
        ----------
        texts : iterable of str
            What to count pairs in.
        vocab_size : int
            Entries at most, with ``<|endoftext|>`` and the 256 bytes; a small text may give fewer.

        Returns
        -------
        Tokenizer
            The tokenizer learnt.
        """
        require(vocab_size > N_BYTES, "vocab_size", vocab_size, f"at least {N_BYTES + 1}")
        backend = tokenizers.Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        backend.train_from_iterator(texts, trainer)
        content = json.loads(backend.to_str())
        # An added token would be looked for in users' text; as a plain entry it is out of reach.
        content["added_tokens"] = []
        return cls(tokenizers.Tokenizer.from_str(json.dumps(content)))

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read a tokenizer from the JSON file that `save` writes."""
        path = Path(path)
        require(path.is_file(), "path", str(path), "an existing tokenizer JSON file")
        try:
            backend = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises bare Exception
            raise ValueError(
                f"path must be a tokenizer JSON file, got {str(path)!r} ({error})"
            ) from None
        return cls(backend)

    def save(self, path: str | Path) -> None:
        """Write the tokenizer as JSON, whole or not at all."""
        write_atomic(Path(path), self.to_json().encode())

    def to_json(self) -> str:
        """Return the tokenizer as JSON text, the same text for the same merges."""
        return str(self._backend.to_str(pretty=False))

    @property
    def vocab_size(self) -> int:
        """The number of entries; ids run from 0 to ``vocab_size - 1``."""
        return int(self._backend.get_vocab_size())

    @property
    def byte_lengths(self) -> np.ndarray:
        """UTF-8 bytes each id stands for, int64 (V,); 0 for ``<|endoftext|>``."""
        return self._byte_lengths

    def encode(self, text: str) -> list[int]:
        """Encode any text of Unicode scalar values; an empty text gives no tokens.

        Raises
        ------
        ValueError
            If the text holds a lone surrogate, which no UTF-8 text can.
        """
        _require_scalar_values(text)
        chunks = self._backend.encode_batch_fast(_split(text), add_special_tokens=False)
        return [token for chunk in chunks for token in chunk.ids]

    def decode(self, ids: Sequence[int]) -> str:
        """Decode ids; bytes that are no complete character become U+FFFD."""
        ids = [int(token) for token in ids]
        for token in ids:
            require(0 <= token < self.vocab_size, "id", token, f"in 0..{self.vocab_size - 1}")
        return str(self._backend.decode(ids, skip_special_tokens=False))

    def spans(self, text: str) -> list[TokenSpan]:
        """Encode a text and say which characters each token stands for.

        A character belongs to the token that holds its last byte; a token that holds only earlier
        bytes of a character has an empty span in front of it. So spans follow one another with no
        gap and no overlap, and their texts joined are `text`.
        """
        ids = self.encode(text)
        widths = [len(character.encode()) for character in text]
        ends = np.cumsum([0, *widths])
        byte_ends = np.cumsum(self._byte_lengths[ids], dtype=np.int64)
        stops = (np.searchsorted(ends, byte_ends, side="right") - 1).tolist()
        starts = [0, *stops][: len(ids)]
        return [
            TokenSpan(token, text[start:stop], start, stop)
            for token, start, stop in zip(ids, starts, stops, strict=True)
        ]

    def _count_bytes(self) -> np.ndarray:
        # Byte-level entries are written with one printable character a byte.
        entries = [str(self._backend.id_to_token(token)) for token in range(self.vocab_size)]
        lengths = np.array([len(entry) for entry in entries], dtype=np.int64)
        lengths[END_OF_TEXT_ID] = 0
        return lengths


def _require_scalar_values(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        character = text[error.start]
        require(False, "text", character, "Unicode without lone surrogates")


def _split(text: str) -> list[str]:
    """Cut a long text where the pre-tokenisation cuts anyway: before a space between two words."""
    chunks, start = [], 0
    while len(text) - start > _CHUNK:
        cut = text.rfind(" ", start + 1, start + _CHUNK)
        while cut > start and (text[cut - 1].isspace() or text[cut + 1].isspace()):
            cut = text.rfind(" ", start + 1, cut)
        if cut <= start:
            break
        chunks.append(text[start:cut])
        start = cut
    return [*chunks, text[start:]]
