"""The coin-flip test: a model trained on tokens that nobody can foresee.

Tokens are independent and uniform, and every batch is fresh, so there is nothing to learn and
nothing to learn by heart: whatever a causal model does, its loss on fresh tokens is at least
ln V, that of guessing. A loss below ln V is news from the future, and a proof: no shift of
distribution and no luck with the text can make it.
"""

import hashlib
import json
import math
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mosa_edu.checks import require
from mosa_edu.config import ModelConfig
from mosa_edu.head_kinds import HEAD_KINDS
from mosa_edu.model import TransformerLM
from mosa_edu.progress import track
from mosa_edu.records import provenance
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.training import Trainer, TrainingConfig
from mosa_edu.training.checkpoint import require_same_values
from mosa_edu.training.evaluate import token_losses
from mosa_edu.training.run_log import read_metrics
from mosa_edu.training.trainer import stop_on_signal

_TRAINING, _HELD_OUT = 0, 1


@dataclass(frozen=True)
class CoinFlips:
    """Independent uniform tokens, as the data of a `Trainer`; V is the number of sides."""

    vocab_size: int

    def batch(
        self, step: int, seed: int, batch_tokens: int, max_length: int, *, min_length: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return fresh inputs and targets, int64 (rows, length), always of the longest length."""
        tokens = self._draw((_TRAINING, seed, step), batch_tokens // max_length, max_length)
        return tokens[:, :-1], tokens[:, 1:]

    def windows(
        self, split: str, length: int, per_document: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return sequences that no batch holds; every one is a document of its own."""
        tokens = self.held_out(0, per_document * 256, length)
        return tokens[:, :-1], tokens[:, 1:], np.arange(len(tokens))

    def held_out(self, seed: int, rows: int, length: int) -> np.ndarray:
        """Return sequences for the test, int64 (rows, length + 1), the same for every model."""
        return self._draw((_HELD_OUT, seed), rows, length)

    def _draw(self, stream: tuple[int, ...], rows: int, length: int) -> np.ndarray:
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(stream)))
        return generator.integers(self.vocab_size, size=(rows, length + 1))


KINDS = ("dense", *(k.name for k in HEAD_KINDS.values() if k.selector and k.in_config))
SHAPE = ModelConfig(
    vocab_size=8,
    d_model=64,
    n_layers=2,
    d_head=16,
    max_seq_len=64,
    n_dense_heads=4,
    n_sparse_heads=16,
    sparsity=8,
    include_first=True,
    tie_embeddings=False,
)
"""16 sparse heads of k = 8 and 4 dense ones in each of two layers."""

PREFIXES = (15, 31, 47, 63)
"""Positions that are also scored from their prefix alone; the last one has no future anyway."""

HELD_OUT_BATCHES, HELD_OUT_ROWS, PREFIX_ROWS = 40, 256, 4096


def coin_flip_model(kind: str) -> ModelConfig:
    """Return the model of the test with sparse heads of one kind; ``dense`` has none."""
    require(kind in KINDS, "kind", kind, f"one of {KINDS}")
    return replace(SHAPE, n_sparse_heads=0) if kind == "dense" else replace(SHAPE, sparse=kind)


def coin_flip_recipe(length: int, seed: int, steps: int) -> TrainingConfig:
    """Return how the models are trained: Adam on 64 sequences a step, at a rate that falls to 0."""
    return TrainingConfig(
        steps=steps,
        batch_tokens=64 * length,
        max_length=length,
        min_length=length,
        learning_rate=2e-3,
        warmup_steps=min(50, steps // 2),
        weight_decay=0.0,
        betas=(0.9, 0.999),
        seed=seed,
        checkpoints=1,
        eval_tokens=0,
        dtype="float32",
    )


def run_coin_flips(
    kind: str,
    seed: int,
    steps: int,
    folder: Path | str,
    *,
    model: ModelConfig | None = None,
    batches: int = HELD_OUT_BATCHES,
) -> ProbeRecord:
    """Train one model on coin flips and score it on fresh ones; a second call goes on or reads.

    Parameters
    ----------
    kind, seed, steps
        One of `KINDS`; of weights and tokens; updates of 64 sequences of T tokens.
    folder : path-like
        Receives the record ``coin-flips-KIND-seedN``; while the run lasts, also its checkpoints.
    model, batches
        Another model than `coin_flip_model` gives; batches of 256 sequences to score on.

    Raises
    ------
    ValueError
        If the folder holds a record of this name with other settings.
    """
    config = model or coin_flip_model(kind)
    recipe = coin_flip_recipe(config.max_seq_len, seed, steps)
    name = f"coin-flips-{kind}-seed{seed}"
    settings = {
        "kind": kind,
        "seed": seed,
        "model": asdict(config),
        "training": recipe.to_json(),
        "ln_v": math.log(config.vocab_size),
    }
    path = Path(folder) / f"{name}.json"
    if path.exists():
        found = ProbeRecord.load(path)
        try:
            require_same_values(settings, found.settings)
        except ValueError as error:
            raise ValueError(f"{error} ({path}; --out names another folder)") from None
        return found
    torch.manual_seed(seed)
    network = TransformerLM(config)
    coins = CoinFlips(config.vocab_size)
    # Named by its settings: what is left of other steps is no beginning of this one.
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:6]
    work = path.with_name(f".{name}-{digest}")
    trainer = Trainer(network, coins, recipe, work, identity={"model": asdict(config)})
    with stop_on_signal(trainer):
        result = trainer.run()
    if result["status"] == "stopped":
        raise KeyboardInterrupt
    losses = [[line["step"], line["loss"]] for line in read_metrics(work / "metrics.jsonl")]
    rows, series = score_coin_flips(network.eval(), coins, seed, batches)
    command = f"mosa-edu inspect coin-flips --kinds {kind} --seeds {seed} --steps {steps}"
    record = ProbeRecord(
        "coin-flips",
        name,
        {**settings, "status": result["status"]},
        rows,
        {"training_loss": losses, **series},
        provenance(torch.__version__, command=command),
    )
    record.save(folder)
    shutil.rmtree(work)
    return record


def score_coin_flips(
    model: TransformerLM, coins: CoinFlips, seed: int, batches: int = HELD_OUT_BATCHES
) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    """Measure the loss on fresh tokens, with the future in sight and without.

    Returns
    -------
    rows : list of dict
        ``score`` (full or prefix), ``position`` (None: mean over all), ``loss`` and ``stderr`` in
        nats, ``sequences``. Sequences are independent, so the standard error is exact.
    series : dict
        ``loss_by_position`` and ``stderr_by_position`` of the full score, T numbers each.
    """
    T = model.config.max_seq_len
    tokens = torch.from_numpy(coins.held_out(seed, batches * HELD_OUT_ROWS, T))
    full = _losses(model, tokens)  # (N, T)
    rows = [_row("full", None, full.mean(dim=1))]
    fresh = torch.from_numpy(coins.held_out(seed + 1_000_000, PREFIX_ROWS, T))
    for position in (p for p in PREFIXES if p < T):
        prefix = fresh[:, : position + 2]
        rows.append(_row("prefix", position, _losses(model, prefix)[:, -1]))
    spread = full.std(dim=0) / math.sqrt(len(full))
    series = {
        "loss_by_position": [round(loss, 5) for loss in full.mean(dim=0).tolist()],
        "stderr_by_position": [round(error, 5) for error in spread.tolist()],
    }
    return rows, series


def _row(score: str, position: int | None, losses: Tensor) -> dict[str, Any]:
    return {
        "score": score,
        "position": position,
        "loss": float(losses.mean()),
        "stderr": float(losses.std() / math.sqrt(len(losses))),
        "sequences": len(losses),
    }


@torch.no_grad()
def _losses(model: TransformerLM, tokens: Tensor) -> Tensor:
    """Nats of every prediction, float64 (N, T), from tokens (N, T + 1)."""
    batches = track(tokens.split(HELD_OUT_ROWS), "scoring fresh coins", "batches")
    return torch.cat([token_losses(model(own[:, :-1]), own[:, 1:]) for own in batches]).double()
