"""What remains of the gain: twins of several kinds under three scores, in one table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np

from mosa_edu.records import RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import WAYS, ScoreRecord
from mosa_edu.results.intervals import NEEDED_SEEDS, Interval, bootstrap_mean, gain_interval
from mosa_edu.results.shares import gains_by_seed, share_of_claim
from mosa_edu.results.twins import again, grouped, kind_of, match_of, recipe_of

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
        _row(members, scores, dense, claims.get(_comparison(group), {}), probes or {})
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


def _row(
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
