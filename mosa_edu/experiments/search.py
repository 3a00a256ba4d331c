"""The matched pair: the fewest heads that reach another model's loss, and what both then cost."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from mosa_edu.analysis import final_loss
from mosa_edu.bench.models import measure_pair
from mosa_edu.checks import require
from mosa_edu.config import ModelConfig
from mosa_edu.experiments.jobs import TIME_UP, Session, finish, finish_all, measure
from mosa_edu.experiments.plans import Job
from mosa_edu.experiments.runs import INTERRUPTED
from mosa_edu.records import RunRecord, provenance
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.training.optimizer import resolve_dtype


def next_heads(
    losses: Mapping[int, float], target: float, most: int, guess: int, resolution: int = 1
) -> int | None:
    """Choose the number of heads to train next; None when the search is over.

    `losses` are those of the numbers that were trained, NaN for a run that diverged. The answer
    is the smallest number whose loss reaches the target, or up to ``resolution - 1`` more: more
    heads are taken not to be worse, so the search halves what lies between the largest number
    that fails and the smallest that does not.

    >>> next_heads({}, 3.0, most=40, guess=17), next_heads({17: 3.2}, 3.0, most=40, guess=17)
    (17, 34)
    >>> next_heads({17: 3.2, 34: 2.9}, 3.0, most=40, guess=17)
    25
    """
    enough = min((n for n, loss in losses.items() if loss <= target), default=None)
    below = most + 1 if enough is None else enough
    too_few = max((n for n, loss in losses.items() if n < below and not loss <= target), default=0)
    if enough is None:
        wanted = min(max(guess, 2 * too_few), most)
        return wanted if wanted > too_few else None
    if enough - too_few <= resolution:
        return None
    return guess if too_few == 0 and guess < enough else (too_few + enough) // 2


class Interrupted(Exception):
    """A run of the search that did not end, with its exit status."""

    def __init__(self, status: int) -> None:
        self.status = status


def search(
    loss_with: Callable[[int], float],
    target: float,
    most: int,
    guess: int,
    resolution: int = 1,
    known: Mapping[int, float] | None = None,
) -> dict[int, float]:
    """Return the loss of every number of heads that was tried, see `next_heads`."""
    losses = dict(known or {})
    while (heads := next_heads(losses, target, most, guess, resolution)) is not None:
        losses[heads] = loss_with(heads)
    return losses


def fewest(losses: Mapping[int, float], target: float) -> int:
    """Return the fewest heads that reach the target, or the best if none does."""
    enough = [heads for heads, loss in losses.items() if loss <= target]
    tried = {heads: loss for heads, loss in losses.items() if not math.isnan(loss)}
    require(len(tried) > 0, "losses", losses, "of at least one run that did not diverge")
    return min(enough) if enough else min(tried, key=lambda n: tried[n])


def mean_loss(jobs: Sequence[Job], session: Session, scored: bool) -> float:
    """Train jobs that have no record and return their mean loss; NaN if one diverged."""
    losses = []
    for job in jobs:
        status = finish(job, session, scored)
        if not session.record(job).exists():
            raise Interrupted(status or TIME_UP)
        record = RunRecord.load(session.record(job))
        losses.append(final_loss(record) if record.status == "finished" else math.nan)
    return sum(losses) / len(losses)


def search_pair(jobs: Sequence[Job], session: Session) -> int:
    """Do the jobs, search the pair with its seeds, measure and score it; return the status."""
    plan = session.plan
    wanted = plan.search
    assert wanted is not None
    seeds = wanted.seeds or sorted({job.seed for job in jobs})
    status = finish_all([job for job in jobs if job.seed in seeds], session)
    if status in (INTERRUPTED, TIME_UP):
        return status
    sparsity = wanted.sparsity or plan.row(wanted.row).sparsity[0]

    def tried(heads: int) -> list[Job]:
        return [plan.job(wanted.row, seed, sparsity, heads) for seed in seeds]

    # Of a search only the pair is scored, unless its weights will be gone.
    at_once = not plan.keep_weights
    try:
        target = mean_loss([plan.job(wanted.target, seed) for seed in seeds], session, True)
        known = {}
        if wanted.without:
            alone = [plan.job(wanted.without, seed) for seed in seeds]
            known = {0: mean_loss(alone, session, True)}
        losses = search(
            lambda heads: mean_loss(tried(heads), session, at_once),
            target,
            plan.most_heads(),
            wanted.guess,
            wanted.resolution,
            known,
        )
    except Interrupted as ended:
        return ended.status
    heads = fewest(losses, target)
    name = f"pair-{wanted.row}-{sparsity}"
    path = session.out / "probes" / f"{name}.json"
    if not path.exists() or ProbeRecord.load(path).row(model="mosa")["n_sparse_heads"] != heads:
        if session.left() <= 0:
            return TIME_UP
        pair = {"dense": plan.model(wanted.target), "mosa": plan.model(wanted.row, sparsity, heads)}
        pair_record(pair, losses, target, session, name).save(path.parent)
    if heads:
        for job in tried(heads):
            _score_once(job, session)
    rest = []
    for seed in dict.fromkeys(job.seed for job in jobs if job.seed not in seeds):
        rest += [job for job in jobs if job.seed == seed]
        rest += [plan.job(wanted.row, seed, sparsity, heads)] if heads else []
    return max(status, finish_all(rest, session))


def pair_record(
    pair: Mapping[str, ModelConfig],
    losses: Mapping[int, float],
    target: float,
    session: Session,
    name: str,
) -> ProbeRecord:
    """Measure a dense model and the hybrid that reaches its loss, and describe the search."""
    plan, device = session.plan, session.device
    assert plan.search is not None
    rows = plan.recipe["batch_tokens"] // plan.baseline.max_seq_len
    dtype = resolve_dtype("auto", device)
    measured = measure_pair(pair, rows, rounds=plan.search.rounds, dtype=dtype, device=device)
    found = {"dense": target, "mosa": losses[pair["mosa"].n_sparse_heads]}
    tried = [[n, None if math.isnan(loss) else loss] for n, loss in sorted(losses.items())]
    settings: dict[str, Any] = {
        "texts": rows,
        "T": pair["dense"].max_seq_len,
        "reached": found["mosa"] <= target,
        "threads": torch.get_num_threads(),
    }
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else None
    return ProbeRecord(
        "pair",
        name,
        settings,
        [{"loss": found[row["model"]], **row} for row in measured],
        {"tried": tried},
        provenance(
            torch.__version__,
            hardware=hardware,
            command=f"mosa-edu experiment run {plan.name}{session.changes}",
        ),
    )


def _score_once(job: Job, session: Session) -> None:
    """Score a model of the pair, unless that was done."""
    if (session.out / "scores" / f"{job.name}.json").exists():
        return
    folder = session.folder / job.name
    if (folder / "record.json").exists():
        measure(job, folder, session)
    else:
        print(f"{job.name} is not scored: its weights are gone from the cache.", file=sys.stderr)
