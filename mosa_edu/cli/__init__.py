"""The command line: words in, a call of the library, lines out. One module a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mosa_edu.checks import require

if TYPE_CHECKING:
    from mosa_edu.records.probe import ProbeRecord


CORPORA = "stories, cloze, stdlib, gutenberg, huggingface:NAME, or a text file"
"""What ``--corpus`` takes, in the words of its help."""


def use_threads(threads: int | None) -> None:
    """Let torch use so many threads, if a number was asked for."""
    require(threads is None or threads >= 1, "--threads", threads, "at least 1")
    if threads:
        import torch

        torch.set_num_threads(threads)


def whole_numbers(text: str, argument: str) -> list[int]:
    """Read whole numbers, separated by commas."""
    words = text.split(",")
    require(all(word.strip().isdigit() for word in words), argument, text, "whole numbers")
    return [int(word) for word in words]


def check_folder(flag: str, path: Path | None) -> None:
    """Refuse a file where a folder is to be, before any work."""
    there = next((p for p in (path, *path.parents) if p.exists()), path) if path else None
    require(there is None or there.is_dir(), flag, str(path), "a folder, or one to be made")


def check_file(flag: str, path: Path | None) -> None:
    """Refuse a folder where a file is to be, and a file in what is no folder."""
    require(path is None or not path.is_dir(), flag, str(path), "a file, not a folder")
    check_folder(flag, path.parent if path else None)


def keep(record: ProbeRecord, out: Path | None, kind: str) -> Path:
    """Save a record in a folder, or in the cache, print it in columns, and return its file."""
    from mosa_edu.data.documents import cache_folder

    path = record.save(out or cache_folder() / "runs" / kind)
    names = list(record.rows[0])
    lines = [names, *([_cell(row[name]) for name in names] for row in record.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    return path


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def end(finding: str, path: Path, *words: object) -> None:
    """Say what was found, where the record of it lies, and what to type next."""
    from mosa_edu.records.origin import typed

    print(f"{finding}\nRecord: {path.resolve()}\nNext: {typed(*words)}")


PATHS = {"--out", "--run-dir", "--html", "--figure", "--pack", "--prompt-file", "--text", "--book"}
"""Flags whose value is a file or folder."""


def whole(words: Sequence[str]) -> list[str]:
    """Return a command's words with whole paths, so that it works in any folder.

    >>> whole(["experiment", "run", "pair", "--seeds", "0"])
    ['experiment', 'run', 'pair', '--seeds', '0']
    """
    found, flag = [], ""
    for word in words:
        given, equals, value = word.rpartition("=")
        path, of = Path(value).expanduser(), given if equals else flag
        named = of in ("--corpus", "corpus") or path.suffix == ".toml"
        if of in PATHS or (named and path.is_file()):
            found.append(given + equals + str(path.resolve()))
        else:
            found.append(word)
        flag = word
    return found
