"""What `mosa-edu gpu-suite` trains: models, recipe and order, by preset."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.config import ModelConfig
from mosa_edu.costs import PAPER_BASELINES, isoflop_twin
from mosa_edu.experiments.plans import Job, compared, pair_jobs

if TYPE_CHECKING:
    from mosa_edu.data.tokens import TokenSet

MOST_EPOCHS = 4
"""Times that a run may read the training split."""


@dataclass(frozen=True)
class Suite:
    """Models of one size and how they are trained.

    Attributes
    ----------
    baseline : ModelConfig
        The dense model.
    n_dense_kept : int
        Dense heads of a layer in the hybrids.
    sparsities : tuple of int
        Of the MoSA hybrids; the first is the repair's as well, the last the matched pair's.
    repair : str
        Kind of the causal hybrid. Prefix top-k compares T^2 / 2 pairs of scores in every head,
        which costs a GPU more than the heads themselves.
    tokens, batch_tokens, min_length : int
        Training tokens of each run; of an update; of the shortest texts.
    learning_rate, warmup_steps
        Peak, and updates until it.
    guess, resolution : int
        Where the search for the matched pair begins and how fine it is.
    """

    baseline: ModelConfig
    n_dense_kept: int
    sparsities: tuple[int, ...]
    tokens: int
    batch_tokens: int
    min_length: int
    learning_rate: float
    warmup_steps: int
    guess: int
    resolution: int
    repair: str = "threshold"


SUITES = {
    # The paper's Tiny. Its 100,000 steps would take a day: fewer, at a higher rate. 17 heads are
    # what the paper needed to match the dense perplexity at sparsity 32.
    "tiny": Suite(
        PAPER_BASELINES["tiny"],
        n_dense_kept=4,
        sparsities=(8, 32),
        tokens=40_000_000,
        batch_tokens=65536,
        min_length=64,
        learning_rate=1e-3,
        warmup_steps=100,
        guess=17,
        resolution=8,
    ),
    # Seconds on one core: shows that the suite works, and nothing about models.
    "micro": Suite(
        ModelConfig(
            vocab_size=400, d_model=16, n_layers=1, d_head=4, max_seq_len=32, n_dense_heads=4
        ),
        n_dense_kept=2,
        sparsities=(4, 8),
        tokens=1500,
        batch_tokens=256,
        min_length=8,
        learning_rate=4e-3,
        warmup_steps=1,
        guess=2,
        resolution=9,
    ),
}


def first_jobs(suite: Suite, vocab_size: int, seed: int) -> list[Job]:
    """List the runs of one seed: dense, MoSA hybrids of equal FLOPs, and a causal repair."""
    dense = replace(suite.baseline, vocab_size=vocab_size)
    wanted = [("dense", suite.sparsities[0])]
    wanted += [("mosa", sparsity) for sparsity in suite.sparsities]
    wanted += [(suite.repair, suite.sparsities[0])]
    return [
        Job(
            f"{kind}-flops-{sparsity}-seed{seed}",
            compared("gpu-suite", kind, "flops", sparsity),
            _twin(suite, dense, kind, sparsity),
            seed,
        )
        for kind, sparsity in wanted
    ]


def matched_job(suite: Suite, vocab_size: int, n_heads: int, seed: int) -> Job:
    """Return one run of the search for the matched pair."""
    dense = replace(suite.baseline, vocab_size=vocab_size)
    (job,) = pair_jobs(dense, suite.sparsities[-1], n_heads, (seed,), suite.n_dense_kept)
    return job


def settings_of(
    suite: Suite, job: Job, preset: str, corpus: str, tokens: TokenSet, asked: int | None
) -> dict[str, Any]:
    """Return the ``config.json`` of a job's run."""
    from mosa_edu.training import TrainingConfig

    lengths: dict[str, Any] = {"max_length": job.config.max_seq_len, "min_length": suite.min_length}
    enough = TrainingConfig.for_tokens(
        asked or suite.tokens, suite.batch_tokens, warmup_steps=0, **lengths
    ).steps
    most = MOST_EPOCHS * len(tokens.train) // suite.batch_tokens
    require(
        most > 0, "pack", f"{len(tokens.train)} tokens", f"{suite.batch_tokens}, a batch, or more"
    )
    steps = min(enough, most)
    training = TrainingConfig(
        steps=steps,
        batch_tokens=suite.batch_tokens,
        **lengths,
        learning_rate=suite.learning_rate,
        warmup_steps=min(suite.warmup_steps, steps // 2),
        clip_norm=0.25,
        checkpoints=1,
        save_seconds=300.0,
        seed=job.seed,
    )
    return {
        "preset": preset,
        "corpus": f"pack of {corpus}",
        "model": asdict(job.config),
        "training": training.to_json(),
    }


def _twin(suite: Suite, dense: ModelConfig, kind: str, sparsity: int) -> ModelConfig:
    if kind == "dense":
        return dense
    found = isoflop_twin(dense, kind, sparsity, suite.n_dense_kept)
    return replace(found, include_first=kind == "mosa")
