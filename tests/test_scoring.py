"""Three scores: equal for causal models, different where the future reaches the past."""

import dataclasses

import numpy as np
import pytest
import torch

from mosa_edu.model import PRESETS, TransformerLM
from mosa_edu.probes.scores import others_of, spread_cuts, three_scores
from mosa_edu.records.scores import ScoreRecord

RNG = np.random.default_rng(0)
WINDOWS = RNG.integers(0, 512, (5, 33))
BOOKS = np.array([0, 0, 1, 1, 1])


def scores_of(n_dense: int, n_sparse: int, kind: str = "mosa") -> np.ndarray:
    torch.manual_seed(0)
    config = dataclasses.replace(
        PRESETS["micro"], n_dense_heads=n_dense, n_sparse_heads=n_sparse, sparse=kind
    )
    model = TransformerLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4.0)  # an untrained model says nearly nothing; make it speak up
    return three_scores(model, WINDOWS, BOOKS, (3, 15, 31), draws=2, batch_tokens=70)


@pytest.mark.parametrize(("n_dense", "n_sparse", "kind"), [(2, 0, "mosa"), (1, 4, "fixed")])
def test_causal_models_score_the_same_in_all_three(n_dense, n_sparse, kind):
    """Catches a cut that is off by one: the position would then see its own target."""
    full, prefix, foreign = scores_of(n_dense, n_sparse, kind)
    np.testing.assert_allclose(prefix, full, atol=2e-5)
    np.testing.assert_allclose(foreign, full, atol=2e-5)


def test_expert_choice_changes_with_the_future_but_not_at_the_last_position():
    """At the last position there is no future to hide: all three are one number."""
    full, prefix, foreign = scores_of(1, 4)
    np.testing.assert_allclose(prefix[:, -1], full[:, -1], atol=2e-5)
    np.testing.assert_allclose(foreign[:, -1], full[:, -1], atol=2e-5)
    assert np.abs(prefix[:, :-1] - full[:, :-1]).max() > 1e-3
    assert np.abs(foreign[:, :-1] - full[:, :-1]).max() > 1e-3


def test_the_foreign_future_is_of_another_book():
    """Catches a draw over all windows: one's own book, or one's own window, is not foreign."""
    generator = np.random.default_rng(0)
    for _ in range(50):
        assert (BOOKS[others_of(BOOKS, BOOKS, generator)] != BOOKS).all()


def test_cuts_are_spread_and_checked():
    assert spread_cuts(256, 3) == (15, 135, 255)
    assert spread_cuts(8, 8, first=0) == tuple(range(8))
    with pytest.raises(ValueError, match="count must be"):
        spread_cuts(8, 9)
    model = TransformerLM(PRESETS["micro"])
    with pytest.raises(ValueError, match="cuts must be"):
        three_scores(model, WINDOWS, BOOKS, (32,))
    with pytest.raises(ValueError, match="books must be"):
        three_scores(model, WINDOWS, 0 * BOOKS, (3,))


def record(**changes) -> ScoreRecord:
    values = {
        "name": "run",
        "titles": ["one", "two"],
        "books": np.array([0, 1, 1], np.uint8),
        "cuts": [3, 7],
        "losses": np.arange(18, dtype=np.float32).reshape(3, 3, 2),
        "draws": 2,
        "fingerprint": "0" * 64,
    }
    return ScoreRecord(**{**values, **changes})


def test_record_round_trip_and_book_means():
    read = ScoreRecord.from_json(record().to_json())
    assert read.to_json() == record().to_json()
    assert read.per_window("full").tolist() == [0.5, 2.5, 4.5]
    assert read.per_book("full") == {"one": 0.5, "two": 3.5}


@pytest.mark.parametrize(
    "changes", [{"cuts": [1]}, {"books": np.array([0, 2, 1], np.uint8)}, {"version": 3}]
)
def test_records_that_do_not_fit_are_refused(changes):
    with pytest.raises(ValueError, match="must be"):
        record(**changes)
