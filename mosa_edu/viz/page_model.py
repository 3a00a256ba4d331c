"""What pictures need to know of a model file, read without torch: its header alone."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosa_edu.checks import require

_PRINTABLE = {*range(33, 127), *range(161, 173), *range(174, 256)}


@dataclass(frozen=True)
class PageModel:
    """A model file that a page can load.

    Attributes
    ----------
    path : Path
        The safetensors file.
    name, sha256 : str
        What the model is called; hash of the whole file.
    size : int
        Bytes of the file.
    config : dict
        Fields of `ModelConfig`.
    provenance : dict
        Where the model comes from.
    entries : tuple of str
        The vocabulary as text: hexadecimal digits, in angle quotes, where an entry
        is no whole character.
    """

    path: Path
    name: str
    sha256: str
    size: int
    config: dict[str, Any]
    provenance: dict[str, Any]
    entries: tuple[str, ...]

    @classmethod
    def read(cls, path: str | Path) -> "PageModel":
        """Read a file that `mosa_edu.pretrained.save_page_model` wrote.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        PageModel
            What it says about itself.

        Raises
        ------
        ValueError
            If there is no such file, if it is not whole, or if it says nothing.
        """
        path = Path(path)
        require(path.is_file(), "model", str(path), "an existing model file")
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = _header(data[8 : 8 + length])
        ends = [entry["data_offsets"][1] for entry in header.values() if "data_offsets" in entry]
        whole = bool(ends) and 8 + length + max(ends) == len(data)
        require(whole, "model", str(path), "a whole safetensors file")
        metadata = header.get("__metadata__", {})
        missing = sorted({"name", "config", "merges"} - metadata.keys())
        require(not missing, "model", f"a file without {missing}", "a file of save_page_model")
        return cls(
            path=path,
            name=metadata["name"],
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            config=json.loads(metadata["config"]),
            provenance=json.loads(metadata.get("provenance", "{}")),
            entries=tuple(vocabulary_texts(metadata["merges"])),
        )

    def weights(self, url: str | None) -> dict[str, Any]:
        """Return what a figure needs to fetch the file from `url` and to check what came."""
        return {"url": url, "sha256": self.sha256, "bytes": self.size}


def _header(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data)
    except ValueError:  # also bytes that are no text
        return {}
    return header if isinstance(header, dict) else {}


def vocabulary_texts(merges: str) -> list[str]:
    r"""Spell out the vocabulary that merges make.

    Parameters
    ----------
    merges : str
        One merge a line: two entries and a space between, a character a byte.

    Returns
    -------
    list of str
        Entry 0 (`<|endoftext|>`, empty here), the 256 bytes, then what the merges make.

    Examples
    --------
    >>> vocabulary_texts("t h\nĠ th")[-2:]
    ['th', ' th']
    >>> vocabulary_texts("")[-1]
    '<ad>'
    """
    byte_of = _bytes_by_character()
    pairs = [line.split(" ") for line in merges.splitlines() if line]
    made = dict.fromkeys([*sorted(byte_of), *(left + right for left, right in pairs)])
    return ["", *(_text(bytes(byte_of[character] for character in entry)) for entry in made)]


def _bytes_by_character() -> dict[str, int]:
    """Return the byte that each printable character of a byte-level vocabulary stands for."""
    spare = iter(range(256, 512))
    return {chr(byte if byte in _PRINTABLE else next(spare)): byte for byte in range(256)}


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"<{data.hex(' ')}>"
