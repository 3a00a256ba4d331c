"""Byte-level byte-pair encoding: any text to integers and back, and where each integer stands."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from mosa_edu.checks import require
from mosa_edu.progress import track
from mosa_edu.records import write_atomic

END_OF_TEXT = "<|endoftext|>"
END_OF_TEXT_ID = 0
_BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
_PRE_TOKENIZER = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
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

    The backend is a byte-level BPE of that library whose entry 0 is ``<|endoftext|>``.
    """

    def __init__(self, backend: tokenizers.Tokenizer):
        first = backend.id_to_token(END_OF_TEXT_ID)
        require(first == END_OF_TEXT, "tokenizer entry 0", first, repr(END_OF_TEXT))
        self._backend = backend
        # Byte-level entries are written with one printable character a byte.
        lengths = [len(str(backend.id_to_token(token))) for token in range(self.vocab_size)]
        lengths[END_OF_TEXT_ID] = 0
        self._byte_lengths = np.array(lengths, dtype=np.int64)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> "Tokenizer":
        """Learn the merges from texts; the same texts give the same merges.

        There are `vocab_size` entries at most, with ``<|endoftext|>`` and the 256 bytes; a small
        text may give fewer.
        """
        require(vocab_size > len(_BYTES), "vocab_size", vocab_size, f"at least {len(_BYTES) + 1}")
        backend = tokenizers.Tokenizer(models.BPE())
        backend.pre_tokenizer = _PRE_TOKENIZER
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=_BYTES,
            show_progress=False,
        )
        backend.train_from_iterator(track(texts, "learning a tokenizer", "texts"), trainer)
        # The backend would look for its special token in users' text; ours is a plain entry.
        return cls.from_merges(json.loads(backend.to_str())["model"]["merges"])

    @classmethod
    def from_merges(cls, merges: Iterable[Sequence[str]]) -> "Tokenizer":
        """Build it: entry 0, the 256 bytes, then what each merge of two entries makes."""
        pairs = [(left, right) for left, right in merges]
        made = dict.fromkeys([END_OF_TEXT, *_BYTES, *(left + right for left, right in pairs)])
        vocabulary = {entry: token for token, entry in enumerate(made)}
        backend = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
        backend.pre_tokenizer, backend.decoder = _PRE_TOKENIZER, decoders.ByteLevel()
        return cls(backend)

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read a tokenizer from the JSON file that `save` writes."""
        path = Path(path)
        require(path.is_file(), "path", str(path), "an existing tokenizer JSON file")
        try:
            backend = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises bare Exception
            allowed = f"path must be a tokenizer JSON file, got {str(path)!r}"
            raise ValueError(f"{allowed} ({error})") from None
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
        """Encode any text; lone surrogates, which no UTF-8 text can hold, are refused."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            require(False, "text", text[error.start], "Unicode without lone surrogates")
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
