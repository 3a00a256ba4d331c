"""The corpus `stdlib`: the running interpreter's own library, real text that needs no download."""

import hashlib
import os
import platform
import sysconfig
from pathlib import Path

from mosa_edu.checks import require
from mosa_edu.data.documents import Corpus, Document

MAX_BYTES = 4_000_000
MAX_FILE_BYTES = 150_000
HELD_OUT = 16
"""One file in about this many is held out."""

_LEFT_OUT = {
    *("__pycache__", "site-packages", "dist-packages", "test", "tests"),
    *("encodings", "pydoc_data", "lib2to3", "idlelib", "turtledemo"),
}


def load_stdlib(folder: str | Path | None = None, max_bytes: int = MAX_BYTES) -> Corpus:
    """Load Python sources, the same ones on every machine with the same Python.

    Files are ordered by a hash of their path, so that the part below `max_bytes` is a fair sample
    of the library, and a file stays in its split from one Python version to the next.

    Parameters
    ----------
    folder : path, optional
        Where the sources are; default the standard library of the running interpreter.
    max_bytes : int, optional
        Stop before the texts are larger than this.

    Returns
    -------
    Corpus
        One document a file; tests, tables and files above 150 kB are left out.

    Raises
    ------
    ValueError
        If there are too few sources, as in an interpreter that ships without them.
    """
    root = Path(folder or sysconfig.get_path("stdlib"))
    splits: dict[bool, list[Document]] = {False: [], True: []}
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
        splits[rank % HELD_OUT == 0].append(Document(name, text))
    require(
        bool(splits[False] and splits[True]),
        "corpus",
        "stdlib",
        f"an interpreter whose Python sources are in {root}",
    )
    provenance = {
        "source": f"standard library of Python {platform.python_version()}",
        "bytes": total,
        "split": f"one file in {HELD_OUT} by a hash of its path",
    }
    return Corpus("stdlib", tuple(splits[False]), tuple(splits[True]), provenance)


def _ranked_names(root: Path) -> list[tuple[int, str]]:
    names = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name not in _LEFT_OUT]
        names += [Path(folder, file) for file in files if file.endswith(".py")]
    relative = [path.relative_to(root).as_posix() for path in names]
    return sorted(
        (int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"), name)
        for name in relative
    )
