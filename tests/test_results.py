"""Tables say what the records say: pairing by seed and window, and intervals that cover."""

import numpy as np
import pytest

from mosa_edu.records import RunRecord
from mosa_edu.records.scores import ScoreRecord
from mosa_edu.results import (
    bootstrap_mean,
    recorded_runs,
    recorded_scores,
    score_difference,
    score_gap,
    twin_rows,
)


def run(kind: str, seed: int, loss: float, status: str = "finished") -> RunRecord:
    return RunRecord(
        name=f"{kind}-{seed}",
        command="mosa-edu compare",
        commit=None,
        seed=seed,
        model={
            "sparse": "mosa" if kind == "dense" else kind,
            "n_sparse_heads": 0 if kind == "dense" else 3,
            "n_dense_heads": 2,
        },
        training={},
        data={},
        n_parameters=10,
        hardware="",
        wall_seconds=1.0,
        tokens_seen=100,
        train_curve=[],
        validation={"32": {"loss": 9.0}, "256": {"loss": loss}},
        status=status,
    )


def test_gains_pair_seeds_and_leave_failed_runs_out():
    """Catches pairing by position: seed 1 of dense is missing, seed 2 must meet seed 2."""
    rows = twin_rows(
        [
            run("mosa", 0, 3.5),
            run("mosa", 1, 3.0, status="diverged"),
            run("mosa", 2, 3.6),
            run("dense", 2, 4.0),
            run("dense", 0, 3.8),
        ]
    )
    assert [row.kind for row in rows] == ["mosa", "dense"]
    assert rows[0].gains == pytest.approx((0.3, 0.4))
    assert rows[0].loss == pytest.approx(3.55)
    assert rows[1].gains == (0.0, 0.0)


def test_bootstrap_covers_the_mean_about_as_often_as_it_says():
    """Catches a bootstrap of single tokens or of the wrong tail."""
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(4), 25)
    inside = 0
    for _ in range(200):
        interval = bootstrap_mean(generator.normal(size=100), groups, draws=400)
        inside += interval.low <= 0.0 <= interval.high
    assert 176 <= inside <= 199


def score(name: str, full: float, prefix: float, books=(0, 0, 1)) -> ScoreRecord:
    losses = np.array([full, prefix, prefix], np.float32)[:, None, None] + np.zeros((3, 3, 2))
    return ScoreRecord(
        name=name,
        titles=["a", "b"],
        books=np.array(books, np.uint8),
        cuts=[3, 7],
        losses=losses.astype(np.float32),
        draws=1,
        fingerprint="f",
    )


def test_scores_are_paired_by_window():
    mosa, dense = score("mosa", 3.0, 3.5), score("dense", 3.25, 3.25)
    assert score_difference(mosa, dense, "full").mean == pytest.approx(0.25)
    assert score_difference(mosa, dense, "prefix").mean == pytest.approx(-0.25)
    assert score_gap(mosa, "foreign").mean == pytest.approx(0.5)
    with pytest.raises(ValueError, match="scored on the windows of"):
        score_difference(mosa, score("dense", 1, 1, books=(0, 1, 1)), "full")


def test_shipped_records_can_be_read():
    """A record that no table can read must not ship."""
    assert all(record.status for record in recorded_runs())
    assert all(name for name in recorded_scores())
