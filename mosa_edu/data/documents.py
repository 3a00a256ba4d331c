"""What every corpus is made of: documents, in a train and a validation split."""

import hashlib
import os
import platform
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mosa_edu.checks import require

Split = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = ("train", "validation")


@dataclass(frozen=True)
class Document:
    """One text that stands by itself: a novel, a story, a source file; and its title."""

    title: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """A named collection of documents, some of them held out whole, and where they are from.

    `provenance` holds JSON values: the source, and what was done to it.
    """

    name: str
    train: tuple[Document, ...]
    validation: tuple[Document, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    def documents(self, split: Split) -> tuple[Document, ...]:
        """Return the documents of one split."""
        return self.train if split == "train" else self.validation

    def texts(self, split: Split) -> Iterator[str]:
        """Yield the texts of one split, in order."""
        return (document.text for document in self.documents(split))

    def fingerprint(self) -> str:
        """Return a SHA-256 (hex) of every title and text of both splits."""
        digest = hashlib.sha256()
        for split in SPLITS:
            for document in self.documents(split):
                for part in (split, document.title, document.text):
                    content = part.encode()
                    digest.update(len(content).to_bytes(8, "little"))
                    digest.update(content)
        return digest.hexdigest()


def cache_folder() -> Path:
    """Return the folder that downloads and encoded corpora are kept in."""
    chosen = os.environ.get("MOSA_EDU_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "mosa_edu"


def decode_text(content: bytes, argument: str, name: str) -> str:
    r"""Decode UTF-8 text with any line endings, and refuse text that is empty or something else."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"(byte {error.start} is not UTF-8)"
        raise ValueError(f"{argument} must be a UTF-8 text file, got {name!r} {place}") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    require(bool(text.strip()), argument, name, "a text file that is not empty")
    return text


HELD_OUT = 10
"""One part in this many, the last one, is the validation text."""


def load_text_file(path: str | Path) -> Corpus:
    """Load a UTF-8 text file as one document to train on and one to validate on."""
    path = Path(path).expanduser()
    require(path.is_file(), "corpus", str(path), "an existing text file")
    text = decode_text(path.read_bytes(), "corpus", str(path))
    goal = len(text) - len(text) // HELD_OUT
    line_end = text.rfind("\n", 0, goal) + 1
    # A file of one line has no better place than the goal itself.
    cut = line_end if line_end > goal // 2 else goal
    train, validation = text[:cut], text[cut:]
    allowed = f"a text file long enough to hold out one part in {HELD_OUT}"
    require(bool(train.strip() and validation.strip()), "corpus", str(path), allowed)
    provenance = {
        "source": f"the text file {path.name}",
        "split": f"last tenth, from character {cut}",
    }
    held_out = Document(f"{path.name}, the end", validation)
    return Corpus(path.stem, (Document(path.name, train),), (held_out,), provenance)


MAX_BYTES = 4_000_000
MAX_FILE_BYTES = 150_000
STDLIB_SOURCES_HELD_OUT = 16
"""One file in about this many is held out."""

_LEFT_OUT = {
    *("__pycache__", "site-packages", "dist-packages", "test", "tests"),
    *("encodings", "pydoc_data", "lib2to3", "idlelib", "turtledemo"),
}


def load_stdlib(folder: str | Path | None = None, max_bytes: int = MAX_BYTES) -> Corpus:
    """Load Python sources, the same ones on every machine with the same Python.

    Files are ordered by a hash of their path, so that the part below `max_bytes` is a fair sample
    of the library, and a file stays in its split from one Python version to the next.
    """
    root = Path(folder or sysconfig.get_path("stdlib"))
    train: list[Document] = []
    validation: list[Document] = []
    total = 0
    for rank, name in _ranked_names(root):
        content = (root / name).read_bytes()
        try:
            text = content.decode("utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError:
            continue
        if len(content) > MAX_FILE_BYTES or not text.strip():
            continue
        if total + len(content) > max_bytes:
            break
        total += len(content)
        split = train if rank % STDLIB_SOURCES_HELD_OUT else validation
        split.append(Document(name, text))
    allowed = f"an interpreter whose Python sources are in {root}"
    require(bool(train and validation), "corpus", "stdlib", allowed)
    provenance = {
        "source": f"standard library of Python {platform.python_version()}",
        "bytes": total,
        "split": f"one file in {STDLIB_SOURCES_HELD_OUT} by a hash of its path",
    }
    return Corpus("stdlib", tuple(train), tuple(validation), provenance)


def _ranked_names(root: Path) -> list[tuple[int, str]]:
    ranked = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name not in _LEFT_OUT]
        for file in (file for file in files if file.endswith(".py")):
            name = Path(folder, file).relative_to(root).as_posix()
            digest = hashlib.sha256(name.encode()).digest()
            ranked.append((int.from_bytes(digest[:8], "big"), name))
    return sorted(ranked)
