"""One job of a plan: trained, scored, recorded, and never begun again once its record is there."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mosa_edu.checks import require
from mosa_edu.data.corpora import load_corpus, whole_path
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.data.tokens import TokenSet
from mosa_edu.experiments import runs
from mosa_edu.experiments.plans import Job, Plan
from mosa_edu.model import TransformerLM
from mosa_edu.probes import scores
from mosa_edu.probes.cloze import cloze_record
from mosa_edu.probes.held_out import score_held_out
from mosa_edu.probes.selections import selection_record
from mosa_edu.records import RunRecord, write_atomic
from mosa_edu.training import TrainingConfig
from mosa_edu.training.checkpoint import require_same_recipe
from mosa_edu.training.evaluate import evaluate

TIME_UP = 75
"""Exit status of a call whose time ended before its work."""
OF_THE_TIME = 0.9
"""Share of the time left that a run may train; its scores need some, too."""
DATA_LIMITED = 0.3
"""Nats by which the validation loss may exceed the training loss."""


def find_device(name: str) -> torch.device:
    """Return the device of a plan or a flag; ``auto`` is a GPU where torch sees one."""
    there = torch.cuda.is_available()
    require(name != "cuda" or there, "--device", name, "cpu: torch sees no GPU here")
    if name == "auto":
        name = "cuda" if there else "cpu"
    if name == "cuda":
        torch.set_float32_matmul_precision("high")
    return torch.device(name)


@dataclasses.dataclass(frozen=True)
class Session:
    """One call of a plan: where its records go, on what it computes, and for how long.

    `changes` are the flags of the call that change what a run ends with, for the command in its
    record; `time_limit` is in seconds of training of each run, `ends` a time of the monotonic
    clock; `text` are name and contents of a pack, used instead of the plan's corpus.
    """

    plan: Plan
    out: Path
    device: torch.device
    changes: str = ""
    time_limit: float = math.inf
    ends: float = math.inf
    text: tuple[str, Tokenizer, TokenSet] | None = None

    @property
    def folder(self) -> Path:
        """Folder of the checkpoints."""
        return runs.runs_folder() / f"{self.plan.folder}-{self.plan.recipe['tokens']}"

    def left(self) -> float:
        """Seconds until the time is up."""
        return self.ends - time.monotonic()

    def record(self, job: Job) -> Path:
        """Return the file of a job's record."""
        return self.out / "runs" / f"{job.name}.json"

    def command(self, job: Job) -> str:
        """Return what makes the record of a job again."""
        only = "" if job.comparison.match == "loss" else f" --only {job.comparison.kind}"
        return f"mosa-edu experiment run {self.plan.name}{only} --seeds {job.seed}{self.changes}"

    def settings(self, job: Job) -> dict[str, Any]:
        """Return the ``config.json`` of a job's run."""
        corpus = f"pack of {self.text[0]}" if self.text else whole_path(self.plan.corpus)
        start = {"start": self.plan.start} if self.plan.start != "fresh" else {}
        return {
            **start,
            "preset": self.plan.name,
            "corpus": corpus,
            "model": dataclasses.asdict(job.config),
            "training": training_of(job, self.text[2] if self.text else None).to_json(),
        }


def training_of(job: Job, tokens: TokenSet | None = None) -> TrainingConfig:
    """Return how a job is trained; with a text at hand, no more than its epochs."""
    recipe = {"max_length": job.config.max_seq_len, **job.recipe}
    wanted, most_epochs = recipe.pop("tokens"), recipe.pop("most_epochs", None)
    warmup = recipe.pop("warmup_steps", TrainingConfig.warmup_steps)
    known = {f.name for f in dataclasses.fields(TrainingConfig)} - {"steps", "seed"}
    unknown = sorted(set(recipe) - known)
    require(not unknown, "recipe", unknown, f"made of tokens, most_epochs, {', '.join(known)}")
    config = TrainingConfig.for_tokens(wanted, **recipe, warmup_steps=0, seed=job.seed)
    steps = config.steps
    if tokens is not None and most_epochs is not None:
        most = most_epochs * len(tokens.train) // config.batch_tokens
        allowed = f"{config.batch_tokens}, a batch, or more"
        require(most > 0, "pack", f"{len(tokens.train)} tokens", allowed)
        steps = min(steps, most)
    return dataclasses.replace(config, steps=steps, warmup_steps=min(warmup, steps // 2))


def finish_all(jobs: Sequence[Job], session: Session) -> int:
    """Train, score and record the jobs that have no record; return the worst status."""
    worst = 0
    for number, job in enumerate(jobs, start=1):
        status = finish(job, session, place=f" ({number} of {len(jobs)})")
        if status in (runs.INTERRUPTED, TIME_UP):
            return status
        worst = max(worst, status)
    return worst


def finish(job: Job, session: Session, scored: bool = True, place: str = "") -> int:
    """Train, score and record one job unless its record is there; return the exit status."""
    path, settings = session.record(job), session.settings(job)
    if path.exists():
        require_same_recipe(
            TrainingConfig.from_json(settings["training"]), RunRecord.load(path).training
        )
        return 0
    left = OF_THE_TIME * session.left()
    if left <= 0:
        return TIME_UP
    folder = session.folder / job.name
    print(f"== {job.name}{place}", flush=True)
    if session.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    limit = min(session.time_limit, left)
    text = session.text[1:] if session.text else None
    seconds = limit if limit < math.inf else None
    status = runs.train(settings, folder, session.device, seconds, text, alone=False)
    if status == runs.INTERRUPTED or not (folder / "record.json").exists():
        return status  # a record now would hide from the next call that scores are missing
    record = job.named(RunRecord.load(folder / "record.json"))
    if record.status == "stopped":
        return TIME_UP if left <= session.time_limit else 0
    record = dataclasses.replace(record, command=session.command(job))
    if record.status == "finished" and scored:
        record = dataclasses.replace(record, extra=record.extra | measure(job, folder, session))
    record.save(path)
    if not session.plan.keep_weights:
        shutil.rmtree(folder)
    return status


FILES = {
    "scores": "scores/{}.json",
    "held_out": "held_out/{}.json",
    "selection": "probes/selection-{}.json",
    "positions": "probes/positions-{}.json",
    "cloze": "probes/cloze-{}.json",
}
"""Where a measurement of a run lies, in the folder of the records."""


def measure(job: Job, folder: Path, session: Session) -> dict[str, Any]:
    """Save the plan's scores and probes of a trained run; return what its record should say.

    What is measured is marked in the run's folder, so that a call that is ended is gone on with.
    """
    plan, name, command = session.plan, job.name, session.command(job)
    marks = folder / "scored.json"
    done = json.loads(marks.read_text(encoding="utf-8")) if marks.exists() else {}
    mark = f"{plan.sample} in {session.out.resolve()}"
    model, tokenizer = runs.load_run(folder)
    model.to(session.device)
    if session.text:
        tokens = session.text[2]
    else:
        tokens = TokenSet.build(load_corpus(plan.corpus), tokenizer)
    found: dict[str, Any] = {}
    for what in plan.scores:
        if what == "fit":
            found |= _fit(model, tokens, folder)
            continue
        path = session.out / FILES[what].format(name)
        if what == "selection" and not job.config.n_sparse_heads:
            continue
        if path.exists() and done.get(what) == mark:
            continue
        unfinished = folder / f"{what}.npz"
        if what == "scores":
            sample = scores.Sample(**plan.sample) if plan.sample else None
            scores.score_model(model, tokens, name, sample, unfinished).save(path)
        elif what == "held_out":
            cuts = plan.sample.get("cuts", 1)
            score_held_out(model, tokens, name, cuts, job.seed, unfinished=unfinished).save(path)
        elif what == "selection":
            selection_record(model, tokens, name, command).save(path.parent)
        elif what == "positions":
            scores.position_record(model, tokens, name).save(path.parent)
        else:
            cloze_record(model, tokenizer, name).save(path.parent)
        done[what] = mark
        write_atomic(marks, json.dumps(done))
    return found


def _fit(model: TransformerLM, tokens: TokenSet, folder: Path) -> dict[str, Any]:
    """Say whether the data limited a run: its loss on text it has read, and on other text."""
    length, record = model.config.max_seq_len, RunRecord.load(folder / "record.json")
    seen, unseen = (
        evaluate(model, tokens, length, split=split).loss for split in ("train", "validation")
    )
    on_gpu = model.embedding.weight.device.type == "cuda"
    return {
        "epochs": round(record.tokens_seen / len(tokens.train), 3),
        "train_loss": seen,
        "validation_loss": unseen,
        "data_limited": unseen - seen > DATA_LIMITED,
        "peak_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
    }
