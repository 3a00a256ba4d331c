"""Corpora by name: one call that every command and notebook loads its text through."""

from collections.abc import Callable

from mosa_edu.checks import require
from mosa_edu.data.documents import Corpus, Document
from mosa_edu.data.gutenberg import load_gutenberg

__all__ = ["Corpus", "Document", "load_corpus"]

_BY_NAME: dict[str, Callable[[], Corpus]] = {"gutenberg": load_gutenberg}


def load_corpus(name: str) -> Corpus:
    """Load a corpus by its name."""
    require(name in _BY_NAME, "corpus", name, ", ".join(_BY_NAME))
    return _BY_NAME[name]()
