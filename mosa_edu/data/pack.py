"""A corpus as a folder to carry: tokens in compressed shards, their tokenizer, and a manifest.

A machine without a network trains from such a folder alone: neither texts nor their download
are needed, and every file is checked against the manifest before it is used.
"""

import hashlib
import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.documents import SPLITS
from mosa_edu.data.streams import TokenStream, encode_split
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.data.tokens import TokenSet, fingerprint
from mosa_edu.records import write_atomic
from mosa_edu.records.files import read_text

VERSION = 1
LARGEST_SHARD = 30_000_000
"""Bytes of a shard at most, compressed."""
SHARD_TOKENS = 14_000_000
"""28 MB as they are: below `LARGEST_SHARD` even if nothing could be compressed."""


def write_pack(
    corpus: str, vocab_size: int, folder: Path, shard_tokens: int = SHARD_TOKENS
) -> dict:
    """Encode a corpus and write it to a folder.

    Parameters
    ----------
    corpus : str
        A name for `load_corpus`.
    vocab_size : int
        Entries of the tokenizer, which is learnt from the training split; at most 65,536.
    folder : pathlib.Path
        Receives ``manifest.json``, ``tokenizer.json`` and ``SPLIT-NNN.xz``.
    shard_tokens : int
        Tokens of a shard at most.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    ValueError
        If a token does not fit into 16 bits, or the corpus cannot be loaded.
    """
    require(vocab_size <= 1 << 16, "vocab_size", vocab_size, "at most 65536, for 16 bits")
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
    """Read what `write_pack` wrote, checking every file.

    Parameters
    ----------
    folder : pathlib.Path
        A pack.

    Returns
    -------
    corpus : str
        Its name.
    tokenizer : Tokenizer
        That encoded it.
    tokens : TokenSet
        Both splits.

    Raises
    ------
    ValueError
        If the folder is no pack, or a file is missing or differs from the manifest.
    """
    path = folder / "manifest.json"
    require(path.is_file(), "pack", str(folder), "a folder of mosa-edu pack, with a manifest.json")
    try:
        manifest = json.loads(read_text(path))
    except ValueError:
        manifest = None
    known = isinstance(manifest, dict) and manifest.get("version") == VERSION
    require(known, "manifest.json", str(path), f"a manifest of version {VERSION}")
    _checked(folder, manifest["tokenizer"])
    streams = {split: _read_stream(folder, manifest["splits"][split]) for split in SPLITS}
    tokens = TokenSet(
        streams["train"], streams["validation"], manifest["vocab_size"], manifest["fingerprint"]
    )
    return manifest["corpus"], Tokenizer.load(folder / manifest["tokenizer"]["file"]), tokens


def _write_shards(
    folder: Path, split: str, tokens: np.ndarray, shard_tokens: int
) -> list[dict[str, Any]]:
    shards = []
    for number, start in enumerate(range(0, len(tokens), shard_tokens)):
        part = tokens[start : start + shard_tokens].astype("<u2")
        content = lzma.compress(part.tobytes(), preset=6)
        name = f"{split}-{number:03}.xz"
        require(len(content) <= LARGEST_SHARD, name, len(content), f"{LARGEST_SHARD} bytes at most")
        write_atomic(folder / name, content)
        found = {"file": name, "tokens": len(part), "bytes": len(content)}
        shards.append({**found, "sha256": _digest(content)})
    return shards


def _read_stream(folder: Path, split: dict[str, Any]) -> TokenStream:
    parts = [
        np.frombuffer(lzma.decompress(_checked(folder, shard)), "<u2") for shard in split["shards"]
    ]
    tokens = np.concatenate([np.empty(0, np.uint16), *parts])
    require(len(tokens) == split["tokens"], "pack", len(tokens), f"{split['tokens']} tokens long")
    return TokenStream(
        tokens,
        np.array(split["starts"], dtype=np.int64),
        np.array(split["bytes"], dtype=np.int64),
        tuple(split["titles"]),
    )


def _checked(folder: Path, entry: dict[str, Any]) -> bytes:
    """Read a file of a pack, refusing one that is not what the manifest says."""
    path = folder / entry["file"]
    content = path.read_bytes() if path.is_file() else b""
    fits = _digest(content) == entry["sha256"]
    require(fits, "pack", str(path), "whole, as its manifest says; pack again")
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
