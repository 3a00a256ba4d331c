"""`mosa-edu long-context`: train models of equal FLOPs on long texts; every head keeps k tokens."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.experiments.plans import LONG_CONTEXT_KINDS as KINDS
from mosa_edu.experiments.plans import N_KEPT, Job, long_models
from mosa_edu.experiments.runner import add_flags, add_shard, checked, run_sweep
from mosa_edu.records import Comparison

SWEEP = "long-context"
SAMPLE = (80, 6, 1)
"""Windows, cuts and draws of the three scores: few, since each costs two passes over a window."""


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "long-context",
        help="train models of equal FLOPs on long texts and score them",
        description="Train MoSA, Fixed and Routing heads beside local ones, and local heads alone, "
        "on texts of one length: equal FLOPs, the same tokens in the same order. Each is scored at "
        "all positions of held-out windows, and three ways at a few. The same command again goes "
        "on where it stopped, run by run.",
    )
    add = parser.add_argument
    add("--kinds", default=",".join(KINDS), help="kinds of models, by commas; dense costs more")
    add("--length", type=int, default=2048, help="tokens of a text")
    add("--kept", type=int, default=N_KEPT, help="tokens that a head keeps; the local window")
    add_shard(parser)
    add_flags(parser, tokens=1_500_000)


def run(args: argparse.Namespace) -> int:
    """Train the missing runs and print the table."""
    seeds = checked(args)
    wanted = long_jobs(args.kinds.split(","), seeds, args.length, args.kept)
    return run_sweep(wanted, args, _table, _score, SWEEP)


def long_jobs(kinds: list[str], seeds: list[int], length: int, n_kept: int) -> list[Job]:
    """List the runs, seed by seed, so that a part of them is a whole comparison."""
    models = long_models(length, n_kept)
    unknown = sorted(set(kinds) - set(models))
    require(not unknown, "--kinds", ",".join(unknown), f"among {', '.join(models)}")
    return [
        Job(
            f"long-{kind}-{length}-k{n_kept}-seed{seed}",
            Comparison(
                SWEEP,
                kind,
                "none" if kind == "dense" else "flops",
                models[kind].sparsity if models[kind].n_sparse_heads else None,
                baseline="routing",
            ),
            models[kind],
            seed,
        )
        for seed in seeds
        for kind in kinds
    ]


def _score(job: Job, folder: Path, args: argparse.Namespace, out: Path) -> None:
    """Score a run at all positions, then three ways at a few."""
    from mosa_edu.data.corpora import load_corpus
    from mosa_edu.data.tokens import TokenSet
    from mosa_edu.experiments.runner import load_run
    from mosa_edu.probes.scores import Sample, position_record, score_model

    model, tokenizer = load_run(folder)
    tokens = TokenSet.build(load_corpus(args.corpus), tokenizer)
    position_record(model, tokens, job.name).save(out / "probes")
    score_model(model, tokens, job.name, Sample(*SAMPLE)).save(out / "scores" / f"{job.name}.json")


def _table(out: Path) -> str:
    from mosa_edu.analysis import long_context_rows, recorded_long_context
    from mosa_edu.analysis.tables import EVERY

    rows = long_context_rows(recorded_long_context(out))
    lines = [str(row) for row in rows]
    for row in (row for row in rows if row.kind == "mosa"):
        for other in (other for other in rows if other is not row and other.recipe == row.recipe):
            said = [f"{way} {row.gain_on(other, way)}" for way in (EVERY, "prefix", "foreign")]
            lines.append(f"gain of mosa on {other.kind}: {', '.join(said)}")
    return "\n".join(lines)
