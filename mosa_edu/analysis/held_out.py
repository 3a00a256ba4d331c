"""Arms of an experiment on all held-out text: gains, the price of the future, and what is left."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from mosa_edu.analysis.statistics import Deviation, Interval, paired_interval, ratio_interval
from mosa_edu.checks import require
from mosa_edu.records import RunRecord
from mosa_edu.records.held_out import HIDDEN, HeldOutRecord
from mosa_edu.records.scores import NONCAUSAL, SWAPPED_SUFFIX

CHOOSING = ("Persuasion", "Treasure Island")
"""Held-out books that recipes are chosen by; what is claimed is measured on the others."""
NO_INTEREST = 0.010
"""Nats per token: an interval that lies whole within this of 0 decides, too: it is small."""


@dataclass(frozen=True, eq=False)
class Arm:
    """One model of an experiment: its runs and their held-out losses, by seed.

    Attributes
    ----------
    kind : str
        The plan's word for the model.
    runs : dict of int to RunRecord
        By seed, ascending.
    scored : dict of int to HeldOutRecord
        Of the same seeds.
    """

    kind: str
    runs: Mapping[int, RunRecord]
    scored: Mapping[int, HeldOutRecord] = field(repr=False)

    @property
    def model(self) -> dict[str, object]:
        """The model's configuration."""
        return next(iter(self.runs.values())).model

    @property
    def leaks(self) -> bool:
        """Whether hiding the future was worth measuring: the arm is not causal."""
        return all(record.price.size > 0 for record in self.scored.values())


@dataclass(frozen=True, eq=False)
class Experiment:
    """Arms that were trained with the same seeds on the same text, and the one rule for all.

    Attributes
    ----------
    arms : dict of str to Arm
        By kind; all have the same seeds.
    blocks : ndarray of bool, shape (N,)
        The blocks of held-out text that are judged by.
    """

    arms: Mapping[str, Arm]
    blocks: np.ndarray = field(repr=False)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that all arms have."""
        return tuple(next(iter(self.arms.values())).scored)

    @cached_property
    def _text(self) -> tuple[np.ndarray, np.ndarray]:
        record = next(iter(next(iter(self.arms.values())).scored.values()))
        return record.windows[self.blocks].astype(float), record.books[self.blocks]

    def losses(self, kind: str, evaluation: str = NONCAUSAL) -> np.ndarray:
        """Return the losses of an arm's blocks, float64 (S, N), under one evaluation."""
        require(kind in self.arms, "kind", kind, f"one of {', '.join(self.arms)}")
        scored = self.arms[kind].scored.values()
        found = np.array([record.losses[self.blocks] for record in scored], dtype=np.float64)
        return found if evaluation == NONCAUSAL else found + self._prices(kind, evaluation)

    def _prices(self, kind: str, evaluation: str) -> np.ndarray:
        scored = self.arms[kind].scored.values()
        return np.array([record.hidden(evaluation)[self.blocks] for record in scored])

    def mean_losses(self, kind: str, evaluation: str = NONCAUSAL) -> np.ndarray:
        """Return the mean loss of each seed, float64 (S,)."""
        weights, _ = self._text
        return np.asarray(self.losses(kind, evaluation) @ weights / weights.sum())

    @cached_property
    def deviation(self) -> Deviation | None:
        """Return how much a seed's difference of two arms varies, over all arms."""
        return Deviation.of_models(np.array([self.mean_losses(kind) for kind in self.arms]))

    @cached_property
    def price_deviation(self) -> Deviation | None:
        """Return how much a seed's price varies, over all arms that leak and both hidings."""
        weights, _ = self._text
        prices = [
            self._prices(kind, evaluation) @ weights / weights.sum()
            for kind, arm in self.arms.items()
            if arm.leaks
            for evaluation in HIDDEN
        ]
        return Deviation.within_models(prices)

    def gain(self, kind: str, on: str, evaluation: str = NONCAUSAL) -> Interval:
        """Return how much lower an arm's loss is than another's, in nats per token.

        The evaluation is the arm's; the other arm keeps its full score, which no hiding changes
        if it is causal.
        """
        differences = self.losses(on) - self.losses(kind, evaluation)
        return self._interval(differences, self.deviation)

    def price(self, kind: str, evaluation: str = SWAPPED_SUFFIX) -> Interval:
        """Return how much worse an arm scores when the future is hidden."""
        return self._interval(self._prices(kind, evaluation), self.price_deviation)

    def share(self, kind: str, on: str, evaluation: str = SWAPPED_SUFFIX) -> Interval:
        """Return which part of an arm's gain is the price of the future."""
        weights, books = self._text
        gain = self.losses(on) - self.losses(kind)
        nothing = Deviation(math.inf, 1)
        both = self.price_deviation or nothing, self.deviation or nothing
        return ratio_interval(self._prices(kind, evaluation), gain, books, both, weights)

    def _interval(self, differences: np.ndarray, deviation: Deviation | None) -> Interval:
        weights, books = self._text
        return paired_interval(differences, books, deviation, weights)

    def price_by_position(self, kind: str, evaluation: str = SWAPPED_SUFFIX) -> np.ndarray:
        """Return the price at each position of the window, the mean over seeds: float64 (T,)."""
        scored = self.arms[kind].scored.values()
        row = HIDDEN.index(evaluation)
        found = np.array([record.by_position[row] for record in scored], dtype=np.float64)
        return np.asarray(found.mean(axis=0))

    def verdict(self, found: Interval) -> str:
        """Say in words whether an interval decides."""
        if not found.holds_zero:
            return "decided: higher than 0" if found.mean > 0 else "decided: lower than 0"
        if found.low >= -NO_INTEREST and found.high <= NO_INTEREST:
            return f"decided: within {NO_INTEREST:.3f} of 0"
        if math.isinf(found.half):
            return "open: one seed tells nothing of another"
        return f"open: about {self.seeds_to_decide(found)} seeds would decide"

    def seeds_to_decide(self, found: Interval) -> int:
        """Return with how many seeds an interval of half this margin is expected."""
        return math.ceil(len(self.seeds) * (found.half / (NO_INTEREST / 2)) ** 2)


def experiment_of(
    runs: Iterable[RunRecord],
    held_out: Mapping[str, HeldOutRecord],
    kinds: Sequence[str] | None = None,
    choosing: bool = False,
) -> Experiment:
    """Gather the finished, scored runs of an experiment in the seeds that all arms have.

    Parameters
    ----------
    runs : iterable of RunRecord
        Such as `recorded_runs` returns.
    held_out : mapping of str to HeldOutRecord
        By name of the run.
    kinds : sequence of str, optional
        Arms; all that were recorded by default.
    choosing : bool
        Judge by the books that recipes are chosen by, instead of the others.
    """
    arms = {arm.kind: arm for arm in _arms(runs, held_out) if kinds is None or arm.kind in kinds}
    require(bool(arms), "runs", "none", "finished ones with held-out losses")
    seeds = set.intersection(*(set(arm.scored) for arm in arms.values()))
    by_arm = {kind: sorted(arm.scored) for kind, arm in arms.items()}
    require(bool(seeds), "runs", by_arm, "arms that have a seed in common")
    some = [record for arm in arms.values() for record in arm.scored.values()]
    for record in some:
        same = record.fingerprint == some[0].fingerprint and len(record.books) == len(some[0].books)
        require(same, "held_out", record.name, f"scored on the text of {some[0].name}")
    known = [title for title in CHOOSING if title in some[0].titles]
    chosen = some[0].of_books(known)
    return Experiment(
        {
            kind: replace(
                arm,
                runs={seed: arm.runs[seed] for seed in sorted(seeds)},
                scored={seed: arm.scored[seed] for seed in sorted(seeds)},
            )
            for kind, arm in arms.items()
        },
        chosen if choosing else ~chosen,
    )


def _arms(runs: Iterable[RunRecord], held_out: Mapping[str, HeldOutRecord]) -> Iterable[Arm]:
    found: dict[str, dict[int, RunRecord]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        known = run.status == "finished" and run.name in held_out
        if run.comparison is not None and known:
            found.setdefault(run.comparison.kind, {}).setdefault(run.seed, run)
    for kind, by_seed in found.items():
        yield Arm(kind, by_seed, {seed: held_out[run.name] for seed, run in by_seed.items()})


@dataclass(frozen=True)
class ControlRow:
    """A setting of the assay: what the removal of half of the dense heads costs there.

    Attributes
    ----------
    setting, heads : str, tuple of int
        Its name; dense heads of a layer with and without.
    seeds : tuple of int
        Of both models.
    cost : float
        Mean loss without minus mean loss with, in nats per token of held-out text.
    deviation : float
        Standard deviation of that difference over the seeds.
    """

    setting: str
    heads: tuple[int, int]
    seeds: tuple[int, ...]
    cost: float
    deviation: float

    def ratio(self, trainings: int = 1) -> float:
        """Return the cost by the deviation of the mean of some trainings."""
        return self.cost / self.deviation * trainings**0.5 if self.deviation else math.inf

    def trainings_needed(self) -> int:
        """Return of how many trainings a replicate must be the mean to reach `NEEDED_RATIO`."""
        return max(math.ceil((NEEDED_RATIO / self.ratio()) ** 2), 1) if self.cost > 0 else 0

    def __str__(self) -> str:
        n = self.trainings_needed()
        passes = f"a replicate of {n} passes" if n else "fails"
        return (
            f"{self.setting:12} {self.heads[0]} heads to {self.heads[1]}, {len(self.seeds)} seeds: "
            f"costs {self.cost:.4f}, deviation {self.deviation:.4f}, "
            f"ratio {self.ratio():.1f}: {passes}"
        )


NEEDED_RATIO = 5.0
"""Times that the cost of half of the dense heads must exceed its deviation over seeds."""
ABLATED = "_half"
"""What the row of a plan is called beside the row that has all of its dense heads."""


def control_rows(
    runs: Iterable[RunRecord], held_out: Mapping[str, HeldOutRecord]
) -> list[ControlRow]:
    """Set each model of an assay beside the one that has half of its heads, best ratio first."""
    arms = {arm.kind: arm for arm in _arms(runs, held_out)}
    rows = []
    for kind, arm in arms.items():
        half = arms.get(kind + ABLATED)
        seeds = sorted(set(arm.scored) & set(half.scored)) if half else []
        if half is None or len(seeds) < 2:
            continue
        costs = [_mean(half.scored[seed]) - _mean(arm.scored[seed]) for seed in seeds]
        heads = tuple(int(str(found.model["n_dense_heads"])) for found in (arm, half))
        rows.append(
            ControlRow(
                kind,
                (heads[0], heads[1]),
                tuple(seeds),
                float(np.mean(costs)),
                float(np.std(costs, ddof=1)),
            )
        )
    return sorted(rows, key=lambda row: -row.ratio())


def _mean(record: HeldOutRecord) -> float:
    return float(np.average(record.losses, weights=record.windows))


def held_out_lines(found: Experiment, on: str = "dense") -> list[str]:
    """Say what each arm gains on another, in full view and with the future hidden."""
    lines = [f"seeds {', '.join(map(str, found.seeds))}"]
    if deviation := found.deviation:
        lines.append(
            f"a seed's difference of two arms deviates by {deviation.value:.4f} "
            f"({deviation.freedom} degrees of freedom)"
        )
    for kind, arm in found.arms.items():
        if kind == on:
            continue
        gain = found.gain(kind, on)
        lines.append(f"{kind:16} gain on {on} {gain}, {found.verdict(gain)}")
        for evaluation in HIDDEN if arm.leaks else ():
            left = found.gain(kind, on, evaluation)
            price = found.price(kind, evaluation)
            lines.append(f"  {evaluation:14} {left}, {found.verdict(left)}; price {price}")
    return lines
