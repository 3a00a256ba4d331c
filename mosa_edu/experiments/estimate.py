"""What the runs of a plan will take: tokens, hours on this machine, and where they will lie."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from mosa_edu.config import ModelConfig
from mosa_edu.costs import model_flops
from mosa_edu.experiments.jobs import Session, training_of
from mosa_edu.experiments.plans import Job, Plan
from mosa_edu.model import TransformerLM
from mosa_edu.probes import scores
from mosa_edu.progress import track
from mosa_edu.training.evaluate import mean_loss
from mosa_edu.training.optimizer import autocast, resolve_dtype

TIMED_TOKENS = 1024
"""Of a timed batch, or one text if that is longer."""
IN_FORWARDS = 3
"""FLOPs of a training step, in those of a forward pass."""


def estimate(jobs: Sequence[Job], session: Session, timed: bool = True) -> list[str]:
    """Say what the runs will take that have no record yet, and where they will lie.

    With `timed`, a training step of every model is tried on the session's device; without it, as
    for a GPU that is elsewhere, hours stand in terms of its speed.
    """
    plan, left = session.plan, [job for job in jobs if not session.record(job).exists()]
    recipes = [training_of(job, session.text[2] if session.text else None) for job in left]
    trained = [recipe.steps * recipe.batch_tokens for recipe in recipes]
    read = [scored_tokens(plan, job.config) for job in left]
    recorded = f", {len(jobs) - len(left)} more are recorded" if len(left) < len(jobs) else ""
    said = f"{len(left)} runs to train{recorded}: {sum(trained):,} tokens"
    if sum(read):
        said += f", and {sum(read):,} to score"
    if timed:
        configs = list(dict.fromkeys(job.config for job in left))
        steps = track(configs, "timing a step", "models")
        pace = {config: seconds_a_token(config, session.device) for config in steps}
        seconds = sum(
            n * pace[job.config][0] + m * pace[job.config][1]
            for job, n, m in zip(left, trained, read, strict=True)
        )
        said += f"; about {seconds / 3600:.2g} hours on this machine ({session.device.type})"
    else:
        flops = sum(
            model_flops(job.config).total / job.config.max_seq_len * (IN_FORWARDS * n + m)
            for job, n, m in zip(left, trained, read, strict=True)
        )
        said += f"; an hour where {plan.device} does {flops / 3600e12:.2g} TFLOP a second"
    if "held_out" in plan.scores:
        said += ", and the scores of all held-out text"
    places = f"Records: {session.out.resolve()}", f"Checkpoints: {session.folder.resolve()}"
    return [f"{said}.", *places]


def scored_tokens(plan: Plan, config: ModelConfig) -> int:
    """Count the tokens that a model reads when it is scored under three evaluations."""
    if "scores" not in plan.scores:
        return 0
    sample, T = scores.Sample(**plan.sample) if plan.sample else scores.SAMPLE, config.max_seq_len
    cuts = scores.spread_cuts(T, sample.cuts)
    of_a_window = T + sum(cut + 1 for cut in cuts) + sample.draws * len(cuts) * T
    return sample.windows * of_a_window


def seconds_a_token(config: ModelConfig, device: torch.device) -> tuple[float, float]:
    """Time a training step and a forward pass of a model, each a second time, for a token."""
    torch.manual_seed(0)
    model, dtype = TransformerLM(config).to(device), resolve_dtype("auto", device)
    rows = max(TIMED_TOKENS // config.max_seq_len, 1)
    tokens = torch.randint(config.vocab_size, (rows, config.max_seq_len + 1), device=device)

    def step() -> None:
        with autocast(dtype, device):
            logits = model(tokens[:, :-1])
        mean_loss(logits, tokens[:, 1:]).backward()
        model.zero_grad(set_to_none=True)

    def forward() -> None:
        with torch.no_grad(), autocast(dtype, device):
            model(tokens[:, :-1])

    took = []
    for call in (step, forward):
        call()
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        took.append((time.perf_counter() - started) / (rows * config.max_seq_len))
    return took[0], took[1]
