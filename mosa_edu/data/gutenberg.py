"""The corpus `gutenberg`: 52 novels by manifest, eight of them held out whole."""

import hashlib
import json
import os
import urllib.error
import urllib.request
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mosa_edu.checks import require
from mosa_edu.data.documents import Corpus, Document
from mosa_edu.data.files import cache_folder, decode_text
from mosa_edu.data.gutenberg_text import CLEANING_VERSION, clean
from mosa_edu.records import write_atomic

_ADDRESS = "https://raw.githubusercontent.com/{repository}/{commit}/{path}"
_TIMEOUT_SECONDS = 60


def read_manifest() -> list[dict[str, Any]]:
    """Return the manifest: id, title, author, size, SHA-256, split and pinned source of each."""
    text = resources.files("mosa_edu.data").joinpath("gutenberg.json").read_text(encoding="utf-8")
    return list(json.loads(text))


def load_gutenberg(manifest: list[dict[str, Any]] | None = None) -> Corpus:
    """Load the novels, from disk where they are there, else from their pinned source.

    Parameters
    ----------
    manifest : list of dict, optional
        Which novels; default all of `read_manifest`.

    Returns
    -------
    Corpus
        One document a novel, cleaned by `gutenberg_text.clean`, split as the manifest says.

    Raises
    ------
    ValueError
        If a file is missing and cannot be fetched, is not UTF-8, or has another SHA-256.
    """
    entries = read_manifest() if manifest is None else manifest
    books: dict[str, list[Document]] = {"train": [], "validation": []}
    for entry in entries:
        text = clean(decode_text(fetch(entry), "corpus file", f"{entry['id']}.txt"))
        books[entry["split"]].append(Document(entry["title"], text))
    provenance = {
        "source": "Project Gutenberg, through the GITenberg repositories, at pinned commits",
        "cleaning": CLEANING_VERSION,
        "files": [{key: entry[key] for key in ("id", "sha256", "split")} for entry in entries],
    }
    return Corpus("gutenberg", tuple(books["train"]), tuple(books["validation"]), provenance)


def fetch(entry: dict[str, Any]) -> bytes:
    """Return one novel's file, checked against the manifest's SHA-256.

    ``$MOSA_EDU_DATA/gutenberg/<id>.txt`` is looked at first, then the cache folder, then the
    network. A file fetched is kept in the cache; one of a wrong hash never is.
    """
    name = f"gutenberg/{entry['id']}.txt"
    given = os.environ.get("MOSA_EDU_DATA")
    if given:
        path = Path(given).expanduser() / name
        if path.exists():
            return _checked(path.read_bytes(), entry, str(path))
    cached = cache_folder() / name
    if cached.exists():
        content = cached.read_bytes()
        if hashlib.sha256(content).hexdigest() == entry["sha256"]:
            return content
    content = _checked(_download(entry), entry, address(entry))
    write_atomic(cached, content)
    return content


def address(entry: dict[str, Any]) -> str:
    """Return the address of one novel's file at its pinned commit."""
    return _ADDRESS.format(
        repository=entry["repository"], commit=entry["commit"], path=quote(entry["path"])
    )


def _download(entry: dict[str, Any]) -> bytes:
    try:
        with urllib.request.urlopen(address(entry), timeout=_TIMEOUT_SECONDS) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ValueError(
            f"corpus file {entry['id']}.txt ({entry['title']}) must be in "
            f"$MOSA_EDU_DATA/gutenberg, in {cache_folder() / 'gutenberg'}, or reachable at "
            f"{address(entry)}, got {error}"
        ) from None


def _checked(content: bytes, entry: dict[str, Any], where: str) -> bytes:
    require(bool(content), "corpus file", where, "a text file that is not empty")
    found = hashlib.sha256(content).hexdigest()
    require(
        found == entry["sha256"],
        f"SHA-256 of corpus file {where}",
        found,
        f"{entry['sha256']} as in the manifest",
    )
    return content
