"""What a claim is, what a check returns, and the words for how the two compare."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mosa_edu.analysis import (
    final_loss,
    kind_of,
    recorded_gpu_probes,
    recorded_gpu_runs,
    recorded_gpu_scores,
    recorded_long_context,
    recorded_probes,
    recorded_riddles,
    recorded_runs,
    recorded_scores,
    recorded_trace,
)
from mosa_edu.analysis.groups import recipe_of, schedule_of
from mosa_edu.analysis.statistics import NEEDED_SEEDS, seed_interval
from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace, RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import ScoreRecord
from mosa_edu.texts import PROBES

Riddles = tuple[Sequence[RunRecord], Mapping[str, ScoreRecord], Mapping[str, ProbeRecord]]

EXACT = "reproduced exactly"
SMALL = "reproduced small"
DIRECTION = "direction only"
CONTRADICTED = "contradicted"
UNDECIDED = "not decided yet"
NO_GPU = "not run on a GPU"
NOT_TESTABLE = "not testable here"

VERDICTS: dict[str, str] = {
    EXACT: "our formulas give the paper's numbers to the last digit",
    SMALL: "a measurement of ours shows it too, far smaller",
    DIRECTION: "the sign is the paper's; the size differs, or is beyond us",
    CONTRADICTED: "our check says otherwise",
    UNDECIDED: "too few runs, or an interval that holds zero",
    NO_GPU: "about seconds on a GPU, where nothing of ours has run",
    NOT_TESTABLE: "nothing in this package could tell",
}
"""Every verdict and what it means."""


PairRows = tuple[dict[str, Any], dict[str, Any]]
"""Two rows of one record: the dense model and the hybrid that reached its loss."""


@dataclass(frozen=True)
class Evidence:
    """The records that verdicts are computed from.

    Attributes
    ----------
    runs : sequence of RunRecord
        Training runs.
    scores : mapping of str to ScoreRecord
        Three scores of a run, by its name.
    probes : mapping of str to ProbeRecord
        Leak tests by name.
    traces : sequence of RoutingTrace
        What a trained model keeps in some texts.
    long_runs : sequence of RunRecord
        Training runs on long texts.
    riddles : tuple
        Runs, scores and answers of models that were asked riddles, see `recorded_riddles`.
    gpu_runs, gpu_scores, gpu_probes
        The same of `mosa-edu gpu-suite`; empty if there never was a GPU.
    """

    runs: Sequence[RunRecord] = ()
    scores: Mapping[str, ScoreRecord] = field(default_factory=dict)
    probes: Mapping[str, ProbeRecord] = field(default_factory=dict)
    traces: Sequence[RoutingTrace] = ()
    long_runs: Sequence[RunRecord] = ()
    riddles: Riddles = ((), {}, {})
    gpu_runs: Sequence[RunRecord] = ()
    gpu_scores: Mapping[str, ScoreRecord] = field(default_factory=dict)
    gpu_probes: Mapping[str, ProbeRecord] = field(default_factory=dict)

    @classmethod
    def shipped(cls) -> "Evidence":
        """Read what comes with the package.

        Returns
        -------
        Evidence
            All runs, scores and probes, and the traces of the book's texts.
        """
        traces = tuple(recorded_trace(name) for name in PROBES)
        records = recorded_runs(), recorded_scores(), recorded_probes()
        on_gpu = recorded_gpu_runs(), recorded_gpu_scores(), recorded_gpu_probes()
        long_runs, riddles = recorded_long_context().runs, recorded_riddles()
        return cls(*records, traces, long_runs, riddles, *on_gpu)

    def gpu_pair(self) -> PairRows | None:
        """Return what a dense model and a hybrid of its loss cost on a GPU; see `small_pair`."""
        return _newest_pair(self.gpu_probes)

    def small_pair(self) -> PairRows | None:
        """Return what our small dense model and a hybrid of its loss cost on a processor.

        Returns
        -------
        tuple of dict or None
            Rows of the newest pair by name whose hybrid reached the loss, dense first.
        """
        return _newest_pair(self.probes)


def _newest_pair(probes: Mapping[str, ProbeRecord]) -> PairRows | None:
    found = [probe for probe in probes.values() if probe.probe == "pair"]
    reached = [probe for probe in found if probe.settings["reached"]]
    if not reached:
        return None
    last = max(reached, key=lambda probe: probe.name)
    return last.row(model="dense"), last.row(model="mosa")


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    verdict : str
        A key of `VERDICTS`.
    words : str
        The evidence in a sentence, with its numbers.
    numbers : dict of str to float
        The same numbers for whoever wants to compute with them.

    Examples
    --------
    >>> Finding(CONTRADICTED, "2 of 3.", {"agree": 2})
    Finding(verdict='contradicted', words='2 of 3.', numbers={'agree': 2})
    """

    verdict: str
    words: str
    numbers: Mapping[str, float]

    def __post_init__(self) -> None:
        """Refuse a verdict that no reader has been told the meaning of."""
        require(self.verdict in VERDICTS, "verdict", self.verdict, f"one of {list(VERDICTS)}")


@dataclass(frozen=True)
class Claim:
    """One statement of the paper and how it is checked.

    Attributes
    ----------
    id : str
        Short and stable, such as ``kv-cache``.
    text : str
        The statement in our words.
    printed : str
        The paper's number.
    place : str
        Where the paper says it.
    rule : str
        What leads to which verdict, in words; `check` follows it.
    check : callable
        From `Evidence` to `Finding`.
    chapter, section : str
        The page of the book, and its heading, whose cells show the check.
    """

    id: str
    text: str
    printed: str
    place: str
    rule: str
    check: Callable[[Evidence], Finding]
    chapter: str
    section: str


RULE = (
    f"95 % Student interval over paired seeds, at least {NEEDED_SEEDS}; "
    "an interval that holds zero decides nothing"
)


def sign(gains: Sequence[float]) -> int | None:
    """Say whether seeds agree that a gain is above or below zero.

    >>> sign([0.1, 0.11, 0.12]), sign([0.1, -0.1, 0.0]), sign([0.1, 0.1])
    (1, 0, None)
    """
    if len(gains) < NEEDED_SEEDS:
        return None
    found = seed_interval(gains)
    return int(found.low > 0) - int(found.high < 0)


def in_words(gains: Sequence[float], unit: str = "nats") -> str:
    """Write a gain with its interval and the number of seeds behind it.

    >>> in_words([]), in_words([0.1])
    ('no seed yet', '+0.100 nats (1 seed)')
    >>> in_words([0.1, 0.2, 0.3])
    '+0.200 [-0.048, +0.448] nats (3 seeds)'
    """
    if not gains:
        return "no seed yet"
    found = seed_interval(gains)
    seeds = f"{len(gains)} seed" + "s" * (len(gains) > 1)
    if len(gains) < NEEDED_SEEDS:
        return f"{found.mean:+.3f} {unit} ({seeds})"
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}] {unit} ({seeds})"


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
    """Pair finished runs seed by seed."""
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
    """Return the group of pairs with most seeds."""

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
