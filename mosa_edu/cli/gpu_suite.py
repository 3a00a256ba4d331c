"""`mosa-edu gpu-suite`: the paper's Tiny on one GPU, in steps of minutes that resume.

The folder of records says what is done. A step ends by itself when its time is up, with status
75, and the same command goes on; a machine that starts afresh needs the pack and the records so
far, and repeats at most the run that was under way::

    mosa-edu pack pack
    mosa-edu gpu-suite pack --out records
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.analysis.probes import pair_words
from mosa_edu.checks import require
from mosa_edu.cli.pair import chosen, mean_loss, pair_record, search
from mosa_edu.cli.suites import SUITES, Suite, first_jobs, matched_job, settings_of
from mosa_edu.experiments import runner as runs
from mosa_edu.experiments.runner import INTERRUPTED

if TYPE_CHECKING:
    import torch

    from mosa_edu.data.tokenizer import Tokenizer
    from mosa_edu.data.tokens import TokenSet
    from mosa_edu.experiments.plans import Job
    from mosa_edu.records import RunRecord

TIME_UP = 75
LARGEST_RECORD = 1_000_000
"""Bytes."""
DATA_LIMITED = 0.3
"""Nats by which the validation loss may exceed the training loss."""


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "gpu-suite",
        help="train the paper's Tiny and its hybrids on a GPU, in steps that resume",
        description="Train dense, MoSA hybrids, a causal repair, the pair of equal loss, then more "
        "seeds, from a folder of mosa-edu pack. Status 75 says that the time is up: the same "
        "command goes on.",
    )
    add = parser.add_argument
    add("pack", type=Path, metavar="PACK", help="folder that mosa-edu pack wrote")
    add("--out", type=Path, help="folder of the records; default: gpu in the cache")
    add("--preset", default="tiny", choices=list(SUITES), help="sizes and recipe")
    add("--device", default="cuda", choices=("cuda", "cpu"), help="where to train")
    add("--seconds", type=float, default=520.0, help="time of one step of the suite")
    add("--tokens", type=int, help="training tokens of each run, at most four epochs")
    add("--seeds", type=int, default=3, help="seeds in all; the first has all runs and the pair")


@dataclasses.dataclass(frozen=True)
class Step:
    """One sitting of the suite: what there is to train on, and until when."""

    suite: Suite
    preset: str
    corpus: str
    tokenizer: Tokenizer
    tokens: TokenSet
    device: torch.device
    out: Path
    asked: int | None
    ends: float
    command: str

    def left(self) -> float:
        """Seconds until the time is up."""
        return self.ends - time.monotonic()


def run(args: argparse.Namespace) -> int:
    """Do what fits into the time; 0 when nothing is left to do."""
    require(0 < args.seconds < float("inf"), "--seconds", args.seconds, "positive and finite")
    require(args.tokens is None or args.tokens >= 1, "--tokens", args.tokens, "at least 1")
    require(args.seeds >= 1, "--seeds", args.seeds, "at least 1")
    ends = time.monotonic() + args.seconds
    import torch

    from mosa_edu.data.tokens import read_pack

    available = args.device == "cpu" or torch.cuda.is_available()
    require(available, "--device", args.device, "cpu: torch sees no GPU here")
    torch.set_float32_matmul_precision("high")
    text = read_pack(args.pack)
    out = args.out or runs.runs_folder().parent / "gpu"
    suite, device = SUITES[args.preset], torch.device(args.device)
    step = Step(suite, args.preset, *text, device, out, args.tokens, ends, _command(args))
    status = _go(step, args.seeds)
    if status == TIME_UP:
        print("The time is up; the same command goes on.", file=sys.stderr)
    if status == 0:
        print(f"Everything is done. Records: {out}")
    return status


def _command(args: argparse.Namespace) -> str:
    """Return what runs this again, however it was started."""
    tokens = f" --tokens {args.tokens}" if args.tokens else ""
    pack = args.pack.resolve().name
    return f"mosa-edu gpu-suite {pack} --preset {args.preset} --device {args.device}{tokens}"


def _go(step: Step, seeds: int) -> int:
    """Train everything in its order, until one run does not end."""
    vocab_size = step.tokens.vocab_size
    for job in first_jobs(step.suite, vocab_size, seed=0):
        if status := _finish(job, step):
            return status
    found = _matched(step)
    if isinstance(found, int):
        return found
    n_heads = found.config.n_sparse_heads
    for seed in range(1, seeds):
        matched = matched_job(step.suite, vocab_size, n_heads, seed)
        for job in (*first_jobs(step.suite, vocab_size, seed), matched):
            if status := _finish(job, step):
                return status
    return 0


def _matched(step: Step) -> Job | int:
    """Search the pair of equal loss with seed 0 and measure it; or why that is not done yet."""
    suite, vocab_size = step.suite, step.tokens.vocab_size
    dense, *_, widest, _ = first_jobs(suite, vocab_size, seed=0)
    statuses: list[int] = []

    def train(job: Job) -> int:
        statuses.append(_finish(job, step))
        return INTERRUPTED if statuses[-1] else 0

    target = mean_loss([dense], step.out, train)
    assert target is not None, "trained before"
    losses = search(
        lambda n: mean_loss([matched_job(suite, vocab_size, n, 0)], step.out, train),
        target,
        widest.config.n_sparse_heads,
        suite.guess,
        suite.resolution,
    )
    if losses is None:
        return statuses[-1]
    configs = chosen(losses, target, dense.config, suite.sparsities[-1], suite.n_dense_kept)
    name = f"pair-mosa-{suite.sparsities[-1]}"
    if not (step.out / "probes" / f"{name}.json").exists():
        if step.left() <= 0:
            return TIME_UP
        record = _measured(step, configs, losses, target, name)
        record.save(step.out / "probes")
        print(pair_words(record), flush=True)
    return matched_job(suite, vocab_size, configs["mosa"].n_sparse_heads, 0)


def _measured(
    step: Step, configs: dict[str, Any], losses: dict[int, float], target: float, name: str
) -> Any:
    from mosa_edu.training.optimizer import resolve_dtype

    rows = step.suite.batch_tokens // step.suite.baseline.max_seq_len
    how = {"dtype": resolve_dtype("auto", step.device), "device": step.device}
    return pair_record(configs, losses, target, rows, name, step.command, **how)


def _finish(job: Job, step: Step) -> int:
    """Train, score and record one run, unless its record is there; return the exit status."""
    import torch

    from mosa_edu.experiments.runner import train
    from mosa_edu.records import RunRecord

    path = step.out / "runs" / f"{job.name}.json"
    if path.exists():
        return 0
    # A run needs time for its scores, too; a tenth of the step has been enough.
    limit = 0.9 * step.left()
    if limit <= 0:
        return TIME_UP
    print(f"== {job.name}", flush=True)
    settings = settings_of(step.suite, job, step.preset, step.corpus, step.tokens, step.asked)
    folder = runs.runs_folder() / f"gpu-suite-{step.preset}" / job.name
    if step.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    status = train(settings, folder, step.device, limit, (step.tokenizer, step.tokens))
    if status == INTERRUPTED:
        return status
    record = RunRecord.load(folder / "record.json")
    if record.status == "stopped":
        return TIME_UP
    record = dataclasses.replace(job.named(record), command=step.command)
    if record.status == "finished":
        record = _judged(job, record, folder, step)
    size = len(record.to_json())
    require(size <= LARGEST_RECORD, "record", size, f"at most {LARGEST_RECORD} bytes")
    record.save(path)
    shutil.rmtree(folder)  # gigabytes of optimizer state that nobody needs any more
    return 0


def _judged(job: Job, record: RunRecord, folder: Path, step: Step) -> RunRecord:
    """Score a finished run three ways and say whether the data limited it."""
    import torch

    from mosa_edu.experiments.runner import load_run
    from mosa_edu.probes.scores import score_model
    from mosa_edu.probes.selections import selection_record
    from mosa_edu.training.evaluate import evaluate

    model = load_run(folder)[0].to(step.device)
    if job.config.n_sparse_heads:
        selection_record(model, step.tokens, job.name, step.command).save(step.out / "probes")
    score_model(model, step.tokens, job.name).save(step.out / "scores" / f"{job.name}.json")
    length = job.config.max_seq_len
    seen, unseen = (
        evaluate(model, step.tokens, length, split=split).loss for split in ("train", "validation")
    )
    peak = torch.cuda.max_memory_allocated() if step.device.type == "cuda" else None
    found = {
        "epochs": round(record.tokens_seen / len(step.tokens.train), 3),
        "train_loss": seen,
        "validation_loss": unseen,
        "data_limited": unseen - seen > DATA_LIMITED,
        "peak_bytes": peak,
    }
    return dataclasses.replace(record, extra={**record.extra, **found})
