"""`mosa-edu compare`: train twins of equal cost, score them three ways, keep the records."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mosa_edu.experiments.plans import FIRST_GRID, KINDS, jobs
from mosa_edu.experiments.runner import add_flags, add_shard, add_sparsity, checked, run_sweep


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "compare",
        help="train models of equal cost and score them",
        description="Train twins: models that differ in their sparse heads and agree in cost, data "
        "and data order. The same command again goes on where it stopped, run by run.",
    )
    add = parser.add_argument
    some = f"kinds of models, by commas, of {', '.join(KINDS)}; without it, the first grid"
    add("--kinds", default=",".join(FIRST_GRID), help=some)
    add("--match", default="flops", choices=("flops", "parameters"), help="what is equal")
    add_shard(parser)
    add_sparsity(parser)
    add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Train the missing runs and print the table."""
    seeds = checked(args)
    wanted = jobs(args.kinds.split(","), seeds, args.sparsity, args.match)
    return run_sweep(wanted, args, _table)


def _table(out: Path) -> str:
    from mosa_edu.analysis import (
        recorded_probes,
        recorded_runs,
        recorded_scores,
        variant_rows,
        variant_table,
    )

    found = recorded_runs(out / "runs")
    rows = variant_rows(found, recorded_scores(out / "scores"), recorded_probes(out / "probes"))
    ended = sorted(run.name for run in found if run.status == "diverged")
    lines = [variant_table(rows), *([f"Diverged: {', '.join(ended)}"] if ended else [])]
    return "\n".join(lines) if rows else ""
