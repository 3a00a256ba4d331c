"""From records to tables: every row names what was matched and carries its interval. No torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records import RoutingHistory, RoutingTrace, RunRecord
from mosa_edu.records.leak import LeakExample
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import ScoreRecord

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with the bounds that a bootstrap gives it.

    Attributes
    ----------
    mean, low, high : float
        In the unit of the data; the bounds hold 95 % of the resampled means.
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def recorded_runs(folder: Path | str | None = None) -> list[RunRecord]:
    """Read the finished, stopped and diverged runs that ship with the package.

    Parameters
    ----------
    folder : path-like, optional
        Where to read instead.

    Returns
    -------
    list of RunRecord
        Sorted by name; empty if there are none.
    """
    return [RunRecord.load(path) for path in _files(folder, "runs")]


def recorded_scores(folder: Path | str | None = None) -> dict[str, ScoreRecord]:
    """Read the three-score records that ship with the package, by run name.

    Parameters
    ----------
    folder : path-like, optional
        Where to read instead.

    Returns
    -------
    dict
        Name of the run to its record.
    """
    records = [ScoreRecord.load(path) for path in _files(folder, "scores")]
    return {record.name: record for record in records}


def recorded_trace(name: str) -> RoutingTrace:
    """Read the shipped model's routing of one of the book's texts.

    Parameters
    ----------
    name : str
        A key of `mosa_edu.texts.PROBES`.

    Returns
    -------
    RoutingTrace
        As recorded with the rounded weights.

    Raises
    ------
    ValueError
        If there is no such trace.
    """
    return RoutingTrace.load(_named("traces", name))


def recorded_history(name: str) -> RoutingHistory:
    """Read how the routing of one of the book's texts changed while the shipped model trained.

    Parameters
    ----------
    name : str
        A key of `mosa_edu.texts.PROBES`.

    Returns
    -------
    RoutingHistory
        At about 40 steps.

    Raises
    ------
    ValueError
        If there is no such history.
    """
    return RoutingHistory.load(_named("histories", name))


def recorded_notebook(name: str) -> RunRecord:
    """Read the run that a chapter trains again and compares with.

    Parameters
    ----------
    name : str
        The chapter, such as ``ch07``.

    Returns
    -------
    RunRecord
        With the command that made it.

    Raises
    ------
    ValueError
        If there is no such record.
    """
    return RunRecord.load(_named("notebooks", name))


def recorded_leak(name: str) -> LeakExample:
    """Read what another future did to the past of one of the book's texts.

    Parameters
    ----------
    name : str
        A key of `mosa_edu.texts.PROBES`.

    Returns
    -------
    LeakExample
        Of the shipped model.

    Raises
    ------
    ValueError
        If there is no such record.
    """
    return LeakExample.load(_named("leaks", name))


def explorer_scores() -> ScoreRecord:
    """Read the three scores of the shipped model.

    Returns
    -------
    ScoreRecord
        Of the rounded weights.
    """
    return ScoreRecord.load(_recorded() / "explorer" / "scores.json")


def recorded_probes(folder: Path | str | None = None) -> dict[str, ProbeRecord]:
    """Read the recorded leak tests by name: perturbation, Jacobian, coin flips.

    Parameters
    ----------
    folder : path-like, optional
        Where to read instead.

    Returns
    -------
    dict
        Name to record, sorted by name.
    """
    return {path.stem: ProbeRecord.load(path) for path in _files(folder, "probes")}


def recorded_probe(name: str) -> ProbeRecord:
    """Read one recorded leak test.

    Parameters
    ----------
    name : str
        Such as ``perturbation-layer-seed0``.

    Returns
    -------
    ProbeRecord
        With the command that makes it again.

    Raises
    ------
    ValueError
        If there is no such record.
    """
    return ProbeRecord.load(_named("probes", name))


def _named(kind: str, name: str) -> Path:
    found = {path.stem: path for path in _files(None, kind)}
    require(name in found, "name", name, f"one of {sorted(found)}")
    return found[name]


def _files(folder: Path | str | None, kind: str) -> list[Path]:
    return sorted(Path(folder or _recorded() / kind).glob("*.json"))


def _recorded() -> Path:
    return Path(str(resources.files("mosa_edu"))) / "recorded"


def bootstrap_mean(values: np.ndarray, groups: np.ndarray, *, draws: int = 4000) -> Interval:
    """Mean over windows, with an interval from resampling windows within each book.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        One number a window.
    groups : ndarray of integers, shape (N,)
        Book of each window; every book keeps its share, since windows of a book are alike.
    draws : int
        Resampled means.

    Returns
    -------
    Interval
        95 %, percentile method, seed 0.

    Examples
    --------
    >>> print(bootstrap_mean(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1])))
    2.000 [2.000, 2.000]
    """
    require(len(values) == len(groups) > 0, "groups", len(groups), f"{len(values)} long, not 0")
    generator = np.random.Generator(np.random.PCG64(0))
    totals = np.zeros(draws)
    for group in np.unique(groups):
        members = values[groups == group]
        picks = generator.integers(len(members), size=(draws, len(members)))
        totals += members[picks].sum(axis=1)
    means = totals / len(values)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(float(values.mean()), float(low), float(high))


def score_difference(better: ScoreRecord, baseline: ScoreRecord, way: str) -> Interval:
    """Loss of `baseline` minus loss of `better` under one score, paired window by window.

    Parameters
    ----------
    better, baseline : ScoreRecord
        Of the same windows and tokenizer.
    way : str
        "full", "prefix" or "foreign".

    Returns
    -------
    Interval
        Nats per token; positive if `better` is better.

    Raises
    ------
    ValueError
        If the two records are not of the same windows.
    """
    same = (better.fingerprint, better.cuts) == (baseline.fingerprint, baseline.cuts)
    same = same and np.array_equal(better.books, baseline.books)
    require(same, "baseline", baseline.name, f"scored on the windows of {better.name}")
    gains = baseline.per_window(way) - better.per_window(way)
    return bootstrap_mean(gains, better.books)


def score_gap(record: ScoreRecord, way: str) -> Interval:
    """How much worse a model scores when the future is hidden, paired window by window.

    Parameters
    ----------
    record : ScoreRecord
        Of one model.
    way : {"prefix", "foreign"}
        How the future is hidden.

    Returns
    -------
    Interval
        Nats per token above the full score; 0 for a causal model.
    """
    return bootstrap_mean(record.per_window(way) - record.per_window("full"), record.books)


@dataclass(frozen=True)
class TwinRow:
    """One kind of model in a comparison, over its seeds.

    Attributes
    ----------
    kind : str
        ``dense``, or the kind of the sparse heads.
    n_sparse_heads, n_dense_heads : int
        Heads of a layer.
    n_parameters : int
        All of the model.
    flops_per_token : float
        Of one forward pass.
    tokens : int
        Trained on, by each seed.
    losses : tuple of float
        Validation loss at the longest length, full-sequence routing, seed by seed.
    gains : tuple of float
        Loss of the dense run of the same seed minus this loss.
    """

    kind: str
    n_sparse_heads: int
    n_dense_heads: int
    n_parameters: int
    flops_per_token: float
    tokens: int
    losses: tuple[float, ...]
    gains: tuple[float, ...]

    @property
    def loss(self) -> float:
        """Mean loss over seeds, in nats per token."""
        return float(np.mean(self.losses))

    @property
    def perplexity(self) -> float:
        """Exponential of the mean loss."""
        return float(np.exp(self.loss))


def twin_rows(records: Iterable[RunRecord]) -> list[TwinRow]:
    """Group the runs of a comparison by kind and pair each with the dense run of its seed.

    Parameters
    ----------
    records : iterable of RunRecord
        Finished runs of one comparison; others are left out.

    Returns
    -------
    list of TwinRow
        Best mean loss first.
    """
    finished = [record for record in records if record.status == "finished"]
    by_kind: dict[str, list[RunRecord]] = {}
    for record in sorted(finished, key=lambda record: record.seed):
        by_kind.setdefault(kind_of(record), []).append(record)
    dense = {record.seed: final_loss(record) for record in by_kind.get("dense", [])}
    rows = [_row(kind, runs, dense) for kind, runs in by_kind.items()]
    return sorted(rows, key=lambda row: row.loss)


def _row(kind: str, runs: Sequence[RunRecord], dense: dict[int, float]) -> TwinRow:
    first = runs[0]
    return TwinRow(
        kind=kind,
        n_sparse_heads=first.model["n_sparse_heads"],
        n_dense_heads=first.model["n_dense_heads"],
        n_parameters=first.n_parameters,
        flops_per_token=first.flops_per_token or 0.0,
        tokens=first.tokens_seen,
        losses=tuple(final_loss(run) for run in runs),
        gains=tuple(dense[run.seed] - final_loss(run) for run in runs if run.seed in dense),
    )


def kind_of(record: RunRecord) -> str:
    """Return ``dense``, or the kind of the sparse heads."""
    return str(record.model["sparse"]) if record.model["n_sparse_heads"] else "dense"


def final_loss(record: RunRecord) -> float:
    """Return the validation loss at the longest evaluated length, in nats per token."""
    longest = max(record.validation, key=int)
    return record.validation_loss(int(longest))
