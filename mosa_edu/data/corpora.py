"""Corpora by name: one call that every command and notebook loads its text through."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mosa_edu.checks import require
from mosa_edu.data.cloze import load_cloze
from mosa_edu.data.documents import Corpus, Document, load_stdlib, load_text_file
from mosa_edu.data.gutenberg import load_gutenberg
from mosa_edu.data.stories import load_stories
from mosa_edu.progress import track

__all__ = ["NAMES", "Corpus", "Document", "load_corpus"]


_HUGGINGFACE = "huggingface:"
N_TRAIN, N_VALIDATION = 10_000, 200
_TITLE = re.compile(r"\s*= [^=].*[^=] = *\s*")


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


class _Source(NamedTuple):
    """Where a dataset is, and how its rows become documents."""

    path: str
    config: str | None = None
    join: Callable[[Iterable[str]], Iterator[str]] = iter


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
    argument = f"{_HUGGINGFACE}{name}"
    dataset, _, given = name.partition("#")
    path, config, join = KNOWN.get(dataset.lower(), _Source(dataset))
    config = given or config
    try:
        import datasets
    except ImportError:
        require(False, "corpus", argument, "used with the extra: pip install 'mosa_edu[data]'")
    with _reaching(argument, ValueError, OSError, RuntimeError):
        splits = datasets.load_dataset(path, config, streaming=True)
    require("train" in splits, "corpus", argument, "a dataset with a split named train")
    held_out = next((split for split in ("validation", "test") if split in splits), None)

    def documents(split: str) -> Iterator[Document]:
        def texts() -> Iterator[str]:
            for row in splits[split]:
                require(column in row, "column", column, f"one of {sorted(row)} in {name}")
                yield row[column]

        full = (text for text in join(texts()) if text.strip())
        return (Document(f"{name} {number}", text) for number, text in enumerate(full))

    train = documents("train")
    # Validation first: without a split of its own it takes the head of the training stream.
    validation = documents(held_out) if held_out else train
    with _reaching(argument, OSError, RuntimeError):  # the connection may be lost on the way
        second = tuple(itertools.islice(validation, n_validation))
        wanted = itertools.islice(train, n_train)
        first = tuple(track(wanted, f"reading {argument}", "documents", n_train))
    require(bool(first and second), "corpus", argument, "a dataset with enough rows")
    provenance = {
        "source": f"datasets.load_dataset({path!r}, {config!r}, streaming=True)",
        "split": held_out or "the first documents of train are held out",
        "documents": [len(first), len(second)],
    }
    return Corpus(argument, first, second, provenance)


@contextmanager
def _reaching(argument: str, *errors: type[Exception]) -> Iterator[None]:
    try:
        yield
    except errors as error:
        reason = " ".join(str(error).split())[:200]
        allowed = f"corpus must be a dataset that can be reached, got {argument!r}"
        raise ValueError(f"{allowed} ({reason})") from None


LOADERS: dict[str, Callable[..., Corpus]] = {
    "stories": load_stories,
    "cloze": load_cloze,
    "stdlib": load_stdlib,
    "gutenberg": load_gutenberg,
}
ALIASES = {"tales": "stories", "riddles": "cloze"}
"""Names of version 0.1, until 0.2."""

NAMES = (*LOADERS, f"{_HUGGINGFACE}NAME")


def corpus_name(corpus: str) -> str:
    """Return what records call a corpus: of a text file its name, without anybody's folders.

    >>> corpus_name("/home/ada/notes.txt"), corpus_name("huggingface:allenai/c4")
    ('notes.txt', 'huggingface:allenai/c4')
    """
    return Path(corpus).name if Path(corpus).is_absolute() else corpus


def whole_path(corpus: str) -> str:
    """Return what finds a corpus from any folder: of a text file its whole path."""
    path = Path(corpus).expanduser()
    return str(path.resolve()) if path.is_file() and corpus not in LOADERS else corpus


def load_corpus(name: str, **options: Any) -> Corpus:
    """Load a corpus by its name.

    That is ``stories`` (generated stories), ``cloze`` (the same with questions that only a distant
    word answers), ``stdlib`` (the interpreter's own sources), ``gutenberg`` (52 novels),
    ``huggingface:NAME`` (``wikitext``, ``TinyStories``, ``C4`` or any other dataset), or the path
    of a text file. Options go to the corpus' own loader, such as `load_stories`; a text file has
    none.

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
    allowed = f"one of {', '.join(NAMES)}, or the path of an existing text file"
    require(bool(name) and Path(name).expanduser().is_file(), "corpus", name, allowed)
    return load_text_file(name, **options)
