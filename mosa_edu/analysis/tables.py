"""What sparse heads bring to the dense heads beside them, and how much of it goes with the future.

A gain over the dense model mixes two changes: dense heads went, and sparse heads came. Here each
hybrid is compared with its own dense heads and nothing beside them, in the same seed, window by
window; and its own loss with the future in view is compared with its loss without.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np

from mosa_edu.analysis.groups import (
    again,
    comparison_of,
    final_loss,
    gains_by_seed,
    grouped,
    kind_of,
    match_of,
    recipe_of,
    schedule_of,
    share_of_claim,
)
from mosa_edu.analysis.statistics import NEEDED_SEEDS, Interval, bootstrap_mean, gain_interval
from mosa_edu.checks import require
from mosa_edu.records import RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import WAYS, ScoreRecord

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


PAPER = "mosa"
"""The kind whose gain under the full score is the whole of every share: the paper's claim."""

NOTHING = "not told apart from 0"


@dataclass(frozen=True)
class RepairRow:
    """One kind of model beside the dense model, over the seeds that both were trained with.

    Attributes
    ----------
    kind : str
        ``dense``, the kind of the sparse heads, or ``fewer`` for some of the dense heads alone.
    match : str
        What is equal to the dense model's: ``flops``, ``parameters``, ``loss`` or ``nothing``.
    sparsity : int
        T / k; that of the comparison for dense models.
    n_dense_heads, n_local_heads, n_sparse_heads : int
        Heads of a layer.
    include_first : bool
        Whether every expert-choice head has a seat for token 0.
    n_parameters, tokens : int
        Of the model; trained on, by each seed.
    seeds : tuple of int
        Whose scores are in the row.
    again : str
        The command that trains and scores them once more.
    paired : int
        How many of them have a dense model of the same seed and recipe.
    losses : dict of str to Interval
        Nats per token under "full", "prefix" and "foreign".
    gains : dict of str to Interval
        Loss of the dense model of the same seed minus this loss, by score; empty if there is
        no such dense model.
    shares : dict of str to Interval
        That gain as a share of the gain of the paper's routing under the full score at equal
        FLOPs; only if both gains are told apart from 0, over enough seeds.
    selected, refused : float or None
        Share of the tokens that a head keeps, and of those it wanted that found no slot; None if
        that was not measured.
    """

    kind: str
    match: str
    sparsity: int
    n_dense_heads: int
    n_local_heads: int
    n_sparse_heads: int
    include_first: bool
    n_parameters: int
    tokens: int
    seeds: tuple[int, ...]
    again: str
    paired: int
    losses: dict[str, Interval]
    gains: dict[str, Interval]
    shares: dict[str, Interval]
    selected: float | None
    refused: float | None

    @property
    def label(self) -> str:
        """The kind, and what is unusual about its heads or those beside it."""
        if self.kind == "fewer":
            return f"{self.n_dense_heads} dense heads alone"
        if self.n_local_heads:
            return f"{self.kind} beside local heads"
        if self.n_dense_heads == 0:
            return f"{self.kind} alone"
        free = self.kind == PAPER and not self.include_first
        return f"{self.kind} without the seat of token 0" if free else self.kind

    @property
    def matched(self) -> str:
        """What was made equal to the dense model, and at which sparsity."""
        if self.kind == "dense":
            return "the baseline"
        if self.match == "nothing":
            return "fewer FLOPs"
        return f"equal {self.match}, sparsity {self.sparsity}"

    def verdict(self, way: str) -> str:
        """Say in words what is left of the claimed gain under a score.

        Parameters
        ----------
        way : {"full", "prefix", "foreign"}
            The score.

        Returns
        -------
        str
            A share with its interval, or why there is none.
        """
        if self.kind == "dense":
            return "the model that gains are measured from"
        if way not in self.gains:
            return "no dense model of the same seed"
        gain = self.gains[way]
        if self.paired < NEEDED_SEEDS:
            few = "1 seed decides" if self.paired == 1 else f"{self.paired} seeds decide"
            return f"gain {gain}: {few} nothing"
        if gain.holds_zero:
            return f"gain {gain}: {NOTHING}"
        if gain.mean < 0:
            return f"gain {gain}: worse than dense"
        if way not in self.shares:
            return f"gain {gain}; no share: the claimed gain is {NOTHING}, or not recorded"
        if (self.label, way) == (PAPER, "full"):
            return f"gain {gain}: the claimed gain"
        share = self.shares[way]
        return (
            f"gain {gain}, {share.mean:.0%} [{share.low:.0%}, {share.high:.0%}] of the claimed gain"
        )


def repair_rows(
    runs: Iterable[RunRecord],
    scores: Mapping[str, ScoreRecord],
    probes: Mapping[str, ProbeRecord] | None = None,
) -> list[RepairRow]:
    """Set kinds of models beside dense ones under the three scores.

    Parameters
    ----------
    runs : iterable of RunRecord
        Such as `recorded_runs` returns; only finished ones with scores are used.
    scores : mapping of str to ScoreRecord
        By name of the run.
    probes : mapping of str to ProbeRecord, optional
        For the selected and refused shares: those called ``selection-RUN``.

    Returns
    -------
    list of RepairRow
        One for each kind, match, sparsity and recipe; best full loss first. Gains pair runs of
        the same seed and recipe, window by window.

    Notes
    -----
    Of losses, intervals resample windows within books, and seeds. Of gains see `gain_interval`.
    """
    known = [run for run in runs if run.status == "finished" and run.name in scores]
    groups = grouped(known)
    dense = {recipe_of(run): scores[run.name] for run in known if kind_of(run) == "dense"}
    claims = {
        _comparison(group): gains_by_seed(members, dense, scores, "full")
        for group, members in groups.items()
        if _claims(members[0])
    }
    rows = [
        _row_repairs(members, scores, dense, claims.get(_comparison(group), {}), probes or {})
        for group, members in groups.items()
    ]
    return sorted(rows, key=lambda row: row.losses["full"].mean)


def repair_table(rows: Sequence[RepairRow]) -> str:
    """Lay rows out as text: what was matched, losses, and under each score what is left.

    Parameters
    ----------
    rows : sequence of RepairRow
        Of `repair_rows`.

    Returns
    -------
    str
        A block of lines for each row.
    """
    return "\n".join(line for row in rows for line in _lines(row))


def _lines(row: RepairRow) -> list[str]:
    seeds = f"{len(row.seeds)} seed{'s' if len(row.seeds) > 1 else ''}"
    lines = [
        f"{row.label}: {row.n_dense_heads + row.n_local_heads}+{row.n_sparse_heads} heads, "
        f"{row.n_parameters:,} parameters",
        f"  {row.matched}, {seeds} of {row.tokens:,} tokens",
    ]
    if row.selected is not None:
        refused = "" if row.refused is None else f", refuses {row.refused:.1%} of those it wants"
        lines.append(f"  a head keeps {row.selected:.1%} of the tokens{refused}")
    said: dict[tuple[str, str], list[str]] = {}
    for way in WAYS:
        said.setdefault((str(row.losses[way]), row.verdict(way)), []).append(way)
    for (loss, verdict), ways in said.items():
        lines.append(f"  {', '.join(ways)}: loss {loss}")
        lines += wrap(verdict, 74, initial_indent="    ", subsequent_indent="    ")
    return lines


def _row_repairs(
    members: list[RunRecord],
    scores: Mapping[str, ScoreRecord],
    dense: dict[str, ScoreRecord],
    claim: dict[int, np.ndarray],
    probes: Mapping[str, ProbeRecord],
) -> RepairRow:
    first = members[0]
    books = scores[first.name].books
    losses = {
        way: bootstrap_mean(np.array([scores[r.name].per_window(way) for r in members]), books)
        for way in WAYS
    }
    gained = {way: gains_by_seed(members, dense, scores, way) for way in WAYS}
    gains = {
        way: gain_interval(np.array(list(by_seed.values())), books)
        for way, by_seed in gained.items()
        if by_seed
    }
    compared = gains if kind_of(first) != "dense" else ()
    shares = {way: share_of_claim(gained[way], claim, books) for way in compared}
    return RepairRow(
        kind=kind_of(first),
        match=match_of(first),
        sparsity=first.model["sparsity"],
        n_dense_heads=first.model["n_dense_heads"],
        n_local_heads=first.model.get("n_local_heads", 0),
        n_sparse_heads=first.model["n_sparse_heads"],
        include_first=first.model["include_first"],
        n_parameters=first.n_parameters,
        tokens=first.tokens_seen,
        seeds=tuple(run.seed for run in members),
        again=again(members),
        paired=len(gained["full"]),
        losses=losses,
        gains=gains,
        shares={way: share for way, share in shares.items() if share is not None},
        selected=_measured(members, probes, "selected"),
        refused=_measured(members, probes, "refused"),
    )


def _measured(
    members: list[RunRecord], probes: Mapping[str, ProbeRecord], column: str
) -> float | None:
    found = [probes[f"selection-{r.name}"] for r in members if f"selection-{r.name}" in probes]
    values = [value for probe in found for value in probe.column(column) if value is not None]
    return float(np.mean(values)) if values else None


def _claims(run: RunRecord) -> bool:
    """Return whether a run is of the paper's hybrid, whose gain is claimed at equal FLOPs."""
    seated = kind_of(run) == PAPER and run.model["include_first"]
    hybrid = seated and run.model["n_dense_heads"] > 0
    return hybrid and match_of(run) == "flops"


def _comparison(group: tuple[str, ...]) -> tuple[str, ...]:
    return group[3:]


_Z = 1.959964
"""The normal quantile of a 95 % interval."""

CHANCE = 0.5
"""Share of right answers of whoever does not know the cue."""

CLOZE_WAYS = ("full", "prefix")
"""Scores that perplexities are given under."""


@dataclass(frozen=True, eq=False)
class RiddleRow:
    """One kind of model and riddles of one kind, over the seeds of the model.

    Attributes
    ----------
    kind, riddle : str
        ``dense``, or the kind of the sparse heads; kind of the riddles.
    seeds : tuple of int
        Ascending.
    perplexity : dict of str to float
        Exponential of the mean loss over the seeds: "full", with whole windows in sight of the
        router, and "prefix", with the future cut off, as in the riddles.
    loss_gains : dict of str to Interval
        Loss of the dense model of the same seed minus this one's under both scores, in nats per
        token; empty without such a model.
    tokens : tuple of float
        Distances of the riddles, in tokens from the cue to the ending.
    accuracies : tuple of Interval
        Share of right answers at each distance. Wilson's interval for one model, so that it knows
        how riddles vary and does not count the seeds as further riddles.
    accuracy, gain : Interval, Interval or None
        The same at all distances; that above the dense model of the same seed, paired by riddle
        and seed, None without such a model.
    gains : tuple of float
        Mean of the latter, seed by seed.
    """

    kind: str
    riddle: str
    seeds: tuple[int, ...]
    perplexity: dict[str, float]
    loss_gains: dict[str, Interval]
    tokens: tuple[float, ...]
    accuracies: tuple[Interval, ...]
    accuracy: Interval
    gain: Interval | None
    gains: tuple[float, ...]

    def __str__(self) -> str:
        by_distance = "  ".join(
            f"{tokens:.0f}: {found.mean:.2f}"
            for tokens, found in zip(self.tokens, self.accuracies, strict=True)
        )
        gain = f", {self.gain} above dense" if self.gain and self.kind != "dense" else ""
        return f"{self.riddle:10} right {self.accuracy}{gain}; by tokens back {by_distance}"


def riddle_rows(
    runs: Iterable[RunRecord],
    scores: Mapping[str, ScoreRecord],
    probes: Mapping[str, ProbeRecord],
) -> list[RiddleRow]:
    """Gather what models answered, by kind of model and kind of riddle.

    Parameters
    ----------
    runs, scores, probes
        Such as `recorded_riddles` returns; finished runs with a score and a record called
        ``riddles-RUN`` are used.

    Returns
    -------
    list of RiddleRow
        Lowest full perplexity first, riddles in the order they were asked; empty without records.
    """
    known = [
        run
        for run in runs
        if run.status == "finished" and run.name in scores and f"riddles-{run.name}" in probes
    ]
    groups: dict[str, list[RunRecord]] = {}
    for run in sorted(known, key=lambda run: run.seed):
        groups.setdefault(json.dumps([run.model, schedule_of(run), run.data]), []).append(run)
    dense = {recipe_of(run): run for run in known if kind_of(run) == "dense"}
    rows = [row for members in groups.values() for row in _rows(members, dense, scores, probes)]
    return sorted(rows, key=lambda row: row.perplexity["full"])


def riddle_table(rows: Sequence[RiddleRow]) -> str:
    """Lay rows out as text: a line for each kind of model with its perplexity, then its riddles."""
    lines: list[str] = []
    for row in rows:
        seeds = f"{len(row.seeds)} seed{'s' if len(row.seeds) > 1 else ''}"
        head = f"{row.kind}: {seeds}; perplexity"
        for way in CLOZE_WAYS:
            head += f" {row.perplexity[way]:.3f} {way}"
            if row.loss_gains and row.kind != "dense":
                head += f" (gain on dense {row.loss_gains[way]} nats)"
        lines += [head] * (head not in lines)
        lines.append(f"  {row}")
    return "\n".join(lines)


def wilson(share: float, count: int) -> Interval:
    """Return the interval of a share of successes in independent trials.

    >>> print(wilson(0.5, 100), wilson(1.0, 100), sep="; ")
    0.500 [0.404, 0.596]; 1.000 [0.963, 1.000]
    """
    require(count >= 1, "count", count, "at least 1")
    spread = _Z**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    return Interval(share, max(middle - half, 0.0), min(middle + half, 1.0))


def _rows(
    members: list[RunRecord],
    dense: dict[str, RunRecord],
    scores: Mapping[str, ScoreRecord],
    probes: Mapping[str, ProbeRecord],
) -> list[RiddleRow]:
    """Return a row for each kind of riddle."""
    first = members[0]
    of_dense = {recipe: scores[run.name] for recipe, run in dense.items()}
    losses, gained = {}, {}
    for way in CLOZE_WAYS:
        losses[way] = np.mean([scores[run.name].per_window(way).mean() for run in members])
        gained[way] = np.array(list(gains_by_seed(members, of_dense, scores, way).values()))
    stories = np.zeros_like(scores[first.name].books)  # a window each, and no two are alike
    asked = {run.seed: probes[f"riddles-{run.name}"] for run in members}
    by_dense = {
        run.seed: probes[f"riddles-{dense[recipe_of(run)].name}"]
        for run in members
        if recipe_of(run) in dense
    }
    shared: dict[str, Any] = {
        "kind": kind_of(first),
        "seeds": tuple(asked),
        "perplexity": {way: float(np.exp(loss)) for way, loss in losses.items()},
        "loss_gains": {way: gain_interval(g, stories) for way, g in gained.items() if len(g)},
    }
    riddles = dict.fromkeys(asked[first.seed].column("riddle"))
    return [RiddleRow(**shared, **_answered(riddle, asked, by_dense)) for riddle in riddles]


def _answered(
    riddle: str, asked: dict[int, ProbeRecord], by_dense: dict[int, ProbeRecord]
) -> dict[str, Any]:
    """Summarise the answers to one kind of riddle, at each distance and at all of them."""
    one = next(iter(asked.values()))
    rows = [row for row in one.rows if row["riddle"] == riddle]
    names = [f"{riddle}-{row['distance']}" for row in rows]
    sizes = [row["asked"] for row in rows]
    answers = {seed: _answers(probe, names) for seed, probe in asked.items()}
    found = np.array(list(answers.values()))  # (S, N)
    at = np.repeat(np.arange(len(names)), sizes)
    above = np.array([answers[seed] - _answers(by_dense[seed], names) for seed in by_dense])
    return {
        "riddle": riddle,
        "tokens": tuple(row["tokens"] for row in rows),
        "accuracies": tuple(
            wilson(float(found[:, at == place].mean()), size) for place, size in enumerate(sizes)
        ),
        "accuracy": wilson(float(found.mean()), sum(sizes)),
        "gain": gain_interval(above, at) if by_dense else None,
        "gains": tuple(float(gain) for gain in above.mean(axis=1)) if by_dense else (),
    }


def _answers(probe: ProbeRecord, names: Sequence[str]) -> np.ndarray:
    """Return the answers of one model to some riddles, in the order of the names: (N,)."""
    return np.concatenate([probe.series[name] for name in names])


KINDS = ("mosa", "fewer")
"""Hybrids, and what they are without a MoSA head."""


@dataclass(frozen=True)
class HeadCountRow:
    """One number of MoSA heads, over its seeds.

    Attributes
    ----------
    n_dense_heads, n_sparse_heads : int
        Heads of a layer.
    match : str
        What is equal to the dense model's: ``flops``, ``parameters``, ``loss`` or ``nothing``.
    n_parameters : int
        Of the model.
    flops_per_token : float
        Of one forward pass.
    seeds : tuple of int
        Ascending.
    losses : tuple of float
        Held-out loss at the longest length, full-sequence routing, nats per token, seed by seed.
    """

    n_dense_heads: int
    n_sparse_heads: int
    match: str
    n_parameters: int
    flops_per_token: float
    seeds: tuple[int, ...]
    losses: tuple[float, ...]

    @property
    def loss(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.losses))

    def __str__(self) -> str:
        spread = f" ({min(self.losses):.3f} to {max(self.losses):.3f})" * (len(self.seeds) > 1)
        seeds = f"{len(self.seeds)} seed{'s' * (len(self.seeds) > 1)}"
        return (
            f"{self.n_dense_heads} dense + {self.n_sparse_heads:2} MoSA heads: "
            f"{self.loss:.3f}{spread}, {seeds}"
        )


def head_count_rows(
    runs: Iterable[RunRecord], sparsity: int = 8
) -> tuple[list[HeadCountRow], HeadCountRow | None]:
    """Gather hybrids that differ only in the number of their MoSA heads, none included.

    Parameters
    ----------
    runs : iterable of RunRecord
        Such as `recorded_runs` returns.
    sparsity : int
        T / k of the MoSA heads.

    Returns
    -------
    rows : list of HeadCountRow
        Of the recipe and the dense heads with most numbers; fewest MoSA heads first.
    dense : HeadCountRow or None
        The dense model of the same recipe; None without one.
    """
    finished = [run for run in runs if run.status == "finished"]
    groups: dict[str, dict[int, dict[int, RunRecord]]] = {}
    for run in sorted(finished, key=lambda run: run.name):
        if _is_hybrid(run, sparsity):
            key = json.dumps([run.model["n_dense_heads"], comparison_of(run)])
            by_seed = groups.setdefault(key, {}).setdefault(run.model["n_sparse_heads"], {})
            by_seed.setdefault(run.seed, run)  # two names of one model are one training
    if not groups:
        return [], None
    most = max(groups.values(), key=len)
    recipe = comparison_of(next(run for by_seed in most.values() for run in by_seed.values()))
    alike = [run for run in finished if kind_of(run) == "dense" and comparison_of(run) == recipe]
    dense = {run.seed: run for run in alike}
    return [_row_head_counts(most[n]) for n in sorted(most)], _row_head_counts(
        dense
    ) if dense else None


def _is_hybrid(run: RunRecord, sparsity: int) -> bool:
    """Return whether a run is of the paper's hybrid at this sparsity, or of its dense heads."""
    if kind_of(run) not in KINDS or run.model.get("n_local_heads", 0):
        return False
    paper = run.model["include_first"] and run.model["sparsity"] == sparsity
    return bool(run.model["n_dense_heads"] and (paper or not run.model["n_sparse_heads"]))


def _row_head_counts(by_seed: dict[int, RunRecord]) -> HeadCountRow:
    members = [by_seed[seed] for seed in sorted(by_seed)]
    first = members[0]
    return HeadCountRow(
        n_dense_heads=first.model["n_dense_heads"],
        n_sparse_heads=first.model["n_sparse_heads"],
        match=match_of(first),
        n_parameters=first.n_parameters,
        flops_per_token=first.flops_per_token or 0.0,
        seeds=tuple(run.seed for run in members),
        losses=tuple(final_loss(run) for run in members),
    )


@dataclass(frozen=True)
class GainCurve:
    """One kind of model beside the dense model of the same seed, over the training.

    Attributes
    ----------
    kind : str
        Of the sparse heads.
    seeds : tuple of int
        Of the pairs, ascending.
    tokens : ndarray of float64, shape (P,)
        Tokens seen at each evaluation, mean over the seeds.
    gains : ndarray of float64, shape (S, P)
        Held-out loss of the dense model minus this one's, in nats per token.
    """

    kind: str
    seeds: tuple[int, ...]
    tokens: np.ndarray
    gains: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean over the seeds: float64 (P,)."""
        return np.asarray(self.gains.mean(axis=0))


def gain_curves(runs: Iterable[RunRecord]) -> list[GainCurve]:
    """Pair the curves of the loss on held-out text with those of the dense models.

    Parameters
    ----------
    runs : iterable of RunRecord
        Only finished ones are used; two with the same model but for the seed are one kind.

    Returns
    -------
    list of GainCurve
        Largest gain at the end first; at the steps at which all runs of the pair were evaluated.
        Empty if no run has a dense one of the same seed and recipe.
    """
    finished = [run for run in runs if run.status == "finished"]
    dense = {recipe_of(run): run for run in finished if kind_of(run) == "dense"}
    groups: dict[str, list[RunRecord]] = {}
    for run in sorted(finished, key=lambda run: run.seed):
        if kind_of(run) != "dense" and recipe_of(run) in dense:
            groups.setdefault(json.dumps(run.model, sort_keys=True), []).append(run)
    curves = [
        _curve(members, [dense[recipe_of(run)] for run in members]) for members in groups.values()
    ]
    return sorted(
        (curve for curve in curves if len(curve.tokens)), key=lambda curve: -curve.mean[-1]
    )


def _curve(members: Sequence[RunRecord], baselines: Sequence[RunRecord]) -> GainCurve:
    """Take the steps that all curves have."""
    own, theirs = [_by_step(run) for run in members], [_by_step(run) for run in baselines]
    steps = sorted(set.intersection(*(set(points) for points in [*own, *theirs])))
    gains = [
        [base[step][1] - points[step][1] for step in steps]
        for points, base in zip(own, theirs, strict=True)
    ]
    tokens = [[points[step][0] for step in steps] for points in own]
    return GainCurve(
        kind_of(members[0]),
        tuple(run.seed for run in members),
        np.array(tokens, dtype=np.float64).mean(axis=0),
        np.array(gains, dtype=np.float64),
    )


def _by_step(run: RunRecord) -> dict[int, tuple[float, float]]:
    """Tokens seen and held-out loss, by step."""
    rows = run.extra.get("validation_curve", [])
    return {int(step): (tokens, loss) for step, tokens, loss, *_ in rows}


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
    rows = [_row_long_context(members, records) for members in groups.values()]
    return sorted(rows, key=lambda row: row.loss().mean)


def _row_long_context(members: list[RunRecord], records: LongContextRecords) -> LongContextRow:
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
