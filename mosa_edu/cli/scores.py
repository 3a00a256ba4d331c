"""`mosa-edu scores`: one trained model under the three scores."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.experiments import runner as runs


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "scores",
        help="score a run with the future shown, cut off and replaced",
        description="Score held-out windows three ways: full (the router sees the whole window, as "
        "the paper computes perplexity), prefix (the future is cut off; k follows the prefix) and "
        "foreign (the future is another book; k and length stay).",
    )
    add = parser.add_argument
    add("run_name", metavar="RUN", help="name or folder of a finished run")
    add("--out", type=Path, help="file for the record")
    add("--threads", type=int, help="CPU threads")


def run(args: argparse.Namespace) -> int:
    """Score, print the three losses with their intervals, and keep the record."""
    require(args.threads is None or args.threads >= 1, "--threads", args.threads, "at least 1")
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    from mosa_edu.analysis import bootstrap_mean, score_gap
    from mosa_edu.data.corpora import load_corpus
    from mosa_edu.data.tokens import TokenSet
    from mosa_edu.probes.scores import score_model

    folder = runs.find_run(args.run_name)
    settings = runs.read_settings(folder)
    model, tokenizer = runs.load_run(folder)
    tokens = TokenSet.build(load_corpus(settings["corpus"]), tokenizer)
    record = score_model(model, tokens, folder.name)
    for way in ("full", "prefix", "foreign"):
        print(f"{way:8} {bootstrap_mean(record.per_window(way), record.books)} nats per token")
    for way in ("prefix", "foreign"):
        print(f"{way} - full: {score_gap(record, way)}")
    for title, loss in record.per_book("full").items():
        print(f"  {title[:48]:48} {loss:.3f} full, {record.per_book('prefix')[title]:.3f} prefix")
    path = args.out or folder / "scores.json"
    record.save(path)
    print(f"Record: {path}")
    return 0
