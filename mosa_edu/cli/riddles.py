"""`mosa-edu riddles`: train twins on stories with riddles, and ask them riddles they never read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mosa_edu.experiments.plans import SIZES, Job, jobs
from mosa_edu.experiments.runner import add_flags, add_shard, add_sparsity, checked, run_sweep

SWEEP = "riddles"
BATCH_TOKENS = 1024
"""Of an update: stories are learnt in fewer tokens by more updates."""

KINDS = ("dense", "mosa", "prefix", "random")
SAMPLE = (200, 8, 1)
"""Windows, cuts and draws of the three scores: few, since each costs two passes over a window."""


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "riddles",
        help="does lower perplexity carry over? train twins on stories and ask them riddles",
        description="Train twins of equal FLOPs on stories with riddles: agreement, quotes, "
        "brackets and recall, where only a word far back tells the right ending. Then score them "
        "three ways and ask all of them the same new riddles, nothing after the beginning in "
        "sight. The same command again goes on where it stopped, run by run.",
    )
    add = parser.add_argument
    add("--kinds", default=",".join(KINDS), help="kinds of models, by commas")
    add("--size", default="half", choices=SIZES, help="width: the page's model, or half of it")
    add_shard(parser)
    add_sparsity(parser)
    add_flags(parser, tokens=2_000_000, batch_tokens=BATCH_TOKENS)
    parser.set_defaults(corpus="riddles")


def run(args: argparse.Namespace) -> int:
    """Train the missing runs, ask them, and print the table."""
    seeds = checked(args)
    wanted = jobs(args.kinds.split(","), seeds, args.sparsity, size=args.size, plan="cloze")
    return run_sweep(wanted, args, _table, _score, SWEEP)


def _score(job: Job, folder: Path, args: argparse.Namespace, out: Path) -> None:
    """Ask a run riddles, then score it three ways."""
    from mosa_edu.data.corpora import load_corpus
    from mosa_edu.data.tokens import TokenSet
    from mosa_edu.experiments.runner import load_run
    from mosa_edu.probes.cloze import cloze_record
    from mosa_edu.probes.scores import Sample, score_model

    model, tokenizer = load_run(folder)
    cloze_record(model, tokenizer, job.name).save(out / "probes")
    tokens = TokenSet.build(load_corpus(args.corpus), tokenizer)
    score = score_model(model, tokens, job.name, Sample(*SAMPLE))
    score.save(out / "scores" / f"{job.name}.json")


def _table(out: Path) -> str:
    from mosa_edu.analysis import cloze_rows, recorded_cloze
    from mosa_edu.analysis.tables import cloze_table

    return cloze_table(cloze_rows(*recorded_cloze(out)))
