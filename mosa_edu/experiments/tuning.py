"""The recipe of each row: successive halving over a grid, judged on text that no claim uses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mosa_edu.analysis.held_out import CHOOSING
from mosa_edu.checks import require
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.tokens import TokenSet
from mosa_edu.experiments import runs
from mosa_edu.experiments.jobs import Session, finish
from mosa_edu.experiments.plans import Job
from mosa_edu.experiments.runs import INTERRUPTED
from mosa_edu.model import TransformerLM
from mosa_edu.records import RunRecord, provenance
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.training.evaluate import window_losses


def tune(jobs: Sequence[Job], session: Session) -> int:
    """Train the grid of each row, round by round, and record what was tried and chosen.

    Every row gets the same: in each round the tokens of `Plan.rounds`, for its candidates that
    are left; the best `Plan.kept` of them go on. The lowest loss of the last round is chosen.
    """
    plan = session.plan
    require(len(plan.rounds) >= 1, "rounds", plan.rounds, "a number of tokens or more, with a grid")
    rows: list[dict[str, Any]] = []
    for row in dict.fromkeys(job.comparison.kind for job in jobs):
        left = [job for job in jobs if job.comparison.kind == row]
        for number, tokens in enumerate(plan.rounds):
            last = number + 1 == len(plan.rounds)
            tried: list[tuple[float, Job]] = []
            for job in left:
                sized = dataclasses.replace(
                    job,
                    name=f"{job.name}-{tokens}",
                    recipe={**job.recipe, "tokens": tokens, **_warmup(job, tokens)},
                )
                if status := _train(sized, session):
                    return status
                tried.append((_choosing_loss(sized, session), job))
            tried.sort(key=lambda pair: pair[0])
            keep = 1 if last else plan.kept
            for place, (loss, job) in enumerate(tried):
                recipe = {name: job.recipe[name] for name in plan.grid}
                rows.append(
                    {
                        "row": row,
                        "seed": job.seed,
                        "tokens": tokens,
                        **recipe,
                        "loss": round(loss, 5) if math.isfinite(loss) else None,
                        "kept": place < keep,
                        "chosen": last and place == 0,
                    }
                )
            left = [job for _, job in tried[:keep]]
        _record(rows, session).save(session.out / "probes")
    return 0


def _warmup(job: Job, tokens: int) -> dict[str, int]:
    """Return the warm-up in proportion: a short run has as large a share of it as a whole one."""
    whole = job.recipe["tokens"]
    return {"warmup_steps": max(job.recipe.get("warmup_steps", 100) * tokens // whole, 10)}


def _train(job: Job, session: Session) -> int:
    """Train a candidate; return the status of a call that must end, else 0."""
    status = finish(job, session, scored=False)
    if status == INTERRUPTED or not session.record(job).exists():
        return status or INTERRUPTED
    return 0


def _choosing_loss(job: Job, session: Session) -> float:
    """Return the loss of a candidate on the books of `CHOOSING`; of one that diverged, infinity."""
    if RunRecord.load(session.record(job)).status != "finished":
        return math.inf
    path = session.out / "choosing" / f"{job.name}.txt"
    if path.exists():
        return float(path.read_text())
    model, tokenizer = runs.load_run(session.folder / job.name)
    tokens = TokenSet.build(load_corpus(session.plan.corpus), tokenizer)
    loss = choosing_loss(model, tokens)
    path.parent.mkdir(parents=True, exist_ok=True)
    runs.write_atomic(path, f"{loss!r}\n")
    return loss


def choosing_loss(model: TransformerLM, tokens: TokenSet) -> float:
    """Return the mean loss on all windows of the books that recipes are chosen by."""
    length = model.config.max_seq_len
    inputs, targets, books = tokens.windows("validation", length, len(tokens.validation))
    titles = np.array(tokens.validation.titles)[books]
    chosen = np.isin(titles, CHOOSING) if np.isin(titles, CHOOSING).any() else titles == titles[0]
    return float(window_losses(model, inputs[chosen], targets[chosen]).mean())


def _record(rows: list[dict[str, Any]], session: Session) -> ProbeRecord:
    plan = session.plan
    return ProbeRecord(
        "recipes",
        plan.name,
        {
            "plan": plan.name,
            "rounds": list(plan.rounds),
            "kept": plan.kept,
            "books": list(CHOOSING),
        },
        rows,
        {},
        provenance(
            torch.__version__, command=f"mosa-edu experiment run {plan.name}{session.changes}"
        ),
    )


def recipe_lines(record: ProbeRecord) -> list[str]:
    """Say what was chosen for each row, and by how much."""
    lines = []
    for row in dict.fromkeys(record.column("row")):
        tried = [found for found in record.rows if found["row"] == row]
        best = next(found for found in tried if found["chosen"])
        others = [r["loss"] for r in tried if r["tokens"] == best["tokens"] and r["loss"]]
        margin = sorted(others)[1] - best["loss"] if len(others) > 1 else math.nan
        lines.append(
            f"{row:16} batch {best['batch_tokens']:5}, rate {best['learning_rate']:g}: "
            f"{best['loss']:.3f} nats, {margin:.3f} below the next"
        )
    return lines
