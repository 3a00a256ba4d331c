"""Corpora by name: one call that every command and notebook loads its text through."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.data.documents import Corpus, Document
from mosa_edu.data.gutenberg import load_gutenberg
from mosa_edu.data.huggingface import load_huggingface
from mosa_edu.data.riddles import load_riddles
from mosa_edu.data.stdlib_sources import load_stdlib
from mosa_edu.data.tales import load_tales
from mosa_edu.data.text_file import load_text_file

__all__ = ["NAMES", "Corpus", "Document", "load_corpus"]

_LOADERS: dict[str, Callable[..., Corpus]] = {
    "tales": load_tales,
    "riddles": load_riddles,
    "stdlib": load_stdlib,
    "gutenberg": load_gutenberg,
}
NAMES = (*_LOADERS, "huggingface:NAME")
_HUGGINGFACE = "huggingface:"


def load_corpus(name: str, **options: Any) -> Corpus:
    """Load a corpus by its name.

    Parameters
    ----------
    name : str
        ``tales`` (generated stories), ``riddles`` (the same with questions that only a distant
        word answers), ``stdlib`` (the interpreter's own sources), ``gutenberg`` (52 novels),
        ``huggingface:NAME`` (``wikitext``, ``TinyStories``, ``C4`` or any other dataset), or the
        path of a text file.
    **options
        Arguments of the corpus' own loader: ``load_tales``, ``load_riddles``, ``load_stdlib``,
        ``load_gutenberg``, ``load_huggingface``; a text file has none.

    Returns
    -------
    Corpus
        Documents to train on and documents held out.

    Raises
    ------
    ValueError
        If there is no such corpus, or its text is missing, empty, not UTF-8 or of a wrong hash.

    Examples
    --------
    >>> corpus = load_corpus("tales", n_stories=40)
    >>> len(corpus.train), len(corpus.validation)
    (38, 2)
    """
    if name in _LOADERS:
        return _LOADERS[name](**options)
    if name.startswith(_HUGGINGFACE) and len(name) > len(_HUGGINGFACE):
        return load_huggingface(name.removeprefix(_HUGGINGFACE), **options)
    require(
        bool(name) and Path(name).expanduser().is_file(),
        "corpus",
        name,
        f"one of {', '.join(NAMES)}, or the path of an existing text file",
    )
    return load_text_file(name, **options)
