"""Tables of trained models: groups of seeds with what each table adds to them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from textwrap import wrap
from typing import Any, ClassVar

import numpy as np

from mosa_edu.analysis.groups import Group, Records, Windows, by_recipe, groups_of, pooled
from mosa_edu.analysis.statistics import Interval, ratio_interval, wilson
from mosa_edu.records import RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import EVALUATIONS, NONCAUSAL, TRUNCATED, ScoreRecord

PAPER = "mosa"
"""The kind whose noncausal gain at equal FLOPs is the whole of every share: the paper's claim."""

HOLDS_ZERO = "not told apart from 0"


def _columns(group: Group) -> dict[str, Any]:
    """Return what a row takes over from its group."""
    return {"runs": group.runs, "windows": group.windows}


def probes_of(probes: Mapping[str, ProbeRecord] | None, kind: str) -> dict[str, ProbeRecord]:
    """Return the probes of a kind that were made of runs, by name of the run."""
    found = (probe for probe in (probes or {}).values() if probe.probe == kind)
    return {probe.settings["run"]: probe for probe in found if "run" in probe.settings}


@dataclass(frozen=True, eq=False)
class VariantRow(Group):
    """One kind of model beside the dense model, over the seeds that both were trained with."""

    gains: dict[str, Interval]  # on the dense model of the seed, by evaluation; empty without one
    shares: dict[str, Interval]  # of the paper's noncausal gain, if both intervals exclude 0
    paired: int  # seeds that have a dense model of the same recipe
    selected: float | None  # share of the tokens that a head keeps, if that was measured
    dropped: float | None  # share of those it wanted that found no slot

    @property
    def matched(self) -> str:
        """What was made equal to the dense model, and at which sparsity."""
        if self.kind == "dense":
            return "the baseline"
        if self.match == "none":
            return "fewer FLOPs"
        return f"equal {self.match}, sparsity {self.sparsity}"

    def verdict(self, evaluation: str) -> str:
        """Say in words what is left of the claimed gain under an evaluation, or why nothing is."""
        if self.kind == "dense":
            return "the model that gains are measured from"
        if evaluation not in self.gains:
            return "no dense model of the same seed"
        gain = self.gains[evaluation]
        if gain.holds_zero:
            return f"gain {gain}: {HOLDS_ZERO}"
        if gain.mean < 0:
            return f"gain {gain}: worse than dense"
        if evaluation not in self.shares:
            return f"gain {gain}; no share: the claimed gain is {HOLDS_ZERO}, or not recorded"
        if (self.kind, evaluation) == (PAPER, NONCAUSAL):
            return f"gain {gain}: the claimed gain"
        share = self.shares[evaluation]
        return (
            f"gain {gain}, {share.mean:.0%} [{share.low:.0%}, {share.high:.0%}] of the claimed gain"
        )


def variant_rows(
    runs: Iterable[RunRecord],
    scores: Mapping[str, ScoreRecord],
    probes: Mapping[str, ProbeRecord] | None = None,
) -> list[VariantRow]:
    """Set kinds of models beside dense ones under the three evaluations.

    Parameters
    ----------
    runs : iterable of RunRecord
        Such as `recorded_runs` returns; only finished ones with scores are used.
    scores : mapping of str to ScoreRecord
        By name of the run.
    probes : mapping of str to ProbeRecord, optional
        For the selected and dropped shares.

    Returns
    -------
    list of VariantRow
        One for each kind, match, sparsity and recipe; best noncausal loss first. Gains pair runs
        of the same seed and recipe, window by window.

    Notes
    -----
    Intervals are those of `mosa_edu.analysis.statistics.paired_interval`.
    """
    groups = groups_of(runs, scores)
    dense = by_recipe(groups, "dense")
    claims = {
        (group.recipe, group.sparsity): group.gains_on(dense[group.recipe], NONCAUSAL)
        for group in groups
        if (group.kind, group.match) == (PAPER, "flops") and group.recipe in dense
    }
    counted = probes_of(probes, "selection")
    rows = []
    for group in groups:
        gained: dict[str, Windows] = {}
        if baseline := dense.get(group.recipe):
            gained = {name: group.gains_on(baseline, name) for name in EVALUATIONS}
        claim = claims.get((group.recipe, group.sparsity)) if group.match == "flops" else None
        shares = {n: share for n, gain in gained.items() if (share := _share(gain, claim))}
        row = VariantRow(
            **_columns(group),
            gains={name: gain for name, found in gained.items() if (gain := found.gain())},
            shares=shares if group.kind != "dense" else {},
            paired=len(gained[NONCAUSAL].losses) if gained else 0,
            selected=_measured(group, counted, "selected"),
            dropped=_measured(group, counted, "refused"),
        )
        rows.append(row)
    return sorted(rows, key=lambda row: row.loss(NONCAUSAL).mean)


def _share(gain: Windows, claim: Windows | None) -> Interval | None:
    """Return a gain over the claimed one, in the seeds of both; None if one of them may be 0."""
    if claim is None or not (gain.excludes_zero() and claim.excludes_zero()):
        return None
    seeds = sorted(gain.losses.keys() & claim.losses.keys())
    if not seeds or gain.deviation is None or claim.deviation is None:
        return None
    part, whole = (np.array([found.losses[seed] for seed in seeds]) for found in (gain, claim))
    return ratio_interval(part, whole, gain.books, (gain.deviation, claim.deviation))


def _measured(group: Group, counted: Mapping[str, ProbeRecord], column: str) -> float | None:
    found = [counted[run.name] for run in group.runs if run.name in counted]
    values = [value for probe in found for value in probe.column(column) if value is not None]
    return float(np.mean(values)) if values else None


def variant_table(rows: Sequence[VariantRow]) -> str:
    """Lay rows of `variant_rows` out as text: what was matched, losses, and what is left of them.

    Parameters
    ----------
    rows : sequence of VariantRow
        A block of lines for each.
    """
    return "\n".join(line for row in rows for line in _lines(row))


def _lines(row: VariantRow) -> list[str]:
    lines = [
        f"{row.label}: {row.n_dense_heads + row.n_local_heads}+{row.n_sparse_heads} heads, "
        f"{row.n_parameters:,} parameters",
        f"  {row.matched}, {_seeds(row)} of {row.tokens:,} tokens",
    ]
    if row.selected is not None:
        dropped = "" if row.dropped is None else f", refuses {row.dropped:.1%} of those it wants"
        lines.append(f"  a head keeps {row.selected:.1%} of the tokens{dropped}")
    said: dict[tuple[str, str], list[str]] = {}
    for evaluation in EVALUATIONS:
        words = str(row.loss(evaluation)), row.verdict(evaluation)
        said.setdefault(words, []).append(evaluation)
    for (loss, verdict), names in said.items():
        lines.append(f"  {', '.join(names)}: loss {loss}")
        lines += wrap(verdict, 74, initial_indent="    ", subsequent_indent="    ")
    return lines


def _seeds(group: Group) -> str:
    return f"{len(group.seeds)} seed{'s' * (len(group.seeds) > 1)}"


@dataclass(frozen=True, eq=False)
class AblationRow(Group):
    """One kind of hybrid beside its dense heads alone.

    A gain over the dense model mixes two changes: dense heads went, and sparse heads came. Here
    each hybrid is compared with its own dense heads and nothing beside them.
    """

    n_heads: int  # sparse ones of a layer, or dense ones, beside those that both models have
    gained: dict[str, Windows] = field(repr=False)  # on the dense heads alone, by evaluation
    gains: dict[str, Interval]
    future: dict[str, Interval]  # loss with the future hidden minus loss in full view

    @property
    def label(self) -> str:
        """How many heads of which kind."""
        kind = {"dense": "more dense", "no_sink": "mosa without the seat"}
        return f"{self.n_heads} {kind.get(self.kind, self.kind)}"


def ablation_rows(
    runs: Iterable[RunRecord], scores: Mapping[str, ScoreRecord], sparsity: int = 8
) -> list[AblationRow]:
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
    list of AblationRow
        Largest gain with the future cut off first. Hybrids with local heads, or with fewer dense
        heads than the control has, are left out; empty without a control.
    """
    groups = groups_of(runs, scores)
    alone = by_recipe(groups, "dense_ablation")
    rows = [
        _ablation(group, control)
        for group in groups
        if (control := alone.get(group.recipe)) and group is not control
        if group.sparsity in (None, sparsity) and not group.n_local_heads
        if group.n_dense_heads >= control.n_dense_heads
        if set(group.seeds) & set(control.seeds)
    ]
    return sorted(rows, key=lambda row: -row.gains[TRUNCATED].mean)


def _ablation(group: Group, control: Group) -> AblationRow:
    gained = {name: group.gains_on(control, name) for name in EVALUATIONS}
    own = group.only(control.seeds)
    return AblationRow(
        **_columns(own),
        n_heads=group.n_sparse_heads or group.n_dense_heads - control.n_dense_heads,
        gained=gained,
        gains={name: gain for name, found in gained.items() if (gain := found.gain())},
        future={name: own.price(name) or Interval(0, 0, 0) for name in EVALUATIONS[1:]},
    )


class HeadCountRow(Group):
    """One number of MoSA heads, over its seeds."""

    @property
    def mean(self) -> float:
        """Mean of the final losses."""
        return float(np.mean(self.losses))

    def __str__(self) -> str:
        spread = f" ({min(self.losses):.3f} to {max(self.losses):.3f})" * (len(self.seeds) > 1)
        heads = f"{self.n_dense_heads} dense + {self.n_sparse_heads:2} MoSA heads"
        return f"{heads}: {self.mean:.3f}{spread}, {_seeds(self)}"


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
    groups = [HeadCountRow(**_columns(group)) for group in groups_of(runs)]
    lines: dict[tuple[int, str], list[HeadCountRow]] = {}
    for group in groups:
        alone = group.kind == "dense_ablation"
        if alone or (group.kind == PAPER and group.sparsity == sparsity and group.n_dense_heads):
            lines.setdefault((group.n_dense_heads, group.recipe), []).append(group)
    most = max(lines.values(), key=len, default=[])
    dense = by_recipe(groups, "dense").get(most[0].recipe) if most else None
    return sorted(most, key=lambda row: row.n_sparse_heads), dense


@dataclass(frozen=True)
class GainCurve:
    """Gains of one kind of model on the dense model of the same seed, over the training."""

    kind: str
    seeds: tuple[int, ...]
    tokens: np.ndarray  # (P,) seen at each evaluation, mean over the seeds
    gains: np.ndarray  # (S, P) nats per token

    @property
    def mean(self) -> np.ndarray:
        """Mean over the seeds: float64 (P,)."""
        return np.asarray(self.gains.mean(axis=0))


def gain_curves(runs: Iterable[RunRecord]) -> list[GainCurve]:
    """Pair the curves of the loss on held-out text with those of the dense models.

    Parameters
    ----------
    runs : iterable of RunRecord
        Only finished ones are used.

    Returns
    -------
    list of GainCurve
        Largest gain at the end first; at the steps at which all runs of the pair were evaluated.
        Empty if no run has a dense one of the same seed and recipe.
    """
    groups = groups_of(runs)
    dense = by_recipe(groups, "dense")
    curves = [
        _curve(group, dense[group.recipe])
        for group in groups
        if group.kind != "dense" and group.recipe in dense
    ]
    known = (curve for curve in curves if curve.gains.size)
    return sorted(known, key=lambda curve: -curve.mean[-1])


def _curve(group: Group, baseline: Group) -> GainCurve:
    """Take the steps that all curves have."""
    own, theirs = ({run.seed: _by_step(run) for run in g.runs} for g in (group, baseline))
    seeds = sorted(own.keys() & theirs.keys())
    points = [(own[seed], theirs[seed]) for seed in seeds]
    every = [set(curve) for pair in points for curve in pair]
    steps = sorted(set.intersection(*every)) if every else []
    return GainCurve(
        group.kind,
        tuple(seeds),
        np.array([[a[step][0] for step in steps] for a, _ in points], dtype=np.float64).mean(axis=0)
        if seeds
        else np.array([]),
        np.array([[b[step][1] - a[step][1] for step in steps] for a, b in points]),
    )


def _by_step(run: RunRecord) -> dict[int, tuple[float, float]]:
    """Tokens seen and held-out loss, by step."""
    rows = run.extra.get("validation_curve", [])
    return {int(step): (tokens, loss) for step, tokens, loss, *_ in rows}


EVERY = "every position"
"""The measure of most text: all positions of the windows, the router seeing the whole text."""


@dataclass(frozen=True, eq=False)
class LongContextRow(Group):
    """One kind of model on texts of one length, measured at every position, too."""

    spans: tuple[tuple[int, int], ...]  # ranges of positions, measures by their `span_name`

    main: ClassVar[str] = EVERY

    @property
    def length(self) -> int:
        """Tokens of a text, T."""
        return int(self.model["max_seq_len"])

    @property
    def n_kept(self) -> int:
        """Tokens that a sparse head keeps, k."""
        return int(self.length // self.model["sparsity"])

    def __str__(self) -> str:
        heads = f"{self.n_dense_heads + self.n_local_heads}+{self.n_sparse_heads}"
        return (
            f"{self.kind:8} {heads:>6} heads, {self.n_parameters:>9,} parameters, "
            f"{self.flops_per_token / 1e6:.2f} MFLOP a token; {self.tokens:,} tokens, "
            f"{_seeds(self)}: {self.loss()} nats"
        )


def long_context_rows(records: Records) -> list[LongContextRow]:
    """Gather the finished runs of long texts by kind.

    Parameters
    ----------
    records : Records
        Such as `recorded_long_context` returns.

    Returns
    -------
    list of LongContextRow
        Best loss first; empty if nothing was recorded.
    """
    positions = probes_of(records.probes, "positions")
    known = [run for run in records.runs if run.name in positions]
    rows = pooled(_long_context(group, positions) for group in groups_of(known, records.scores))
    return sorted(rows, key=lambda row: row.loss().mean)


def _long_context(group: Group, positions: Mapping[str, ProbeRecord]) -> LongContextRow:
    probes = {run.seed: positions[run.name] for run in group.runs}
    first = next(iter(probes.values()))
    books = np.array(first.series["books"])
    spans = tuple((row["first"], row["last"]) for row in first.rows)
    weights = np.array([last - start + 1 for start, last in spans]) / group.model["max_seq_len"]
    losses = {seed: np.array(probe.series["losses"]) for seed, probe in probes.items()}
    windows = {EVERY: Windows({seed: found @ weights for seed, found in losses.items()}, books)}
    for place, span in enumerate(spans):
        of_span = {seed: found[:, place] for seed, found in losses.items()}
        windows[span_name(span)] = Windows(of_span, books)
    return LongContextRow(group.runs, group.windows | windows, spans)


def span_name(span: tuple[int, int]) -> str:
    """Return the name that a range of positions has among the measures."""
    return f"positions {span[0]} to {span[1]}"


CHANCE = 0.5
"""Share of right answers of whoever does not know the cue."""

CLOZE_EVALUATIONS = (NONCAUSAL, TRUNCATED)
"""Under which perplexities are given."""


@dataclass(frozen=True, eq=False)
class ClozeRow(Group):
    """One kind of model and cloze items of one task, over the seeds of the model.

    Intervals of accuracies are Wilson's for one model, so that they know how items vary and do
    not count the seeds as further items.
    """

    task: str
    perplexity: dict[str, float]  # with whole windows in sight of the router, and as in the items
    loss_gains: dict[str, Interval]  # on the dense model of the seed, under both; or empty
    distances: tuple[float, ...]  # tokens from the cue to the ending
    accuracies: tuple[Interval, ...]  # share of right answers at each distance
    accuracy: Interval  # at all of them
    gain: Interval | None  # of accuracy on the dense model, paired by item and seed
    gains: tuple[float, ...]  # the same, seed by seed

    def __str__(self) -> str:
        by_distance = "  ".join(
            f"{tokens:.0f}: {found.mean:.2f}"
            for tokens, found in zip(self.distances, self.accuracies, strict=True)
        )
        gain = f", {self.gain} above dense" if self.gain and self.kind != "dense" else ""
        return f"{self.task:10} right {self.accuracy}{gain}; by tokens back {by_distance}"


def cloze_rows(
    runs: Iterable[RunRecord],
    scores: Mapping[str, ScoreRecord],
    probes: Mapping[str, ProbeRecord],
) -> list[ClozeRow]:
    """Gather what models answered, by kind of model and sort of item.

    Parameters
    ----------
    runs, scores, probes
        Such as `recorded_cloze` returns; finished runs with a score and with answers are used.

    Returns
    -------
    list of ClozeRow
        Lowest noncausal perplexity first, items in the order they were asked; empty without
        records.
    """
    answers = probes_of(probes, "cloze")
    scored = groups_of((run for run in runs if run.name in answers), scores)
    groups = pooled(_answered(group, answers) for group in scored)
    dense = by_recipe(groups, "dense")
    rows = [row for group in groups for row in _cloze(group, dense.get(group.recipe), answers)]
    return sorted(rows, key=lambda row: row.perplexity[NONCAUSAL])


def _answered(group: Group, answers: Mapping[str, ProbeRecord]) -> Group:
    """Add what each seed answered to the measures: 1 where right, by task."""
    first = answers[group.runs[0].name]
    windows = dict(group.windows)
    for task in dict.fromkeys(first.column("task")):
        cells = [row for row in first.rows if row["task"] == task]
        names = [f"{task}-{cell['distance']}" for cell in cells]
        at = np.repeat(np.arange(len(cells)), [cell["asked"] for cell in cells])
        found = {
            run.seed: np.concatenate([answers[run.name].series[name] for name in names])
            for run in group.runs
        }
        windows[right_about(task)] = Windows(found, at)
    return replace(group, windows=windows)


def right_about(task: str) -> str:
    """Return the name that the answers to one sort of item have among the measures."""
    return f"right about {task}"


def cloze_table(rows: Sequence[ClozeRow]) -> str:
    """Lay rows out as text: a line for each kind of model with its perplexity, then its items."""
    lines: list[str] = []
    for row in rows:
        head = f"{row.label}: {_seeds(row)}; perplexity"
        for evaluation in CLOZE_EVALUATIONS:
            head += f" {row.perplexity[evaluation]:.3f} {evaluation}"
            if row.loss_gains and row.kind != "dense":
                head += f" (gain on dense {row.loss_gains[evaluation]} nats)"
        lines += [head] * (head not in lines)
        lines.append(f"  {row}")
    return "\n".join(lines)


def _cloze(group: Group, dense: Group | None, answers: Mapping[str, ProbeRecord]) -> list[ClozeRow]:
    """Return a row for each sort of item."""
    shared = _columns(group)
    shared["perplexity"] = {
        name: math.exp(group.windows[name].stacked().mean()) for name in CLOZE_EVALUATIONS
    }
    shared["loss_gains"] = {}
    if dense and set(dense.seeds) & set(group.seeds):
        gained = {name: group.gains_on(dense, name) for name in CLOZE_EVALUATIONS}
        # A window is a story of its own, and no two are alike.
        shared["loss_gains"] = {
            name: replace(found, books=np.zeros(len(found.books))).gain()
            for name, found in gained.items()
        }
    first = answers[group.runs[0].name]
    rows = []
    for task in dict.fromkeys(first.column("task")):
        cells = [row for row in first.rows if row["task"] == task]
        own = group.windows[right_about(task)]
        found, at = own.stacked(), own.books  # (S, N), distance of each item
        above = dense.windows[right_about(task)].gains_on(own) if dense else None
        row = ClozeRow(
            **shared,
            task=task,
            distances=tuple(row["tokens"] for row in cells),
            accuracies=tuple(
                wilson(float(found[:, at == place].mean()), cell["asked"])
                for place, cell in enumerate(cells)
            ),
            accuracy=wilson(float(found.mean()), len(at)),
            gain=above.gain() if above else None,
            gains=tuple(float(gain.mean()) for gain in above.losses.values()) if above else (),
        )
        rows.append(row)
    return rows
