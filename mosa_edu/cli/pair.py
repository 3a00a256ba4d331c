"""`mosa-edu pair`: the fewest MoSA heads that reach the dense loss, and what they then cost."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.analysis.probes import pair_words
from mosa_edu.checks import require
from mosa_edu.experiments.plans import (
    N_DENSE_KEPT,
    Job,
    dense_baseline,
    jobs,
    next_heads,
    pair_jobs,
    twin,
)
from mosa_edu.experiments.runner import (
    BATCH_TOKENS,
    INTERRUPTED,
    add_flags,
    add_sparsity,
    checked,
    finish,
    folder_of,
    print_plan,
    records_folder,
    score_job,
)

if TYPE_CHECKING:
    from mosa_edu.config import ModelConfig
    from mosa_edu.records.probe import ProbeRecord


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "pair",
        help="find the fewest MoSA heads that reach the dense loss",
        description="Search the number of MoSA heads, none included, whose mean loss over the "
        "seeds is that of the dense model or lower, time a training step of both in turns, count "
        "what each keeps for the backward pass and in a cache, then score the models found three "
        "ways. The same command again goes on: trained runs are read from their records.",
    )
    add = parser.add_argument
    add("--guess", type=int, default=8, help="MoSA heads a layer to begin the search with")
    add("--resolution", type=int, default=1, help="stop this close to the fewest")
    add("--rounds", type=int, default=7, help="timed steps of each model")
    add_sparsity(parser)
    add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Train what is missing, search, measure, and print the pair."""
    seeds = checked(args)
    for name in ("guess", "resolution"):
        require(getattr(args, name) >= 1, f"--{name}", getattr(args, name), "at least 1")
    require(args.rounds >= 3, "--rounds", args.rounds, "at least 3")
    most = twin("mosa", args.sparsity).n_sparse_heads
    require(args.guess <= most, "--guess", args.guess, f"at most {most}, those of equal FLOPs")
    dense, alone = (jobs((kind,), seeds, args.sparsity) for kind in ("dense", "fewer"))
    first = pair_jobs(dense_baseline(), args.sparsity, args.guess, seeds, N_DENSE_KEPT)
    if args.dry_run:
        print_plan([*dense, *alone, *first])
        print(f"then other numbers of heads up to {most}, by halves, until one is the fewest")
        return 0
    out = records_folder(args)

    def loss_of(wanted: Sequence[Job]) -> float | None:
        return mean_loss(wanted, out, lambda job: finish(job, args, out, score=_not_yet))

    target = loss_of(dense)
    # What the dense heads that stay reach alone, no MoSA head is needed for.
    without = None if target is None else loss_of(alone)
    if target is None or without is None:
        return _stopped()

    def loss_with(heads: int) -> float | None:
        return loss_of(pair_jobs(dense_baseline(), args.sparsity, heads, seeds, N_DENSE_KEPT))

    losses = search(loss_with, target, most, args.guess, args.resolution, {0: without})
    if losses is None:
        return _stopped()
    rows = BATCH_TOKENS // dense_baseline().max_seq_len
    configs = chosen(losses, target, dense_baseline(), args.sparsity, N_DENSE_KEPT)
    record = pair_record(
        configs, losses, target, rows, name=f"pair-mosa-{args.sparsity}", rounds=args.rounds
    )
    record.save(out / "probes")
    fewest = configs["mosa"].n_sparse_heads
    found = pair_jobs(dense_baseline(), args.sparsity, fewest, seeds, N_DENSE_KEPT)
    for job in [*dense, *alone, *(found if fewest else [])]:
        _score_once(job, args, out)
    print(pair_words(record))
    return 0


def search(
    loss_with: Callable[[int], float | None],
    target: float,
    most: int,
    guess: int,
    resolution: int = 1,
    known: Mapping[int, float] | None = None,
) -> dict[int, float] | None:
    """Search the fewest heads, see `next_heads`."""
    losses = dict(known or {})
    while (heads := next_heads(losses, target, most, guess, resolution)) is not None:
        loss = loss_with(heads)
        if loss is None:
            return None
        losses[heads] = loss
    return losses


def mean_loss(wanted: Sequence[Job], out: Path, train: Callable[[Job], int]) -> float | None:
    """Train jobs that have no record and return their mean loss."""
    from mosa_edu.analysis import final_loss
    from mosa_edu.records import RunRecord

    losses = []
    for job in wanted:
        path = out / "runs" / f"{job.name}.json"
        if train(job) == INTERRUPTED or not path.exists():
            return None
        record = RunRecord.load(path)
        losses.append(final_loss(record) if record.status == "finished" else math.nan)
    return sum(losses) / len(losses)


def chosen(
    losses: dict[int, float], target: float, baseline: ModelConfig, sparsity: int, n_dense: int
) -> dict[str, ModelConfig]:
    """Return the dense model and the fewest heads that reach it, or the best if none does."""
    enough = [heads for heads, loss in losses.items() if loss <= target]
    tried = {heads: loss for heads, loss in losses.items() if not math.isnan(loss)}
    require(len(tried) > 0, "losses", losses, "of at least one run that did not diverge")
    heads = min(enough) if enough else min(tried, key=lambda n: tried[n])
    (job,) = pair_jobs(baseline, sparsity, heads, (0,), n_dense)
    return {"dense": baseline, "mosa": job.config}


def pair_record(
    configs: dict[str, ModelConfig],
    losses: dict[int, float],
    target: float,
    rows: int,
    name: str,
    command: str | None = None,
    **options: Any,
) -> ProbeRecord:
    """Measure a pair and describe the search that found it."""
    import torch

    from mosa_edu.bench.models import measure_pair
    from mosa_edu.records import provenance
    from mosa_edu.records.probe import ProbeRecord

    measured = measure_pair(configs, rows, **options)
    found = {"dense": target, "mosa": losses[configs["mosa"].n_sparse_heads]}
    tried = [[n, None if math.isnan(loss) else loss] for n, loss in sorted(losses.items())]
    on_gpu = "device" in options and options["device"].type == "cuda"
    hardware = torch.cuda.get_device_name() if on_gpu else None
    return ProbeRecord(
        "pair",
        name,
        {
            "texts": rows,
            "T": configs["dense"].max_seq_len,
            "reached": found["mosa"] <= target,
            "threads": torch.get_num_threads(),
        },
        [{"loss": found[row["model"]], **row} for row in measured],
        {"tried": tried},
        provenance(torch.__version__, hardware=hardware, command=command),
    )


def _not_yet(job: Job, folder: Path, args: argparse.Namespace, out: Path) -> None:
    """Score nothing: most models of a search are only steps on the way."""


def _score_once(job: Job, args: argparse.Namespace, out: Path) -> None:
    """Score a model of the pair three ways, unless that was done."""
    if (out / "scores" / f"{job.name}.json").exists():
        return
    folder = folder_of(job, args)
    if (folder / "record.json").exists():
        score_job(job, folder, args, out)
    else:
        print(f"{job.name} is not scored: its weights are gone from the cache.", file=sys.stderr)


def _stopped() -> int:
    print("Stopped; the same command goes on from here.", file=sys.stderr)
    return INTERRUPTED
