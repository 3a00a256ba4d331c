"""Chance is computed, not guessed: the formulas agree with blind draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosa_edu.analysis.overlap import chance_jaccard, chance_orphans, jaccard, mean_jaccard, orphans


def blind(T: int, k: int, n_heads: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    picked = np.zeros((n_heads, T), dtype=bool)
    for head in picked:
        head[generator.choice(T, k, replace=False)] = True
    return picked


@given(st.integers(2, 12), st.data())
def test_overlap_is_symmetric_and_between_0_and_1(T, data):
    k = data.draw(st.integers(1, T))
    overlap = jaccard(blind(T, k, 4, data.draw(st.integers(0, 99))))
    assert (overlap == overlap.T).all()
    assert ((overlap >= 0) & (overlap <= 1)).all()


def test_chance_agrees_with_blind_draws():
    """Catches the ratio of expectations, k^2/T over 2k - k^2/T, in place of the expected ratio."""
    drawn = [mean_jaccard(blind(20, 5, 2, seed)) for seed in range(4000)]
    assert chance_jaccard(20, 5) == pytest.approx(np.mean(drawn), abs=0.006)
    left = [len(orphans(blind(20, 5, 3, seed))) for seed in range(2000)]
    assert chance_orphans(20, 5, 3) == pytest.approx(np.mean(left), abs=0.15)


def test_orphans_count_all_layers_together():
    picked = np.zeros((2, 1, 4), dtype=bool)
    picked[0, 0, 1] = picked[1, 0, 3] = True
    assert orphans(picked).tolist() == [0, 2]


def test_two_empty_heads_share_nothing_and_one_head_has_no_pair():
    assert jaccard(np.zeros((2, 3), dtype=bool))[0, 1] == 0
    with pytest.raises(ValueError, match="at least 2 heads"):
        mean_jaccard(np.ones((1, 3), dtype=bool))
