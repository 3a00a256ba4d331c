"""Token streams: a corpus encoded once, kept on disk, and cut into training windows."""

import hashlib
import io
import json
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mosa_edu.checks import require
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.documents import SPLITS, Corpus, Split, cache_folder
from mosa_edu.data.tokenizer import END_OF_TEXT_ID, Tokenizer
from mosa_edu.progress import track
from mosa_edu.records import write_atomic
from mosa_edu.records.codec import read_text

__all__ = ["TokenSet", "TokenStream", "Windows", "fingerprint"]

_FORMAT = 1
_WIDEST_UINT16 = 1 << 16


@dataclass(frozen=True, eq=False)
class TokenStream:
    """The documents of one split, one after another, ``<|endoftext|>`` after each.

    `tokens` are uint16, (N,), or uint32 if there are more than 65,536 entries. Document ``d`` of
    ``D`` is ``tokens[starts[d]:starts[d + 1]]``, `starts` int64 (D + 1,); its text has
    ``n_bytes[d]`` bytes of UTF-8 and the title ``titles[d]``.
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
        for document in track(documents, f"encoding {corpus.name}, {split}", "documents")
    ]
    return TokenStream(
        tokens=np.concatenate([np.empty(0, dtype), *parts]),
        starts=np.cumsum([0, *map(len, parts)]),
        n_bytes=np.array([len(document.text.encode()) for document in documents], dtype=np.int64),
        titles=tuple(document.title for document in documents),
    )


def _save(path: Path, streams: dict[Split, TokenStream]) -> None:
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
    write_atomic(path, file.getvalue())


def _read(path: Path) -> dict[Split, TokenStream] | None:
    """Return what `_save` wrote, or None if it is not there or its checksums are wrong."""
    try:
        with np.load(path, allow_pickle=False) as file:
            streams: dict[Split, TokenStream] = {}
            for split in SPLITS:
                names = (f"{split}_{part}" for part in ("tokens", "starts", "bytes", "titles"))
                tokens, starts, n_bytes, titles = (file[name] for name in names)
                told = tuple(json.loads(titles.tobytes()))
                streams[split] = TokenStream(tokens, starts, n_bytes, told)
            return streams
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None


class Windows(NamedTuple):
    """Fixed windows of a split: inputs and targets int64 (N, L), document number int64 (N,)."""

    inputs: np.ndarray
    targets: np.ndarray
    documents: np.ndarray


@dataclass(frozen=True, eq=False)
class TokenSet:
    """A corpus as the trainer sees it.

    Every token is below `vocab_size`; `fingerprint` is a SHA-256 of the texts and the tokenizer.
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

        That is in `folder`, ``tokens`` in the cache folder unless it is given. A file there that
        is truncated or altered is found by its checksum and made again.
        """
        key = fingerprint(corpus, tokenizer)
        name = "".join(c if c.isalnum() else "-" for c in corpus.name)[-40:]
        path = Path(folder or cache_folder() / "tokens") / f"{name}-{key[:24]}.npz"
        streams = _read(path)
        if streams is None:
            streams = {split: encode_split(corpus, split, tokenizer) for split in SPLITS}
            _save(path, streams)
        return cls(**streams, vocab_size=tokenizer.vocab_size, fingerprint=key)

    def split(self, name: Split) -> TokenStream:
        """Return one split by its name."""
        require(name in SPLITS, "split", name, "'train' or 'validation'")
        return self.train if name == "train" else self.validation

    def batch(
        self, step: int, seed: int, batch_tokens: int, max_length: int, *, min_length: int = 16
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw the training batch of one step; it depends on the arguments alone.

        Half of the steps have windows of `max_length` tokens, the others of a length drawn evenly
        from ``min_length..max_length``. Starts are even over all places from which a window ends
        inside its document; documents that are shorter than a window may start one anywhere, and
        such a window runs on into the documents that follow.

        Returns
        -------
        inputs, targets : numpy.ndarray
            int64 (B, L), at most `batch_tokens` or one window; targets are one token later.
        """
        require(step >= 0, "step", step, "0 or more")
        require(seed >= 0, "seed", seed, "0 or more")
        require(batch_tokens >= 1, "batch_tokens", batch_tokens, "at least 1")
        longest = len(self.train) - 1
        require(1 <= max_length <= longest, "max_length", max_length, f"in 1..{longest}")
        generator = np.random.Generator(np.random.PCG64([seed, step]))
        drawn = int(generator.integers(min(min_length, max_length), max_length + 1))
        length = max_length if generator.integers(2) else drawn
        starts = _draw_starts(self.train, generator, max(1, batch_tokens // length), length)
        return self.train.cut(starts, length)

    def windows(self, split: Split, length: int, per_document: int) -> Windows:
        """Cut windows at even distances from every document, always the same ones.

        Of a short document as many as fit without overlap; one that cannot hold a window has none.
        If none can, the stream is taken for one document with number 0.
        """
        stream = self.split(split)
        require(length >= 1, "length", length, "at least 1")
        require(per_document >= 1, "per_document", per_document, "at least 1")
        bounds = [(d, *stream.starts[d : d + 2].tolist()) for d in range(stream.n_documents)]
        bounds = [(d, a, b) for d, a, b in bounds if b - a > length]
        if not bounds:
            most = f"less than {len(stream)}, the tokens there"
            require(len(stream) > length, "length", length, most)
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


def fingerprint(corpus: Corpus, tokenizer: Tokenizer) -> str:
    """Return the SHA-256 (hex) of the texts and the tokenizer together."""
    parts = json.dumps([_FORMAT, corpus.fingerprint(), tokenizer.to_json()])
    return hashlib.sha256(parts.encode()).hexdigest()


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


VERSION = 1
LARGEST_SHARD = 30_000_000
"""Bytes of a shard at most, compressed."""
SHARD_TOKENS = 14_000_000
"""28 MB as they are: below `LARGEST_SHARD` even if nothing could be compressed."""


def write_pack(
    corpus: str, vocab_size: int, folder: Path, shard_tokens: int = SHARD_TOKENS
) -> dict:
    """Encode a corpus and write it to a folder."""
    require(vocab_size <= _WIDEST_UINT16, "vocab_size", vocab_size, "at most 65536, for 16 bits")
    require(1 <= shard_tokens <= SHARD_TOKENS, "shard_tokens", shard_tokens, f"1..{SHARD_TOKENS}")
    loaded = load_corpus(corpus)
    tokenizer = Tokenizer.train(loaded.texts("train"), vocab_size)
    content = tokenizer.to_json().encode()
    write_atomic(folder / "tokenizer.json", content)
    splits = {}
    for split in SPLITS:
        stream = encode_split(loaded, split, tokenizer)
        splits[split] = {
            "tokens": len(stream),
            "starts": stream.starts.tolist(),
            "bytes": stream.n_bytes.tolist(),
            "titles": list(stream.titles),
            "shards": _write_shards(folder, split, stream.tokens, shard_tokens),
        }
    manifest = {
        "version": VERSION,
        "corpus": loaded.name,
        "fingerprint": fingerprint(loaded, tokenizer),
        "vocab_size": tokenizer.vocab_size,
        "tokenizer": {"file": "tokenizer.json", "sha256": _digest(content)},
        "splits": splits,
    }
    # Last: a folder with a manifest is whole.
    write_atomic(folder / "manifest.json", json.dumps(manifest, ensure_ascii=False) + "\n")
    return manifest


def read_pack(folder: Path) -> tuple[str, Tokenizer, TokenSet]:
    """Read what `write_pack` wrote, checking every file."""
    path = folder / "manifest.json"
    allowed = "a folder of mosa-edu experiment pack, with a manifest.json"
    require(path.is_file(), "pack", str(folder), allowed)
    try:
        manifest = json.loads(read_text(path))
        known = manifest["version"] == VERSION
    except (ValueError, TypeError, KeyError):
        known = False
    require(known, "manifest.json", str(path), f"a manifest of version {VERSION}")
    _checked(folder, manifest["tokenizer"])
    tokenizer = Tokenizer.load(folder / manifest["tokenizer"]["file"])
    train, validation = (_read_stream(folder, manifest["splits"][split]) for split in SPLITS)
    tokens = TokenSet(train, validation, manifest["vocab_size"], manifest["fingerprint"])
    return manifest["corpus"], tokenizer, tokens


def _write_shards(
    folder: Path, split: str, tokens: np.ndarray, shard_tokens: int
) -> list[dict[str, Any]]:
    shards = []
    starts = range(0, len(tokens), shard_tokens)
    for number, start in enumerate(track(starts, f"packing {split}", "files")):
        part = tokens[start : start + shard_tokens].astype("<u2")
        content = lzma.compress(part.tobytes(), preset=6)
        name = f"{split}-{number:03}.xz"
        require(len(content) <= LARGEST_SHARD, name, len(content), f"{LARGEST_SHARD} bytes at most")
        write_atomic(folder / name, content)
        sizes = {"tokens": len(part), "bytes": len(content)}
        shards.append({"file": name, **sizes, "sha256": _digest(content)})
    return shards


def _read_stream(folder: Path, split: dict[str, Any]) -> TokenStream:
    shards = track(split["shards"], "unpacking", "files")
    parts = (lzma.decompress(_checked(folder, shard)) for shard in shards)
    tokens = np.frombuffer(b"".join(parts), "<u2")
    require(len(tokens) == split["tokens"], "pack", len(tokens), f"{split['tokens']} tokens long")
    starts, n_bytes = (np.array(split[part], dtype=np.int64) for part in ("starts", "bytes"))
    return TokenStream(tokens, starts, n_bytes, tuple(split["titles"]))


def _checked(folder: Path, entry: dict[str, Any]) -> bytes:
    """Read a file of a pack, refusing one that is not what the manifest says."""
    path = folder / entry["file"]
    content = path.read_bytes() if path.is_file() else b""
    fits = _digest(content) == entry["sha256"]
    require(fits, "pack", str(path), "whole, as its manifest says; pack again")
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
