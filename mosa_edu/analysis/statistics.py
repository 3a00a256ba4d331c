"""Means with intervals: windows resampled book by book, models paired window by window."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records.scores import ScoreRecord

CONFIDENCE = 0.95

NEEDED_SEEDS = 3
"""Fewer trainings do not tell how the next one would end."""


@dataclass(frozen=True)
class Interval:
    """A mean with the bounds of its 95 % interval.

    Attributes
    ----------
    mean, low, high : float
        In the unit of the data.
    """

    mean: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether the data do not tell the mean apart from 0."""
        return self.low <= 0.0 <= self.high

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap_mean(values: np.ndarray, groups: np.ndarray, *, draws: int = 4000) -> Interval:
    """Mean over windows, with an interval from resampling windows within each book.

    Parameters
    ----------
    values : ndarray of float, shape (N,) or (S, N)
        One number a window, of one model or of S seeds of it.
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
    return interval(float(values.mean()), resampled_means(values, groups, draws))


@dataclass(frozen=True)
class Deviation:
    """How much one seed's mean paired difference varies, pooled over comparisons of one sort.

    Attributes
    ----------
    value : float
        Standard deviation over seeds, in the unit of the data.
    freedom : int
        Degrees of freedom behind it.
    """

    value: float
    freedom: int

    @classmethod
    def of_models(cls, losses: np.ndarray) -> "Deviation":
        """Pool over all pairs of models, by the analysis of variance of a table.

        Parameters
        ----------
        losses : ndarray of float, shape (A, S)
            Mean loss of A models, two at least, trained with the same S seeds, two at least. What
            a seed makes easier for all models is taken out, and what makes a model better in all
            seeds; the rest is chance, and a difference of two models has two shares of it.

        Examples
        --------
        >>> round(Deviation.of_models(np.array([[3.0, 3.2], [3.1, 3.3]])).value, 6)
        0.0
        """
        A, S = losses.shape
        require(A >= 2 and S >= 2, "losses", losses.shape, "two models or more, two seeds or more")
        rest = losses - losses.mean(axis=0) - losses.mean(axis=1, keepdims=True) + losses.mean()
        freedom = (A - 1) * (S - 1)
        return cls(math.sqrt(2 * float((rest**2).sum()) / freedom), freedom)

    @classmethod
    def within_models(cls, differences: Sequence[np.ndarray]) -> "Deviation":
        """Pool over models whose two scores differ: a mean difference a seed, (S,) for each."""
        freedom = sum(len(found) - 1 for found in differences)
        require(freedom >= 1, "differences", len(differences), "two seeds of a model or more")
        squares = sum(float(((found - found.mean()) ** 2).sum()) for found in differences)
        return cls(math.sqrt(squares / freedom), freedom)


def paired_interval(
    differences: np.ndarray, weights: np.ndarray, groups: np.ndarray, deviation: Deviation
) -> Interval:
    """Mean of paired differences with its 95 % interval: the one rule of this book.

    Parameters
    ----------
    differences : ndarray of float, shape (S, N)
        Of S seeds in N blocks of text.
    weights : ndarray of float, shape (N,)
        Tokens of each block, or anything in proportion to them.
    groups : ndarray of integers, shape (N,)
        Book of each block; every book keeps its share.
    deviation : Deviation
        Of the comparisons of this sort.

    Returns
    -------
    Interval
        ``mean ± t sqrt(s^2 / S + v)``: s the deviation over seeds and t Student's factor for its
        degrees of freedom, v the variance of the mean over blocks drawn anew within their books.

    Examples
    --------
    >>> same = np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]])
    >>> found = Deviation.within_models([same.mean(axis=1)])
    >>> print(paired_interval(same, np.ones(2), np.zeros(2), found))
    0.200 [-0.048, 0.448]
    """
    S, N = differences.shape
    require(len(weights) == len(groups) == N > 0, "groups", len(groups), f"{N} long, not 0")
    share = weights / weights.sum()
    by_block = differences.mean(axis=0)  # (N,)
    mean, text = float(share @ by_block), 0.0
    for group in np.unique(groups):
        own, values = share[groups == group], by_block[groups == group]
        if len(values) > 1:
            middle = (own @ values) / own.sum()
            spread = float((own**2) @ (values - middle) ** 2)
            text += spread * len(values) / (len(values) - 1)
    t = float(_quantiles().stdtrit(deviation.freedom, (1 + CONFIDENCE) / 2))
    half = t * math.sqrt(deviation.value**2 / S + text)
    return Interval(mean, mean - half, mean + half)


def seed_interval(gains: Sequence[float]) -> Interval:
    """Mean gain over seeds, with Student's 95 % interval; windows are taken as they are.

    >>> print(seed_interval([0.1, 0.2, 0.3]))
    0.200 [-0.048, 0.448]
    """
    values = np.asarray(gains, dtype=np.float64)
    n = len(values)
    require(n >= 1, "gains", n, "at least one")
    if n == 1:
        return Interval(float(values[0]), -math.inf, math.inf)
    t = _quantiles().stdtrit(n - 1, (1 + CONFIDENCE) / 2)  # Student's
    half = float(t) * float(values.std(ddof=1)) / math.sqrt(n)
    mean = float(values.mean())
    return Interval(mean, mean - half, mean + half)


def gain_interval(values: np.ndarray, groups: np.ndarray) -> Interval:
    """Mean of paired differences, with an interval that knows how seeds and how windows vary.

    Parameters
    ----------
    values : ndarray of float, shape (S, N)
        One difference a window, of S seeds.
    groups : ndarray of integers, shape (N,)
        Book of each window.

    Returns
    -------
    Interval
        Windows are resampled within books. From `NEEDED_SEEDS` on, `seed_interval` of the seeds'
        means is added in quadrature, since all seeds share the windows: what one sample of them
        has in common does not show between seeds. It counts a seed's own noise twice, and so is
        rather too wide. Of fewer seeds the interval knows nothing of how trainings vary.

    Examples
    --------
    >>> books = np.array([0, 0])
    >>> print(gain_interval(np.array([[0.1, 0.1], [0.2, 0.2]]), books))
    0.150 [0.150, 0.150]
    >>> print(gain_interval(np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]), books))
    0.200 [-0.048, 0.448]
    """
    of_windows = bootstrap_mean(values.mean(axis=0), groups)
    if len(values) < NEEDED_SEEDS:
        return of_windows
    of_seeds = seed_interval(values.mean(axis=1).tolist())
    mean = of_seeds.mean
    below, above = (
        math.hypot(mean - low, of_windows.mean - other)
        for low, other in ((of_seeds.low, of_windows.low), (of_seeds.high, of_windows.high))
    )
    return Interval(mean, mean - below, mean + above)


def resampled_means(values: np.ndarray, groups: np.ndarray, draws: int = 4000) -> np.ndarray:
    """Draw the means that other windows, and other seeds, would have given."""
    by_seed = np.atleast_2d(values).astype(np.float64)  # (S, N)
    n_seeds, n_windows = by_seed.shape
    require(n_windows == len(groups) > 0, "groups", len(groups), f"{n_windows} long, not 0")
    labels = np.ascontiguousarray(groups)
    counts, generator = _drawn(labels.tobytes(), labels.dtype.str, draws)
    means = by_seed @ counts.T / n_windows  # (S, draws)
    seeds = generator.integers(n_seeds, size=(n_seeds, draws))
    return np.take_along_axis(means, seeds, axis=0).mean(axis=0)


def _drawn(groups: bytes, dtype: str, draws: int) -> tuple[np.ndarray, np.random.Generator]:
    """Return how often each window is drawn, (draws, N), and a generator that goes on there."""
    counts, state = _counts(groups, dtype, draws)
    generator = np.random.Generator(np.random.PCG64(0))
    generator.bit_generator.state = state
    return counts, generator


@lru_cache(maxsize=8)
def _counts(groups: bytes, dtype: str, draws: int) -> tuple[np.ndarray, Any]:
    """Draw windows once for all that is measured on them: a table asks many times."""
    labels = np.frombuffer(groups, dtype=dtype)
    generator = np.random.Generator(np.random.PCG64(0))
    places = np.zeros((draws, len(labels)), np.intp)
    for group in np.unique(labels):
        members = np.flatnonzero(labels == group)
        picks = generator.integers(len(members), size=(draws, len(members)))
        places[:, members] = members[picks]
    places += np.arange(draws)[:, None] * len(labels)
    counts = np.bincount(places.ravel(), minlength=places.size).reshape(places.shape)
    return counts.astype(np.float64), generator.bit_generator.state


def interval(mean: float, draws: np.ndarray) -> Interval:
    """Put a mean between the bounds that hold 95 % of its resampled values."""
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(draws, [tail, 100 - tail])
    return Interval(mean, float(low), float(high))


def ratio_interval(part: np.ndarray, whole: np.ndarray, groups: np.ndarray) -> Interval:
    """Ratio of two means of paired values (S, N).

    The bounds resample windows and seeds, and are too narrow with a few seeds.
    """
    draws = resampled_means(part, groups) / resampled_means(whole, groups)
    return interval(float(part.mean() / whole.mean()), draws)


def wilson(share: float, count: int) -> Interval:
    """Return Wilson's interval of a share of successes in independent trials.

    A share over seeds is no whole number of successes, which libraries ask for.

    >>> print(wilson(0.5, 100), wilson(1.0, 100), sep="; ")
    0.500 [0.404, 0.596]; 1.000 [0.963, 1.000]
    """
    require(count >= 1, "count", count, "at least 1")
    spread = float(_quantiles().ndtri((1 + CONFIDENCE) / 2)) ** 2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    return Interval(share, max(middle - half, 0.0), min(middle + half, 1.0))


def paired_gains(better: ScoreRecord, baseline: ScoreRecord, way: str) -> np.ndarray:
    """Loss of `baseline` minus loss of `better` in every window: float64 (N,)."""
    same = (better.fingerprint, better.cuts) == (baseline.fingerprint, baseline.cuts)
    same = same and np.array_equal(better.books, baseline.books)
    require(same, "baseline", baseline.name, f"scored on the windows of {better.name}")
    return baseline.per_window(way) - better.per_window(way)


def score_difference(better: ScoreRecord, baseline: ScoreRecord, way: str) -> Interval:
    """Mean of `paired_gains` in nats per token, positive if `better` is better."""
    return bootstrap_mean(paired_gains(better, baseline, way), better.books)


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


def _quantiles() -> Any:
    """Return scipy's quantiles, which only those need who compare seeds or shares."""
    try:
        from scipy import special
    except ModuleNotFoundError as error:
        raise ImportError('intervals need scipy: pip install "mosa_edu[viz]"') from error
    return special
