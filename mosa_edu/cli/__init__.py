"""The command line: words in, a call of the library, lines out. One module a command."""

from __future__ import annotations

import argparse
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


def keep(record: ProbeRecord, args: argparse.Namespace, kind: str) -> None:
    """Save a record in the folder that was asked for, or in the cache; print it in columns."""
    from mosa_edu.data.documents import cache_folder

    folder: Path | None = args.out
    record.save(folder or cache_folder() / "runs" / kind)
    names = list(record.rows[0])
    lines = [names, *([_cell(row[name]) for name in names] for row in record.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    print(f"Again: {record.command}")


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
