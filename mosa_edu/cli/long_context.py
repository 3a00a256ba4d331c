"""`mosa-edu long-context`: train models of equal FLOPs on long texts; every head keeps k tokens."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.cli.scores import Sample
from mosa_edu.experiments.plans import LONG_CONTEXT_KINDS as KINDS
from mosa_edu.experiments.plans import N_KEPT, Job, long_models
from mosa_edu.experiments.runner import add_flags, add_shard, checked, run_sweep

if TYPE_CHECKING:
    from mosa_edu.data.tokens import TokenSet
    from mosa_edu.model import TransformerLM
    from mosa_edu.records.probe import ProbeRecord

SWEEP = "long-context"
SAMPLE = Sample(windows=80, cuts=6, draws=1)
"""Of the three scores: a position costs two passes over a window, so that few can be afforded."""


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
        Job(f"long-{kind}-{length}-k{n_kept}-seed{seed}", kind, "flops", models[kind], seed)
        for seed in seeds
        for kind in kinds
    ]


def _score(job: Job, folder: Path, args: argparse.Namespace, out: Path) -> None:
    """Score a run at all positions, then three ways at a few."""
    from mosa_edu.cli.scores import score_model
    from mosa_edu.data.corpora import load_corpus
    from mosa_edu.data.tokens import TokenSet
    from mosa_edu.experiments.runner import load_run

    model, tokenizer = load_run(folder)
    tokens = TokenSet.build(load_corpus(args.corpus), tokenizer)
    position_record(model, tokens, job.name).save(out / "probes")
    score_model(model, tokens, job.name, SAMPLE).save(out / "scores" / f"{job.name}.json")


def position_record(model: TransformerLM, tokens: TokenSet, name: str) -> ProbeRecord:
    """Record a model's loss by position, the whole text in sight of the router."""
    import torch

    from mosa_edu.cli.scores import held_out_windows
    from mosa_edu.probes.scores import full_losses
    from mosa_edu.records import provenance
    from mosa_edu.records.probe import ProbeRecord

    length = model.config.max_seq_len
    windows, books = held_out_windows(tokens, length)
    losses = full_losses(model, windows, range(length), batch_tokens=max(length, 4096))
    spans = _doubling_spans(length)
    parts = [losses[:, first:end].mean(axis=1, dtype=float) for first, end in spans]
    rows = [
        {"first": first, "last": end - 1, "loss": round(float(part.mean()), 5)}
        for (first, end), part in zip(spans, parts, strict=True)
    ]
    by_window = [[round(float(part[n]), 5) for part in parts] for n in range(len(windows))]
    return ProbeRecord(
        "positions",
        f"positions-{name}",
        {"run": name, "T": length, "fingerprint": tokens.fingerprint},
        rows,
        {"books": books.tolist(), "losses": by_window},
        provenance(torch.__version__),
    )


def _doubling_spans(length: int) -> list[tuple[int, int]]:
    """Cut the positions at 16, 32, 64 and so on: the first of each range and the end of it."""
    ends = [16]
    while ends[-1] < length:
        ends.append(2 * ends[-1])
    return [(first, min(end, length)) for first, end in zip([0, *ends], ends, strict=False)]


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
