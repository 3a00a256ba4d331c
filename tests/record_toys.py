"""Small runs and scores, written by hand: what tables and claims are tested with."""

import dataclasses

import numpy as np

from mosa_edu.analysis.held_out import experiment_of
from mosa_edu.records import Comparison, RunRecord
from mosa_edu.records.held_out import HeldOutRecord
from mosa_edu.records.scores import ScoreRecord

HEADS = {
    "dense": {"sparse": "mosa", "n_sparse_heads": 0},
    "dense_ablation": {"sparse": "mosa", "n_sparse_heads": 0, "n_dense_heads": 1},
    "mosa_only": {"sparse": "mosa", "n_dense_heads": 0},
    "local_hybrid": {"sparse": "mosa", "n_dense_heads": 0, "n_local_heads": 2},
    "no_sink": {"sparse": "mosa", "include_first": False},
}


def run(kind, seed, loss, *, match="flops", sparsity=8, recipe="r", model=None, **changes):
    """Return a finished run of a kind of model, two dense and three sparse heads a layer."""
    sparse = kind not in ("dense", "dense_ablation")
    match = "none" if kind == "dense_ablation" else match
    shape = {"sparse": kind, "n_sparse_heads": 3, "n_dense_heads": 2, "sparsity": sparsity}
    shape |= {"include_first": True, **HEADS.get(kind, {}), **(model or {})}
    compared = Comparison("isoflop", kind, match, sparsity if sparse else None, recipe=recipe)
    record = RunRecord(
        name=f"{kind}-{match}-{sparsity}-{recipe}-{shape['n_sparse_heads']}-seed{seed}",
        command="mosa-edu experiment run isoflop",
        commit=None,
        seed=seed,
        model=shape,
        training={},
        data={},
        n_parameters=10,
        hardware="a card",
        wall_seconds=1.0,
        tokens_seen=1000,
        train_curve=[],
        validation={"32": {"loss": 9.0}, "256": {"loss": loss}},
        status="finished",
        comparison=compared,
        flops_per_token=100.0,
    )
    return dataclasses.replace(record, **changes)


def score(name, losses, books=(0, 0, 1, 1)):
    """Return a score record with one position a window: losses broadcast to (3, N)."""
    values = np.broadcast_to(np.asarray(losses, np.float32), (3, len(books)))
    whole = np.ascontiguousarray(values)[..., None]
    return ScoreRecord(name, ["a", "b"], np.array(books, np.uint8), [3], whole, 1, "f")


def scored(kinds, seeds=(0, 1, 2), noise=0.0, **options):
    """Return runs and scores by kind: noncausal loss, and the loss with the future hidden.

    Windows scatter by seed, in the same way for all kinds, and by `noise` for each kind.
    """
    books = np.repeat(np.arange(2, dtype=np.uint8), 20)
    runs, scores = [], {}
    for kind, (full, hidden) in kinds.items():
        for seed in seeds:
            record = run(kind, seed, full, **options)
            hard = np.random.default_rng(seed).normal(size=40)
            own = noise * np.random.default_rng([seed, len(kind)]).normal(size=40)
            losses = np.array([full, hidden, hidden])[:, None] + hard + own
            runs.append(record)
            scores[record.name] = score(record.name, losses, books)
    return runs, scores


def experiment(n_seeds=3, spread=0.001, **losses):
    """Arms of one layer on two blocks of each of two books, as in the plan ``heads``."""
    runs, scored = [], {}
    for place, (kind, loss) in enumerate({"dense": 4.0, **losses}.items()):
        for seed in range(n_seeds):
            moved = loss + 0.01 * seed + spread * ((place + 2 * seed) % 3 - 1)
            made = run(kind, seed, moved)
            price = np.full((2, 4), 0.01, np.float32) if kind == "mosa" else np.empty((2, 0))
            runs.append(made)
            scored[made.name] = HeldOutRecord(
                made.name,
                ["Dracula", "Emma"],
                np.array([0, 0, 1, 1], np.uint8),
                np.ones(4, np.uint8),
                np.full(4, moved, np.float32),
                price.astype(np.float32),
                price.astype(np.float32),
                "text",
            )
    return experiment_of(runs, scored)
