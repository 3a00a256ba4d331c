"""A corpus from one text file: its last tenth is held out."""

from pathlib import Path

from mosa_edu.checks import require
from mosa_edu.data.documents import Corpus, Document
from mosa_edu.data.files import decode_text

HELD_OUT = 10
"""One part in this many, the last one, is the validation text."""


def load_text_file(path: str | Path) -> Corpus:
    """Load a UTF-8 text file as one document to train on and one to validate on.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    Corpus
        The file up to a line's end near nine tenths of it, and the rest.

    Raises
    ------
    ValueError
        If the file is missing, empty, not UTF-8, or too short to be cut in two.
    """
    path = Path(path).expanduser()
    require(path.is_file(), "corpus", str(path), "an existing text file")
    text = decode_text(path.read_bytes(), "corpus", str(path))
    goal = len(text) - len(text) // HELD_OUT
    line_end = text.rfind("\n", 0, goal) + 1
    # A file of one line has no better place than the goal itself.
    cut = line_end if line_end > goal // 2 else goal
    train, validation = text[:cut], text[cut:]
    require(
        bool(train.strip() and validation.strip()),
        "corpus",
        str(path),
        f"a text file long enough to hold out one part in {HELD_OUT}",
    )
    return Corpus(
        path.stem,
        (Document(path.name, train),),
        (Document(f"{path.name}, the end", validation),),
        {"source": f"the text file {path.name}", "split": f"last tenth, from character {cut}"},
    )
