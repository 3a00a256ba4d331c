"""Gains of runs over their dense twins, and how much of the claimed gain they are."""

from collections.abc import Mapping

import numpy as np

from mosa_edu.records import RunRecord
from mosa_edu.records.scores import ScoreRecord
from mosa_edu.results.intervals import (
    NEEDED_SEEDS,
    Interval,
    gain_interval,
    interval,
    paired_gains,
    resampled_means,
)
from mosa_edu.results.twins import recipe_of


def gains_by_seed(
    members: list[RunRecord],
    dense: dict[str, ScoreRecord],
    scores: Mapping[str, ScoreRecord],
    way: str,
) -> dict[int, np.ndarray]:
    """Gain of every window over the dense run of the same recipe and seed, by seed."""
    return {
        run.seed: paired_gains(scores[run.name], dense[recipe_of(run)], way)
        for run in members
        if recipe_of(run) in dense
    }


def is_told_apart(gained: dict[int, np.ndarray], books: np.ndarray) -> bool:
    """Return whether there are enough seeds, and their interval does not hold 0."""
    enough = len(gained) >= NEEDED_SEEDS
    return enough and not gain_interval(np.array(list(gained.values())), books).holds_zero


def share_of_claim(
    gained: dict[int, np.ndarray], claim: dict[int, np.ndarray], books: np.ndarray
) -> Interval | None:
    """Gain over the claimed one, in the seeds of both; None if one of them may be 0.

    The bounds resample windows and seeds, and are too narrow with a few seeds.
    """
    if not (is_told_apart(gained, books) and is_told_apart(claim, books)):
        return None
    seeds = sorted(gained.keys() & claim.keys())
    if len(seeds) < NEEDED_SEEDS:
        return None
    part, whole = (np.array([gains[seed] for seed in seeds]) for gains in (gained, claim))
    wholes = resampled_means(whole, books)
    return interval(float(part.mean() / whole.mean()), resampled_means(part, books) / wholes)
