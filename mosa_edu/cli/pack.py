"""`mosa-edu pack`: a corpus, encoded, in a folder that can be carried to a machine without text."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "pack",
        help="encode a corpus into files for a machine without a network",
        description="Write a corpus as 16-bit tokens in compressed shards of at most 30 MB, with "
        "its tokenizer and a manifest of checksums. mosa-edu gpu-suite trains from such a folder.",
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="to write to; made if it is not there")
    add("--corpus", default="gutenberg", help="a corpus by name, or a text file")
    add("--vocab-size", type=int, default=8000, help="entries of the tokenizer")


def run(args: argparse.Namespace) -> int:
    """Write the files and say how large they are."""
    from mosa_edu.data.tokens import write_pack

    manifest = write_pack(args.corpus, args.vocab_size, args.folder)
    for split, entry in manifest["splits"].items():
        size = sum(shard["bytes"] for shard in entry["shards"]) / 1e6
        print(
            f"{split:10} {entry['tokens']:>12,} tokens of {len(entry['titles'])} documents, "
            f"{len(entry['shards'])} files, {size:.1f} MB"
        )
    print(f"Next: mosa-edu gpu-suite {args.folder}")
    return 0
