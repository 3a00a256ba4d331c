"""Corpora by name: one call that every command and notebook loads its text through."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.data.cloze import load_cloze
from mosa_edu.data.documents import Corpus, Document, load_stdlib, load_text_file
from mosa_edu.data.gutenberg import load_gutenberg
from mosa_edu.data.stories import load_stories

__all__ = ["NAMES", "Corpus", "Document", "load_corpus"]


N_TRAIN, N_VALIDATION = 10_000, 200
_TITLE = re.compile(r"\s*= [^=].*[^=] = *\s*")


@dataclass(frozen=True)
class _Source:
    """Where a dataset is, and how its rows become documents."""

    path: str
    config: str | None = None
    join: Callable[[Iterable[str]], Iterator[str]] = iter


def _articles(lines: Iterable[str]) -> Iterator[str]:
    """Join the lines of wikitext, a row each, to articles, which begin with `` = Title = ``."""
    article: list[str] = []
    for line in lines:
        if _TITLE.fullmatch(line) and "".join(article).strip():
            yield "".join(article)
            article = []
        article.append(line)
    if "".join(article).strip():
        yield "".join(article)


KNOWN = {
    "wikitext": _Source("Salesforce/wikitext", "wikitext-103-raw-v1", _articles),
    "tinystories": _Source("roneneldan/TinyStories"),
    "c4": _Source("allenai/c4", "en"),
}


def load_huggingface(
    name: str, n_train: int = N_TRAIN, n_validation: int = N_VALIDATION, column: str = "text"
) -> Corpus:
    """Stream the first documents of a dataset."""
    require(n_train >= 1, "n_train", n_train, "at least 1")
    require(n_validation >= 1, "n_validation", n_validation, "at least 1")
    path, _, config = name.partition("#")
    source = KNOWN.get(path.lower(), _Source(path))
    source = _Source(source.path, config or source.config, source.join)
    splits = _open(source, name)
    held_out = next((split for split in ("validation", "test") if split in splits), None)
    train = _documents(splits["train"], source, column, name)
    if held_out:
        validation = _documents(splits[held_out], source, column, name)
    else:
        validation = train
    # Validation first: without a split of its own it takes the head of the training stream.
    second = tuple(itertools.islice(validation, n_validation))
    first = tuple(itertools.islice(train, n_train))
    require(bool(first and second), "corpus", f"huggingface:{name}", "a dataset with enough rows")
    provenance = {
        "source": f"datasets.load_dataset({source.path!r}, {source.config!r}, streaming=True)",
        "split": held_out or "the first documents of train are held out",
        "documents": [len(first), len(second)],
    }
    return Corpus(f"huggingface:{name}", first, second, provenance)


def _open(source: _Source, name: str) -> Any:
    argument = f"huggingface:{name}"
    try:
        import datasets
    except ImportError:
        require(False, "corpus", argument, "used with the extra: pip install 'mosa_edu[data]'")
    try:
        splits = datasets.load_dataset(source.path, source.config, streaming=True)
    except (ValueError, OSError, RuntimeError) as error:
        raise _unreachable(name, error) from None
    require("train" in splits, "corpus", argument, "a dataset with a split named train")
    return splits


def _documents(rows: Any, source: _Source, column: str, name: str) -> Iterator[Document]:
    def texts() -> Iterator[str]:
        try:
            for row in rows:
                require(column in row, "column", column, f"one of {sorted(row)} in {name}")
                yield row[column]
        except (OSError, RuntimeError) as error:  # the connection was lost on the way
            raise _unreachable(name, error) from None

    full = (text for text in source.join(texts()) if text.strip())
    for number, text in enumerate(full):
        yield Document(f"{name} {number}", text)


def _unreachable(name: str, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:200]
    return ValueError(
        f"corpus must be a dataset that can be reached, got 'huggingface:{name}' ({reason})"
    )


LOADERS: dict[str, Callable[..., Corpus]] = {
    "stories": load_stories,
    "cloze": load_cloze,
    "stdlib": load_stdlib,
    "gutenberg": load_gutenberg,
}
ALIASES = {"tales": "stories", "riddles": "cloze"}
"""Names of version 0.1, until 0.2."""

NAMES = (*LOADERS, "huggingface:NAME")
_HUGGINGFACE = "huggingface:"


def load_corpus(name: str, **options: Any) -> Corpus:
    """Load a corpus by its name.

    Parameters
    ----------
    name : str
        ``stories`` (generated stories), ``cloze`` (the same with questions that only a distant
        word answers), ``stdlib`` (the interpreter's own sources), ``gutenberg`` (52 novels),
        ``huggingface:NAME`` (``wikitext``, ``TinyStories``, ``C4`` or any other dataset), or the
        path of a text file.
    **options
        Arguments of the corpus' own loader: ``load_stories``, ``load_cloze``, ``load_stdlib``,
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
    >>> corpus = load_corpus("stories", n_stories=40)
    >>> len(corpus.train), len(corpus.validation)
    (38, 2)
    """
    name = ALIASES.get(name, name)
    if name in LOADERS:
        return LOADERS[name](**options)
    if name.startswith(_HUGGINGFACE) and len(name) > len(_HUGGINGFACE):
        return load_huggingface(name.removeprefix(_HUGGINGFACE), **options)
    require(
        bool(name) and Path(name).expanduser().is_file(),
        "corpus",
        name,
        f"one of {', '.join(NAMES)}, or the path of an existing text file",
    )
    return load_text_file(name, **options)
