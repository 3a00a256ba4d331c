"""What every corpus is made of: documents, in a train and a validation split."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Split = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = ("train", "validation")


@dataclass(frozen=True)
class Document:
    """One text that stands by itself: a novel, a story, a source file.

    Attributes
    ----------
    title : str
        What to call it in a table.
    text : str
        The text, paragraphs separated by an empty line.
    """

    title: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """A named collection of documents, some of them held out whole.

    Attributes
    ----------
    name : str
        The name it was loaded by.
    train, validation : tuple of Document
        No document is in both.
    provenance : dict
        Where the text is from and what was done to it; JSON values only.
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
