"""Which recorded runs may be compared: the same recipe, data and seed, and one thing changed."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from mosa_edu.records import RunRecord
from mosa_edu.results import final_loss, kind_of
from mosa_edu.results.twins import recipe_of, schedule_of

EQUAL_FLOPS = (0.9, 1.001)
"""Share of the baseline's FLOPs within which two models count as equal."""


class Pair(NamedTuple):
    """Two runs of one recipe and seed."""

    baseline: RunRecord
    other: RunRecord

    @property
    def gain(self) -> float:
        """How much lower the other run's loss is, in nats per token; full-sequence routing."""
        return final_loss(self.baseline) - final_loss(self.other)

    @property
    def flops_share(self) -> float:
        """FLOPs of the other model over those of the baseline; 0 if not recorded."""
        ours, theirs = self.other.flops_per_token, self.baseline.flops_per_token
        return ours / theirs if ours and theirs else 0.0


def pair_groups(
    runs: Iterable[RunRecord],
    baseline: Callable[[RunRecord], bool],
    other: Callable[[RunRecord], bool],
    flops: tuple[float, float] = EQUAL_FLOPS,
) -> list[list[Pair]]:
    """Pair finished runs seed by seed.

    Parameters
    ----------
    runs : iterable of RunRecord
        Any runs.
    baseline, other : callable
        Say which runs stand on which side.
    flops : tuple of float
        Smallest and largest share of the baseline's FLOPs.

    Returns
    -------
    list of list of Pair
        A group for each schedule of training and each model on the other side: these are never
        pooled, and two sparse models are paired only at one sparsity. Seeds of one schedule read
        a few tokens more or less. Sorted by seed.
    """
    finished = [run for run in runs if run.status == "finished"]
    groups: dict[str, dict[int, Pair]] = defaultdict(dict)
    for left in filter(baseline, finished):
        for right in filter(other, finished):
            pair = Pair(left, right)
            alike = recipe_of(left) == recipe_of(right) and _one_sparsity(left, right)
            if alike and flops[0] <= pair.flops_share <= flops[1]:
                same = [schedule_of(left), left.data, left.model, right.model]
                key = json.dumps(same, sort_keys=True)
                groups[key][left.seed] = pair
    return [[found[seed] for seed in sorted(found)] for found in groups.values()]


def pairs(
    runs: Iterable[RunRecord],
    baseline: Callable[[RunRecord], bool],
    other: Callable[[RunRecord], bool],
    flops: tuple[float, float] = EQUAL_FLOPS,
) -> list[Pair]:
    """Return the group of pairs with most seeds.

    Parameters
    ----------
    runs, baseline, other, flops
        As in `pair_groups`.

    Returns
    -------
    list of Pair
        Of several such groups the longest training, then the most sparse heads, then those with
        a seat for token 0, as in the paper; empty if there is none.
    """

    def rank(group: list[Pair]) -> tuple[int, int, int, bool]:
        run = group[0].other
        seat = run.model["include_first"]
        return len(group), run.tokens_seen, run.model["n_sparse_heads"], seat

    return max(pair_groups(runs, baseline, other, flops), key=rank, default=[])


def _one_sparsity(left: RunRecord, right: RunRecord) -> bool:
    """Return whether two runs with sparse heads keep the same share; dense heads have none."""
    return not left.model["n_sparse_heads"] or left.model["sparsity"] == right.model["sparsity"]


def is_dense(run: RunRecord) -> bool:
    """Return whether a run is of the dense baseline."""
    return kind_of(run) == "dense"


def is_fewer(run: RunRecord) -> bool:
    """Return whether a run is of some of the baseline's dense heads, with nothing beside them."""
    return kind_of(run) == "fewer"


def is_hybrid(kind: str) -> Callable[[RunRecord], bool]:
    """Return a test for runs with sparse heads of a kind beside dense ones."""
    return lambda run: kind_of(run) == kind and run.model["n_dense_heads"] > 0


def gains(found: Sequence[Pair]) -> list[float]:
    """Return the gain of every pair."""
    return [pair.gain for pair in found]
