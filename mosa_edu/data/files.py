"""Files on the reader's disk: where caches live, and text that is checked."""

import os
from pathlib import Path

from mosa_edu.checks import require


def cache_folder() -> Path:
    """Return the folder that downloads and encoded corpora are kept in.

    Returns
    -------
    pathlib.Path
        ``MOSA_EDU_CACHE`` if it is set, else ``mosa_edu`` under ``XDG_CACHE_HOME`` or ``~/.cache``.
        The folder may not exist yet.
    """
    chosen = os.environ.get("MOSA_EDU_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "mosa_edu"


def decode_text(content: bytes, argument: str, name: str) -> str:
    r"""Decode UTF-8 text with any line endings, and refuse text that is empty or something else.

    Parameters
    ----------
    content : bytes
        What the file holds; a byte order mark at its start is dropped.
    argument : str
        The argument to name in an error.
    name : str
        The file to name in an error.

    Returns
    -------
    str
        The text with ``\n`` line endings.

    Raises
    ------
    ValueError
        If the bytes are not UTF-8, or hold nothing but white space.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{argument} must be a UTF-8 text file, got {name!r} (byte {error.start} is not UTF-8)"
        ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    require(bool(text.strip()), argument, name, "a text file that is not empty")
    return text
