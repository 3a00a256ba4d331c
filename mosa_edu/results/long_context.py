"""Models of equal FLOPs on long texts: their losses, and who gains on whom, at which positions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records import RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import WAYS, ScoreRecord
from mosa_edu.results.intervals import Interval, bootstrap_mean, gain_interval
from mosa_edu.results.twins import schedule_of

EVERY = "every position"
"""The measure of most text: all positions of the windows, the router seeing the whole text."""

Values = dict[int, np.ndarray]
"""By seed, one loss a window: float64 (N,)."""


class LongContextRecords(NamedTuple):
    """What `mosa-edu long-context` writes; all three are empty if it was never run.

    Attributes
    ----------
    runs : list of RunRecord
        Finished, stopped and diverged runs.
    scores : dict of str to ScoreRecord
        Three scores at a few positions, by name of the run.
    probes : dict of str to ProbeRecord
        Losses by position, by ``positions-`` and name of the run.
    """

    runs: Sequence[RunRecord]
    scores: Mapping[str, ScoreRecord]
    probes: Mapping[str, ProbeRecord]


@dataclass(frozen=True, eq=False)
class LongContextRow:
    """One kind of model on texts of one length, over its seeds.

    Attributes
    ----------
    kind : str
        Kind of the sparse heads; ``local`` or ``dense`` if all heads are of that kind.
    length, n_kept : int
        Tokens of a text, T; tokens that a sparse head keeps, k.
    n_dense_heads, n_local_heads, n_sparse_heads, n_parameters : int
        Heads of a layer; parameters of the model.
    flops_per_token : float
        Of one forward pass.
    tokens : int
        Trained on, by each seed.
    seeds : tuple of int
        Ascending.
    spans : tuple of (int, int)
        Ranges of positions, first and last, that losses are known of.
    recipe : str
        What models must share to be paired: training and data.
    values : dict of str to dict of int to ndarray
        By measure and seed, one loss a window: float64 (N,).
    books : dict of str to ndarray
        By measure, the book of each window.
    """

    kind: str
    length: int
    n_kept: int
    n_dense_heads: int
    n_local_heads: int
    n_sparse_heads: int
    n_parameters: int
    flops_per_token: float
    tokens: int
    seeds: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    recipe: str = field(repr=False)
    values: dict[str, Values] = field(repr=False)
    books: dict[str, np.ndarray] = field(repr=False)

    @property
    def measures(self) -> tuple[str, ...]:
        """What losses are known by: every position, the three scores, ranges of positions."""
        return tuple(self.values)

    def loss(self, measure: str = EVERY) -> Interval:
        """Mean loss over windows and seeds, in nats per token.

        Parameters
        ----------
        measure : str
            One of `measures`.
        """
        values = self._of(measure)
        return bootstrap_mean(np.array(list(values.values())), self.books[measure])

    def gain_on(self, other: "LongContextRow", measure: str = EVERY) -> Interval | None:
        """How much lower this loss is than another model's, paired by seed and window.

        Parameters
        ----------
        other : LongContextRow
            Trained on the same tokens in the same order.
        measure : str
            One of `measures`.

        Returns
        -------
        Interval or None
            Nats per token, positive if this model is better; None without a common seed. Of one
            seed the interval knows how windows vary, and nothing of how trainings do.
        """
        require(self.recipe == other.recipe, "other", other.kind, "trained by the same recipe")
        mine, theirs = self._of(measure), other._of(measure)
        same = np.array_equal(self.books[measure], other.books[measure])
        require(same, "other", other.kind, "scored on the same windows")
        common = sorted(mine.keys() & theirs.keys())
        if not common:
            return None
        gains = np.array([theirs[seed] - mine[seed] for seed in common])
        return gain_interval(gains, self.books[measure])

    def _of(self, measure: str) -> Values:
        require(measure in self.values, "measure", measure, f"one of {self.measures}")
        return self.values[measure]

    def __str__(self) -> str:
        heads = f"{self.n_dense_heads + self.n_local_heads}+{self.n_sparse_heads}"
        seeds = f"{len(self.seeds)} seed{'s' if len(self.seeds) > 1 else ''}"
        return (
            f"{self.kind:8} {heads:>6} heads, {self.n_parameters:>9,} parameters, "
            f"{self.flops_per_token / 1e6:.2f} MFLOP a token; {self.tokens:,} tokens, {seeds}: "
            f"{self.loss()} nats"
        )


def long_context_rows(records: LongContextRecords) -> list[LongContextRow]:
    """Gather the finished runs of long texts by kind.

    Parameters
    ----------
    records : LongContextRecords
        Such as `recorded_long_context` returns.

    Returns
    -------
    list of LongContextRow
        Best loss first; empty if nothing was recorded.
    """
    known = [
        run
        for run in records.runs
        if run.status == "finished"
        and run.name in records.scores
        and f"positions-{run.name}" in records.probes
    ]
    groups: dict[str, list[RunRecord]] = {}
    for run in sorted(known, key=lambda run: run.seed):
        groups.setdefault(json.dumps([run.model, _recipe(run)]), []).append(run)
    rows = [_row(members, records) for members in groups.values()]
    return sorted(rows, key=lambda row: row.loss().mean)


def _row(members: list[RunRecord], records: LongContextRecords) -> LongContextRow:
    first = members[0]
    probes = {run.seed: records.probes[f"positions-{run.name}"] for run in members}
    scores = {run.seed: records.scores[run.name] for run in members}
    spans = [(row["first"], row["last"]) for row in probes[first.seed].rows]
    weights = np.array([last - start + 1 for start, last in spans]) / first.model["max_seq_len"]
    by_span = {seed: np.array(probe.series["losses"]) for seed, probe in probes.items()}
    values = {EVERY: {seed: losses @ weights for seed, losses in by_span.items()}}
    books = {EVERY: np.array(probes[first.seed].series["books"])}
    for way in WAYS:
        values[way] = {seed: score.per_window(way) for seed, score in scores.items()}
        books[way] = scores[first.seed].books
    for number, span in enumerate(spans):
        values[span_name(span)] = {seed: losses[:, number] for seed, losses in by_span.items()}
        books[span_name(span)] = books[EVERY]
    return LongContextRow(
        kind=_kind(first),
        length=first.model["max_seq_len"],
        n_kept=first.model["max_seq_len"] // first.model["sparsity"],
        n_dense_heads=first.model["n_dense_heads"],
        n_local_heads=first.model["n_local_heads"],
        n_sparse_heads=first.model["n_sparse_heads"],
        n_parameters=first.n_parameters,
        flops_per_token=first.flops_per_token or 0.0,
        tokens=first.tokens_seen,
        seeds=tuple(run.seed for run in members),
        spans=tuple(spans),
        recipe=_recipe(first),
        values=values,
        books=books,
    )


def span_name(span: tuple[int, int]) -> str:
    """Return the name that a range of positions has among the measures."""
    return f"positions {span[0]} to {span[1]}"


def _kind(run: RunRecord) -> str:
    if run.model["n_sparse_heads"]:
        return str(run.model["sparse"])
    return "local" if run.model["n_local_heads"] else "dense"


def _recipe(run: RunRecord) -> str:
    return json.dumps([schedule_of(run), run.data, run.model["max_seq_len"]], sort_keys=True)
