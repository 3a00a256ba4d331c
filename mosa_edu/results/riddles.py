"""Riddles as a table: how often kinds of models are right, near and far, beside their losses."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records import RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import ScoreRecord
from mosa_edu.results.intervals import Interval, gain_interval
from mosa_edu.results.shares import gains_by_seed
from mosa_edu.results.twins import kind_of, recipe_of, schedule_of

_Z = 1.959964
"""The normal quantile of a 95 % interval."""

CHANCE = 0.5
"""Share of right answers of whoever does not know the cue."""

WAYS = ("full", "prefix")
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
    """Lay rows out as text: a line for each kind of model with its perplexity, then its riddles.

    Parameters
    ----------
    rows : sequence of RiddleRow
        Of `riddle_rows`.

    Returns
    -------
    str
        Empty without rows.
    """
    lines: list[str] = []
    for row in rows:
        seeds = f"{len(row.seeds)} seed{'s' if len(row.seeds) > 1 else ''}"
        head = f"{row.kind}: {seeds}; perplexity"
        for way in WAYS:
            head += f" {row.perplexity[way]:.3f} {way}"
            if row.loss_gains and row.kind != "dense":
                head += f" (gain on dense {row.loss_gains[way]} nats)"
        lines += [head] * (head not in lines)
        lines.append(f"  {row}")
    return "\n".join(lines)


def wilson(share: float, count: int) -> Interval:
    """Return the interval of a share of successes in independent trials.

    Parameters
    ----------
    share : float
        In [0, 1].
    count : int
        Trials.

    Returns
    -------
    Interval
        95 %, Wilson's score; within [0, 1], and never without width.

    Examples
    --------
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
    for way in WAYS:
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
