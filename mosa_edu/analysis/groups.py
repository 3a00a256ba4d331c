"""Groups of seeds, and the one way in which two of them are compared: paired by seed and window."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from mosa_edu.analysis.statistics import Deviation, Interval, paired_interval
from mosa_edu.checks import require
from mosa_edu.records import Comparison, RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import EVALUATIONS, NONCAUSAL, ScoreRecord


class Records(NamedTuple):
    """What a plan leaves: runs, their scores by name of the run, and probes by name."""

    runs: Sequence[RunRecord] = ()
    scores: Mapping[str, ScoreRecord] = {}
    probes: Mapping[str, ProbeRecord] = {}


FINAL = "final"
"""The measure that every finished run has: its last loss on held-out text, at full length."""

ROUNDING = 1e-4
"""Nats by which a causal model's window may differ when another text follows."""

LABELS = {
    "local_hybrid": "mosa beside local heads",
    "mosa_only": "mosa alone",
    "no_sink": "mosa without the seat of token 0",
}
"""Variants whose name alone says too little."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Losses of the same windows of text, by seed: float64 (N,), and the book of each window.

    `text` tells these windows from others, as far as that is known. `deviation` is that of a
    difference of two models, pooled over all models of the recipe; None if no seeds tell it.
    """

    losses: Mapping[int, np.ndarray]
    books: np.ndarray
    text: tuple[Any, ...] = ()
    deviation: Deviation | None = None

    def stacked(self) -> np.ndarray:
        """Return the losses as one array (S, N)."""
        return np.array(list(self.losses.values()))

    def gains_on(self, other: "Windows") -> "Windows":
        """Return how much higher the other losses are, in the seeds of both."""
        same = self.text == other.text and np.array_equal(self.books, other.books)
        require(same, "other", other.text, f"of the same windows, {self.text}")
        common = sorted(self.losses.keys() & other.losses.keys())
        gains = {seed: other.losses[seed] - self.losses[seed] for seed in common}
        return replace(self, losses=gains)

    def gain(self) -> Interval | None:
        """Return the mean of gains with their interval; None without a seed."""
        if not self.losses:
            return None
        return paired_interval(self.stacked(), self.books, self.deviation)

    def excludes_zero(self) -> bool:
        """Return whether the interval of the gain excludes 0."""
        found = self.gain()
        return found is not None and not found.holds_zero


@dataclass(frozen=True, eq=False)
class Group:
    """The seeds of one model, trained by one recipe. Rows of tables are groups with more columns.

    Attributes
    ----------
    runs : tuple of RunRecord
        Finished runs, by seed.
    windows : dict of str to Windows
        Their losses in nats per token, by measure: ``final``, the evaluations of a
        `ScoreRecord`, and what a table adds.
    """

    runs: tuple[RunRecord, ...]
    windows: dict[str, Windows] = field(repr=False)

    main: ClassVar[str] = FINAL
    """The measure that is meant where none is named."""

    @property
    def comparison(self) -> Comparison:
        """What the runs are compared by."""
        assert self.runs[0].comparison is not None
        return self.runs[0].comparison

    @property
    def kind(self) -> str:
        """The plan's word for the model: a kind of heads, or a variant such as ``mosa_only``."""
        return self.comparison.kind

    @property
    def match(self) -> str:
        """What is equal to the baseline's."""
        return self.comparison.match

    @property
    def sparsity(self) -> int | None:
        """T / k of the sparse heads; None without any."""
        return self.comparison.sparsity

    @property
    def recipe(self) -> str:
        """What two groups must share to be paired."""
        return self.comparison.recipe

    @property
    def label(self) -> str:
        """The kind in words."""
        if self.kind == "dense_ablation":
            return f"{self.n_dense_heads} dense heads alone"
        return LABELS.get(self.kind, self.kind)

    @property
    def model(self) -> dict[str, Any]:
        """The model's configuration."""
        return self.runs[0].model

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds, ascending."""
        return tuple(run.seed for run in self.runs)

    @property
    def n_dense_heads(self) -> int:
        """Dense heads of a layer."""
        return int(self.model["n_dense_heads"])

    @property
    def n_local_heads(self) -> int:
        """Local heads of a layer."""
        return int(self.model.get("n_local_heads", 0))

    @property
    def n_sparse_heads(self) -> int:
        """Sparse heads of a layer."""
        return int(self.model["n_sparse_heads"])

    @property
    def n_parameters(self) -> int:
        """Parameters of the model."""
        return self.runs[0].n_parameters

    @property
    def flops_per_token(self) -> float:
        """FLOPs of one forward pass."""
        return self.runs[0].flops_per_token or 0.0

    @property
    def tokens(self) -> int:
        """Tokens that the first seed was trained on; others read a few more or less."""
        return self.runs[0].tokens_seen

    @property
    def losses(self) -> tuple[float, ...]:
        """Final loss of each seed, in nats per token; full-sequence routing."""
        return tuple(float(loss[0]) for loss in self.windows[FINAL].losses.values())

    @property
    def command(self) -> str:
        """The command that trains and scores these seeds once more."""
        return command_of(self.runs)

    def is_like(self, other: "Group") -> bool:
        """Return whether another group is of the same model and recipe, whatever its seeds."""
        return (self.recipe, self.model) == (other.recipe, other.model)

    def only(self, seeds: Iterable[int]) -> "Group":
        """Return the group with some of its seeds."""
        kept = set(seeds)
        windows = {
            name: replace(found, losses={s: v for s, v in found.losses.items() if s in kept})
            for name, found in self.windows.items()
        }
        runs = tuple(run for run in self.runs if run.seed in kept)
        return replace(self, runs=runs, windows=windows)

    def loss(self, measure: str | None = None) -> Interval:
        """Return the mean loss over windows and seeds."""
        found = self._of(measure)
        pooled = found.deviation
        alone = Deviation(pooled.value / 2**0.5, pooled.freedom) if pooled else None
        return paired_interval(found.stacked(), found.books, alone)

    def gains_on(self, other: "Group", measure: str | None = None) -> Windows:
        """Return how much lower the losses are than another group's, paired by seed and window."""
        require(self.recipe == other.recipe, "other", other.label, "trained by the same recipe")
        return self._of(measure).gains_on(other._of(measure))

    def gain_on(self, other: "Group", measure: str | None = None) -> Interval | None:
        """Return the mean of `gains_on`, positive if these models are better.

        None without a seed in common.
        """
        return self.gains_on(other, measure).gain()

    def price(self, evaluation: str) -> Interval | None:
        """Return how much worse these models score when the future is hidden in one way.

        None of causal models, which cannot tell.
        """
        found = self.windows.get(price_of(evaluation))
        return found.gain() if found else None

    def _of(self, measure: str | None) -> Windows:
        measure = measure or self.main
        require(measure in self.windows, "measure", measure, f"one of {tuple(self.windows)}")
        return self.windows[measure]


def price_of(evaluation: str) -> str:
    """Return the name that the price of a hidden future has among the measures."""
    return f"price of {evaluation}"


def pooled(groups: Iterable["Kind"]) -> list["Kind"]:
    """Tell every measure of every group how much differences vary between seeds of its recipe."""
    groups = list(groups)
    found: dict[tuple[str, str], list[Windows]] = {}
    for group in groups:
        for name, windows in group.windows.items():
            found.setdefault((group.recipe, name), []).append(windows)
    deviations = {key: _deviation(key[1], models) for key, models in found.items()}
    return [
        replace(
            group,
            windows={
                name: replace(windows, deviation=deviations[group.recipe, name])
                for name, windows in group.windows.items()
            },
        )
        for group in groups
    ]


def _deviation(measure: str, models: Sequence[Windows]) -> Deviation | None:
    """Pool the models of one recipe: between models, but a price is a matter of one model."""
    if measure in map(price_of, EVALUATIONS):
        return Deviation.within_models(
            [model.stacked().mean(axis=1, dtype=np.float64) for model in models]
        )
    seeds = sorted({seed for model in models for seed in model.losses})
    table = np.full((len(models), len(seeds)), np.nan)
    for row, model in enumerate(models):
        for seed, losses in model.losses.items():
            table[row, seeds.index(seed)] = losses.mean()
    return Deviation.of_models(table)


def groups_of(
    runs: Iterable[RunRecord], scores: Mapping[str, ScoreRecord] | None = None
) -> list[Group]:
    """Gather finished runs by model and recipe; with scores, those of them that were scored."""
    members: dict[str, dict[int, RunRecord]] = {}
    for run in sorted(runs, key=lambda run: (run.seed, run.name)):
        compared = run.comparison
        known = run.status == "finished" and (scores is None or run.name in scores)
        if compared is not None and known:
            same = json.dumps([compared.kind, compared.recipe, run.model], sort_keys=True)
            members.setdefault(same, {}).setdefault(run.seed, run)  # two names, one training
    return pooled(_group(list(found.values()), scores) for found in members.values())


def _group(runs: Sequence[RunRecord], scores: Mapping[str, ScoreRecord] | None) -> Group:
    final = {run.seed: np.array([final_loss(run)]) for run in runs}
    windows = {FINAL: Windows(final, np.zeros(1, dtype=np.int64))}
    if scores is not None:
        found = {run.seed: scores[run.name] for run in runs}
        for evaluation in EVALUATIONS:
            windows[evaluation] = scored_windows(found, evaluation)
        full = windows[NONCAUSAL]
        for evaluation in EVALUATIONS[1:]:
            paid = full.gains_on(windows[evaluation])
            if any(np.abs(price).max() > ROUNDING for price in paid.losses.values()):
                windows[price_of(evaluation)] = paid
    return Group(tuple(runs), windows)


def scored_windows(scores: Mapping[int, ScoreRecord], evaluation: str) -> Windows:
    """Gather the losses of score records, by seed, that must be of the same windows."""
    first = next(iter(scores.values()))
    text = first.fingerprint, first.cuts
    for score in scores.values():
        same = (score.fingerprint, score.cuts) == text and np.array_equal(score.books, first.books)
        require(same, "scores", score.name, f"scored on the windows of {first.name}")
    losses = {seed: score.per_window(evaluation) for seed, score in scores.items()}
    return Windows(losses, first.books, text)


Kind = TypeVar("Kind", bound=Group)


def by_recipe(groups: Iterable[Kind], kind: str) -> dict[str, Kind]:
    """Return the group of a kind that each recipe has."""
    return {group.recipe: group for group in groups if group.kind == kind}


def final_loss(record: RunRecord) -> float:
    """Return the validation loss at the longest evaluated length, in nats per token."""
    longest = max(record.validation, key=int)
    return record.validation_loss(int(longest))


def command_of(runs: Sequence[RunRecord]) -> str:
    """Write the command that trains and scores the seeds of one model again."""
    compared, heads = runs[0].comparison, runs[0].model["n_sparse_heads"]
    assert compared is not None
    if compared.plan not in ("isoflop", "pair"):
        return runs[0].command
    words = ["mosa-edu experiment run", compared.plan]
    if compared.plan == "pair":  # as coarse as the number itself, so that the search ends there
        words += [f"--set search.guess={heads}", f"--set search.resolution={heads}"]
    else:
        words += ["--only", compared.kind]
    words += ["--set match=parameters"] if compared.match == "parameters" else []
    words += [f"--set sparsity={compared.sparsity}"] if compared.sparsity not in (None, 8) else []
    return " ".join([*words, f"--seeds {','.join(str(run.seed) for run in runs)}"])
