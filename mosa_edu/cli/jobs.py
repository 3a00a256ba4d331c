"""One job of a sweep: trained, scored, counted, and never begun again once its record is there."""

from __future__ import annotations

import argparse
import dataclasses
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.cli import runs
from mosa_edu.twins import Job, shard

if TYPE_CHECKING:
    from mosa_edu.records import RunRecord

INTERRUPTED = 130
BATCH_TOKENS = 4096
LEARNING_RATE = 3e-3
WARMUP_STEPS = 100


Score = Callable[[Job, Path, argparse.Namespace, Path], None]
"""Scores the run of a job: job, its folder, the flags, the folder of the records."""


def add_flags(
    parser: argparse.ArgumentParser, tokens: int = 3_000_000, batch_tokens: int = BATCH_TOKENS
) -> None:
    """Declare what every sweep is asked: how much text, which, and where records go."""
    add = parser.add_argument
    add("--seeds", default="0,1,2", help="seeds, by commas")
    add("--tokens", type=int, default=tokens, help="training tokens of each run, at least")
    add("--corpus", default="gutenberg", help="a corpus by name, or a text file")
    add("--out", type=Path, help="folder for the records, instead of the cache")
    add("--time-limit", type=float, metavar="SECONDS", help="of each run; run again to go on")
    add("--threads", type=int, help="CPU threads")
    add("--dry-run", action="store_true", help="print the runs and their budgets, train nothing")
    parser.set_defaults(batch_tokens=batch_tokens)


def add_sparsity(parser: argparse.ArgumentParser) -> None:
    """Declare the sparsity of a sweep whose texts all have one length."""
    text = "tokens in all, for each token a head keeps"
    parser.add_argument("--sparsity", type=int, default=8, help=text)


def add_shard(parser: argparse.ArgumentParser) -> None:
    """Declare the part of a sweep that this call does."""
    text = "do the I-th of N parts of the sweep"
    parser.add_argument("--shard", default="1/1", metavar="I/N", help=text)


def share_of(wanted: list[Job], args: argparse.Namespace) -> list[Job]:
    """Return the part of a sweep that was asked for."""
    share = args.shard.split("/")
    require(len(share) == 2, "--shard", args.shard, "two whole numbers, I/N")
    part, parts = (integer(number, "--shard") for number in share)
    return shard(wanted, part, parts)


def checked(args: argparse.Namespace) -> list[int]:
    """Refuse flags out of range, use the threads, and return the seeds."""
    require(args.threads is None or args.threads >= 1, "--threads", args.threads, "at least 1")
    require(args.tokens >= 1, "--tokens", args.tokens, "at least 1")
    limit = args.time_limit
    require(limit is None or limit > 0, "--time-limit", limit, "positive")
    if args.threads and not args.dry_run:
        import torch

        torch.set_num_threads(args.threads)
    return [integer(seed, "--seeds") for seed in args.seeds.split(",")]


def integer(text: str, argument: str) -> int:
    """Read a whole number."""
    require(text.strip().isdigit(), argument, text, "whole numbers")
    return int(text)


def records_folder(args: argparse.Namespace, sweep: str = "compare") -> Path:
    """Return where records go."""
    return args.out or runs.runs_folder().parent / sweep


def run_sweep(
    wanted: list[Job],
    args: argparse.Namespace,
    table: Callable[[Path], str],
    score: Score | None = None,
    sweep: str = "compare",
) -> int:
    """Do a call's share of a sweep, or print it if that is asked for, and print the table.

    Parameters
    ----------
    wanted, args
        The whole sweep; its flags.
    table : callable
        From the folder of the records to the text that is printed; empty before the first run.
    score, sweep
        See `finish`.

    Returns
    -------
    int
        The worst status of the runs.
    """
    mine = share_of(wanted, args)
    if args.dry_run:
        print_plan(mine)
        return 0
    out = records_folder(args, sweep)
    status = _finish_all(mine, args, out, score, sweep)
    if status == INTERRUPTED:
        return status
    if text := table(out):
        print(text)
        print(f"Records: {out}")
    else:
        print("No finished run yet; the same command goes on.", file=sys.stderr)
    return status


def _finish_all(
    wanted: list[Job], args: argparse.Namespace, out: Path, score: Score | None, sweep: str
) -> int:
    """Train and score the runs that have no record, see `finish`; return the worst status."""
    worst = 0
    for job in wanted:
        status = finish(job, args, out, score, sweep)
        if status == INTERRUPTED:
            print("Stopped; the same command goes on from here.", file=sys.stderr)
            return status
        worst = max(worst, status)
    return worst


def finish(
    job: Job,
    args: argparse.Namespace,
    out: Path,
    score: Score | None = None,
    sweep: str = "compare",
) -> int:
    """Train and score one run unless its records are there; return the exit status.

    Parameters
    ----------
    job, args, out
        The run, the flags of the sweep, the folder of the records.
    score : callable, optional
        Scores the finished run; three ways on 200 windows if it is not given.
    sweep : str
        Begins the name of the folder that runs of one sweep share.

    Returns
    -------
    int
        0, 1 after divergence, `INTERRUPTED`.
    """
    record = out / "runs" / f"{job.name}.json"
    if record.exists():
        return 0
    import torch

    from mosa_edu.cli.training_run import train

    folder = folder_of(job, args, sweep)
    _share_tokenizer(folder)
    print(f"== {job.name}", flush=True)
    status = train(settings_of(job, args), folder, torch.device(_device()), args.time_limit)
    if status == INTERRUPTED:  # a record now would hide from the next call that scores are missing
        return status
    finished = _load(folder)
    if status == 0 and finished is not None and finished.status == "finished":
        (score or score_job)(job, folder, args, out)
    if finished is not None and finished.status != "stopped":
        dataclasses.replace(finished, name=job.name).save(record)
    return status


def folder_of(job: Job, args: argparse.Namespace, sweep: str = "compare") -> Path:
    """Return the folder that a job's checkpoints are written to."""
    return runs.runs_folder() / f"{sweep}-{args.tokens}" / job.name


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _load(folder: Path) -> RunRecord | None:
    from mosa_edu.records import RunRecord

    path = folder / "record.json"
    return RunRecord.load(path) if path.exists() else None


def _share_tokenizer(folder: Path) -> None:
    """Give a run the tokenizer of its siblings: learning it again would give the same one."""
    for other in folder.parent.glob("*/tokenizer.json"):
        if not (folder / "tokenizer.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(other, folder / "tokenizer.json")
            shutil.copyfile(other.with_name("config.json"), folder / "config.json")
        return


def settings_of(job: Job, args: argparse.Namespace) -> dict[str, Any]:
    """Return the ``config.json`` of a job's run."""
    from mosa_edu.training import TrainingConfig

    steps = math.ceil(args.tokens / args.batch_tokens)
    training = TrainingConfig.for_tokens(
        args.tokens,
        args.batch_tokens,
        learning_rate=LEARNING_RATE,
        warmup_steps=min(WARMUP_STEPS, steps // 2),
        max_length=job.config.max_seq_len,
        seed=job.seed,
    )
    return {
        "preset": "explorer",
        "corpus": args.corpus,
        "model": dataclasses.asdict(job.config),
        "training": training.to_json(),
    }


def score_job(job: Job, folder: Path, args: argparse.Namespace, out: Path) -> None:
    """Score a run, and count what its sparse heads keep and refuse."""
    from mosa_edu.cli.model_probes import selection_record
    from mosa_edu.cli.scores import score_run

    if job.config.n_sparse_heads:
        selection_record(str(folder), args.threads or 1).save(out / "probes")
    score_run(folder, args.corpus, name=job.name).save(out / "scores" / f"{job.name}.json")


def print_plan(wanted: list[Job]) -> None:
    """Print what would be trained."""
    from mosa_edu.costs import model_flops, model_parameters

    print(f"{'run':32} {'heads a layer':>16} {'MFLOP a text':>13} {'parameters':>11}")
    for job in wanted:
        others = f"{job.config.n_local_heads} local" if job.config.n_local_heads else ""
        heads = f"{others or f'{job.config.n_dense_heads} dense'} + {job.config.n_sparse_heads}"
        flops = model_flops(job.config).total / 1e6
        print(f"{job.name:32} {heads:>16} {flops:>13.1f} {model_parameters(job.config).total:>11,}")
