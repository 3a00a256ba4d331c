"""What a claim is, what a check returns, and the words for how the two compare."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mosa_edu.analysis import (
    Group,
    Records,
    recorded_cloze,
    recorded_gpu,
    recorded_heads,
    recorded_long_context,
    recorded_plan,
    recorded_trace,
)
from mosa_edu.analysis.groups import FINAL, groups_of
from mosa_edu.analysis.held_out import Experiment
from mosa_edu.analysis.statistics import Interval
from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace, RunRecord, recorded_path
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import ScoreRecord
from mosa_edu.texts import PROBES

EXACT = "reproduced exactly"
SMALL = "reproduced small"
DIRECTION = "direction only"
CONTRADICTED = "contradicted"
UNDECIDED = "not decided yet"
NO_GPU = "not run on a GPU"
NOT_TESTABLE = "not testable here"

VERDICTS: dict[str, str] = {
    EXACT: "our formulas give the paper's numbers to the last digit",
    SMALL: "a measurement of ours, of small models, shows it too",
    DIRECTION: "the sign is the paper's; the size differs, or is beyond us",
    CONTRADICTED: "our check says otherwise",
    UNDECIDED: "too few runs, or an interval that holds zero",
    NO_GPU: "about seconds on a GPU, where nothing of ours has run",
    NOT_TESTABLE: "nothing in this package could tell",
}
"""Every verdict and what it means."""


PairRows = tuple[dict[str, Any], dict[str, Any]]
"""Two rows of one record: the dense model and the hybrid that reached its loss."""


NOTHING = Records()


@dataclass(frozen=True)
class Evidence:
    """The records that verdicts are computed from.

    Attributes
    ----------
    runs, scores, probes
        Of models of equal cost, as in `Records`.
    traces : sequence of RoutingTrace
        What a trained model selects in some texts.
    long_context, cloze, gpu : Records
        Of models of long texts, of those that were asked cloze items, and of those on a GPU.
    heads : Experiment, optional
        Of the plan ``heads``, the one setting whose control sees a head.
    """

    runs: Sequence[RunRecord] = ()
    scores: Mapping[str, ScoreRecord] = field(default_factory=dict)
    probes: Mapping[str, ProbeRecord] = field(default_factory=dict)
    traces: Sequence[RoutingTrace] = ()
    long_context: Records = NOTHING
    cloze: Records = NOTHING
    gpu: Records = NOTHING
    heads: Experiment | None = None

    @classmethod
    def shipped(cls) -> "Evidence":
        """Read what comes with the package."""
        traces = tuple(recorded_trace(name) for name in PROBES)
        plans = recorded_long_context(), recorded_cloze(), recorded_gpu()
        return cls(*recorded_plan(recorded_path()), traces, *plans, recorded_heads())

    def gpu_pair(self) -> PairRows | None:
        """Return what a dense model and a hybrid of its loss cost on a GPU; see `small_pair`."""
        return _newest_pair(self.gpu.probes)

    def small_pair(self) -> PairRows | None:
        """Return what our small dense model and a hybrid of its loss cost on a processor.

        Rows of the newest pair by name whose hybrid reached the loss, dense first; or None.
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
    check: "Check"
    chapter: str
    section: str


CLAIMS: list[Claim] = []
"""All claims, in the order in which `mosa_edu.claims.statements` states them."""

Check = Callable[[Evidence], Finding]


def claim(
    name: str, text: str, *, printed: str, place: str, rule: str, page: tuple[str, str]
) -> Callable[[Check], Check]:
    """State a claim of the ledger: what is decorated is its check, see `Claim`."""

    def add(check: Check) -> Check:
        CLAIMS.append(Claim(name, text, printed, place, rule, check, *page))
        return check

    return add


RULE = (
    "a 95 % interval of paired differences that knows how seeds and texts vary, the variance of "
    "seeds pooled over all models; one that holds zero decides nothing"
)


class Gain(NamedTuple):
    """A mean difference with its interval, and how many paired seeds stand behind it."""

    interval: Interval
    seeds: int


def sign(gain: Gain | None) -> int | None:
    """Say whether a gain is above or below zero by the book's one rule; None: nothing tells.

    >>> sign(Gain(Interval(0.1, 0.05, 0.15), 3)), sign(Gain(Interval(0.1, -0.1, 0.3), 3))
    (1, 0)
    """
    if gain is None or math.isinf(gain.interval.half):
        return None
    return int(gain.interval.low > 0) - int(gain.interval.high < 0)


def in_words(gain: Gain | None, unit: str = "nats") -> str:
    """Write a gain with its interval and the number of seeds behind it.

    >>> in_words(None), in_words(Gain(Interval(0.1, -math.inf, math.inf), 1))
    ('no seed yet', '+0.100 nats (1 seed)')
    >>> in_words(Gain(Interval(0.2, -0.048, 0.448), 3))
    '+0.200 [-0.048, +0.448] nats (3 seeds)'
    """
    if gain is None:
        return "no seed yet"
    found, n = gain
    seeds = f"{n} seed" + "s" * (n > 1)
    if math.isinf(found.half):
        return f"{found.mean:+.3f} {unit} ({seeds})"
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}] {unit} ({seeds})"


def verdict_of(gain: Gain | None) -> str:
    """Judge a gain by the one rule.

    >>> verdict_of(Gain(Interval(-0.1, -0.2, -0.05), 3)), verdict_of(None)
    ('contradicted', 'not decided yet')
    """
    return {1: SMALL, -1: CONTRADICTED}.get(sign(gain) or 0, UNDECIDED)


EQUAL_FLOPS = (0.9, 1.001)
"""Share of the baseline's FLOPs within which two models count as equal."""


class Pair(NamedTuple):
    """Two groups of one recipe, in the seeds of both."""

    baseline: Group
    other: Group


def pairs_of(
    runs: Iterable[RunRecord],
    baseline: str,
    other: str,
    flops: tuple[float, float] = EQUAL_FLOPS,
) -> list[Pair]:
    """Pair models of two kinds whose FLOPs have a ratio within bounds."""
    groups = groups_of(runs)
    found = []
    for left in (group for group in groups if group.kind == baseline):
        for right in (group for group in groups if group.kind == other):
            common = set(left.seeds) & set(right.seeds)
            alike = left.recipe == right.recipe and left.sparsity in (None, right.sparsity)
            share = right.flops_per_token / (left.flops_per_token or math.inf)
            if common and alike and flops[0] <= share <= flops[1]:
                found.append(Pair(left.only(common), right.only(common)))
    return found


def best_pair(
    runs: Iterable[RunRecord],
    baseline: str,
    other: str,
    flops: tuple[float, float] = EQUAL_FLOPS,
) -> Pair | None:
    """Return the pair with most seeds; of those, the one trained longest, with most heads."""

    def rank(pair: Pair) -> tuple[int, int, int]:
        return len(pair.other.seeds), pair.other.tokens, pair.other.n_sparse_heads

    return max(pairs_of(runs, baseline, other, flops), key=rank, default=None)


def gain_of(pair: Pair | None, evaluation: str = FINAL) -> Gain | None:
    """Return how much lower the other's loss is, in nats per token."""
    found = pair.other.gain_on(pair.baseline, evaluation) if pair else None
    return Gain(found, len(pair.other.seeds)) if pair and found else None


def scored_gain(
    pair: Pair | None,
    runs: Iterable[RunRecord],
    scores: Mapping[str, ScoreRecord],
    evaluation: str,
) -> Gain | None:
    """Return the gain on the scored windows, in the seeds that were scored."""
    groups = groups_of(runs, scores)
    found = [next((g for g in groups if g.is_like(group)), None) for group in pair or ()]
    if not found or found[0] is None or found[1] is None:
        return None
    common = set(found[0].seeds) & set(found[1].seeds)
    scored = Pair(found[0].only(common), found[1].only(common))
    return gain_of(scored, evaluation)
