"""What sparse heads bring to the dense heads beside them, and how much of it goes with the future.

A gain over the dense model mixes two changes: dense heads went, and sparse heads came. Here each
hybrid is compared with its own dense heads and nothing beside them, in the same seed, window by
window; and its own loss with the future in view is compared with its loss without.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records import RunRecord
from mosa_edu.records.scores import WAYS, ScoreRecord
from mosa_edu.results.intervals import NEEDED_SEEDS, Interval, gain_interval
from mosa_edu.results.shares import gains_by_seed
from mosa_edu.results.twins import again, comparison_of, grouped, kind_of, match_of, recipe_of

HIDDEN = tuple(way for way in WAYS if way != "full")
"""Scores under which the router sees no later token of the text."""


@dataclass(frozen=True, eq=False)
class BroughtRow:
    """One kind of hybrid beside its dense heads alone.

    Attributes
    ----------
    kind, match : str
        Of the sparse heads, ``dense`` for more dense ones; what is equal to the dense model's.
    include_first : bool
        Whether every expert-choice head has a seat for token 0.
    n_heads : int
        Sparse heads of a layer, or dense ones, beside those that both models have.
    n_parameters : int
        Of the model.
    seeds : tuple of int
        Of the pairs.
    again : str
        The command that trains and scores the hybrids once more.
    gains : dict of str to Interval
        Loss of the dense heads alone minus this one, by score: nats per token.
    windows : dict of str to ndarray
        The same, seed by seed and window by window: float64 (S, N).
    books : ndarray of integers, shape (N,)
        Book of each window.
    recipe : str
        Training and data, which two rows must share to be compared.
    future : dict of str to Interval
        Loss with the future hidden minus loss in full view, by the way it is hidden. Exactly 0
        for causal heads, to rounding.
    """

    kind: str
    match: str
    include_first: bool
    n_heads: int
    n_parameters: int
    seeds: tuple[int, ...]
    again: str
    gains: dict[str, Interval]
    future: dict[str, Interval]
    recipe: str = field(repr=False)
    windows: dict[str, np.ndarray] = field(repr=False)
    books: np.ndarray = field(repr=False)

    @property
    def label(self) -> str:
        """How many heads of which kind."""
        free = " without the seat" * (self.kind == "mosa" and not self.include_first)
        return f"{self.n_heads} {'more dense' if self.kind == 'dense' else self.kind}{free}"

    @property
    def decides(self) -> bool:
        """Whether there are enough seeds to say anything."""
        return len(self.seeds) >= NEEDED_SEEDS

    def ahead_of(self, other: "BroughtRow", way: str) -> Interval:
        """How much more these heads bring than others, over the seeds of both.

        Parameters
        ----------
        other : BroughtRow
            Of the same recipe.
        way : {"full", "prefix", "foreign"}
            The score.

        Returns
        -------
        Interval
            Nats per token, see `gain_interval`.

        Raises
        ------
        ValueError
            If the rows are of different recipes, or have no seed in common.
        """
        require(self.recipe == other.recipe, "other", other.label, "trained by the same recipe")
        mine, theirs = (
            dict(zip(row.seeds, row.windows[way], strict=True)) for row in (self, other)
        )
        common = sorted(mine.keys() & theirs.keys())
        require(len(common) > 0, "other", other.seeds, f"of a seed of {self.seeds}")
        return gain_interval(np.array([mine[s] - theirs[s] for s in common]), self.books)


def brought_rows(
    runs: Iterable[RunRecord], scores: Mapping[str, ScoreRecord], sparsity: int = 8
) -> list[BroughtRow]:
    """Compare hybrids, and models with more dense heads, with dense heads alone.

    Parameters
    ----------
    runs : iterable of RunRecord
        Such as `recorded_runs` returns; only finished ones with scores are used.
    scores : mapping of str to ScoreRecord
        By name of the run.
    sparsity : int
        T / k of the sparse heads.

    Returns
    -------
    list of BroughtRow
        Largest gain with the future cut off first. Hybrids with local heads, or with fewer dense
        heads than the control has, are left out; empty without a control.
    """
    known = [run for run in runs if run.status == "finished" and run.name in scores]
    alone = {recipe_of(run): run for run in known if kind_of(run) == "fewer"}
    kept = [
        run
        for run in known
        if (run.model["sparsity"] == sparsity or not run.model["n_sparse_heads"])
        and _holds(run, alone.get(recipe_of(run)))
    ]
    controls = {recipe: scores[run.name] for recipe, run in alone.items()}
    rows = [_row(members, alone, controls, scores) for members in grouped(kept).values()]
    return sorted(rows, key=lambda row: -row.gains["prefix"].mean)


def _holds(run: RunRecord, alone: RunRecord | None) -> bool:
    """Return whether a model is the control and something beside it."""
    if alone is None or kind_of(run) == "fewer" or run.model.get("n_local_heads", 0):
        return False
    return bool(run.model["n_dense_heads"] >= alone.model["n_dense_heads"])


def _row(
    members: Sequence[RunRecord],
    alone: Mapping[str, RunRecord],
    controls: dict[str, ScoreRecord],
    scores: Mapping[str, ScoreRecord],
) -> BroughtRow:
    first = members[0]
    books = scores[first.name].books
    gained = {way: gains_by_seed(list(members), controls, scores, way) for way in WAYS}
    windows = {way: np.array(list(by_seed.values())) for way, by_seed in gained.items()}
    more_dense = first.model["n_dense_heads"] - alone[recipe_of(first)].model["n_dense_heads"]
    return BroughtRow(
        kind=kind_of(first),
        match=match_of(first),
        include_first=first.model["include_first"],
        n_heads=first.model["n_sparse_heads"] or more_dense,
        n_parameters=first.n_parameters,
        seeds=tuple(run.seed for run in members),
        again=again(members),
        gains={way: gain_interval(windows[way], books) for way in WAYS},
        future={way: gain_interval(windows["full"] - windows[way], books) for way in HIDDEN},
        recipe=comparison_of(first),
        windows=windows,
        books=books,
    )
