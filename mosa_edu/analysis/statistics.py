"""Means with intervals, by one rule: models paired by seed and by block of text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records.scores import ScoreRecord

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with the bounds of its 95 % interval; infinite where nothing tells how it varies.

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

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        if math.isinf(self.half):
            return f"{self.mean:.3f} (no interval)"
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


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
    def of_models(cls, losses: np.ndarray) -> "Deviation | None":
        """Pool over all pairs of models, by the analysis of variance of a table.

        Parameters
        ----------
        losses : ndarray of float, shape (A, S)
            Mean loss of A models trained with some of S seeds; NaN where a model lacks one. What a
            seed makes easier for all models is taken out, and what makes a model better in all
            seeds; the rest is chance, and a difference of two models has two shares of it.

        Returns
        -------
        Deviation or None
            None if the table leaves no degree of freedom: no two models share two seeds.

        Examples
        --------
        >>> found = Deviation.of_models(np.array([[3.0, 3.2], [3.1, 3.3]]))
        >>> round(found.value, 6), found.freedom
        (0.0, 1)
        """
        A, S = losses.shape
        model, seed = np.nonzero(~np.isnan(losses))
        design = np.zeros((len(model), A + S))
        design[np.arange(len(model)), model] = 1
        design[np.arange(len(model)), A + seed] = 1
        observed = losses[model, seed]
        fit, _, rank, _ = np.linalg.lstsq(design, observed, rcond=None)
        freedom = len(observed) - int(rank)
        if freedom < 1:
            return None
        rest = observed - design @ fit
        return cls(math.sqrt(2 * float(rest @ rest) / freedom), freedom)

    @classmethod
    def within_models(cls, differences: Sequence[np.ndarray]) -> "Deviation | None":
        """Pool over models whose two scores differ: a mean difference a seed, (S,) for each."""
        freedom = sum(len(found) - 1 for found in differences)
        if freedom < 1:
            return None
        squares = sum(float(((found - found.mean()) ** 2).sum()) for found in differences)
        return cls(math.sqrt(squares / freedom), freedom)

    @classmethod
    def none(cls, blocks: int) -> "Deviation":
        """Return that of weights that are what they are: only the text varies."""
        return cls(0.0, max(blocks - 1, 1))


def paired_interval(
    differences: np.ndarray,
    groups: np.ndarray,
    deviation: Deviation | None,
    weights: np.ndarray | None = None,
) -> Interval:
    """Mean of paired differences with its 95 % interval: the one rule of this book.

    Parameters
    ----------
    differences : ndarray of float, shape (S, N)
        Of S seeds in N blocks of text.
    groups : ndarray of integers, shape (N,)
        Book of each block; every book keeps its share.
    deviation : Deviation or None
        Of the comparisons of this sort; None if no two seeds tell it, and the interval is infinite.
    weights : ndarray of float, shape (N,), optional
        Tokens of each block, or anything in proportion to them; equal by default.

    Returns
    -------
    Interval
        ``mean ± t sqrt(s^2 / S + v)``: s the deviation over seeds and t Student's factor for its
        degrees of freedom, v the variance of the mean over blocks drawn anew within their books.

    Examples
    --------
    >>> same = np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]])
    >>> found = Deviation.within_models([same.mean(axis=1)])
    >>> print(paired_interval(same, np.zeros(2), found))
    0.200 [-0.048, 0.448]
    """
    S, N = differences.shape
    require(S >= 1, "differences", S, "at least one seed")
    require(len(groups) == N > 0, "groups", len(groups), f"{N} long, not 0")
    weights = np.ones(N) if weights is None else weights
    require(len(weights) == N, "weights", len(weights), f"{N} long")
    share = weights / weights.sum()
    by_block = differences.mean(axis=0)  # (N,)
    mean = float(share @ by_block)
    if deviation is None:
        return Interval(mean, -math.inf, math.inf)
    text = 0.0
    for group in np.unique(groups):
        own, values = share[groups == group], by_block[groups == group]
        if len(values) > 1:
            middle = (own @ values) / own.sum()
            spread = float((own**2) @ (values - middle) ** 2)
            text += spread * len(values) / (len(values) - 1)
    t = float(_quantiles().stdtrit(deviation.freedom, (1 + CONFIDENCE) / 2))
    half = t * math.sqrt(deviation.value**2 / S + text)
    return Interval(mean, mean - half, mean + half)


def text_interval(values: np.ndarray, groups: np.ndarray) -> Interval:
    """Mean over blocks of text of one trained model: it says nothing of another training.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        One number a block.
    groups : ndarray of integers, shape (N,)
        Book of each block.

    Examples
    --------
    >>> print(text_interval(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1])))
    2.000 [2.000, 2.000]
    """
    return paired_interval(np.atleast_2d(values), groups, Deviation.none(len(groups)))


def ratio_interval(
    part: np.ndarray,
    whole: np.ndarray,
    groups: np.ndarray,
    deviations: tuple[Deviation, Deviation],
    weights: np.ndarray | None = None,
) -> Interval:
    """Ratio r of two means of paired values, by the same rule: that of ``part - r whole``.

    Parameters
    ----------
    part, whole : ndarray of float, shape (S, N)
        Of S seeds in N blocks; the mean of `whole` must be well apart from 0.
    groups, weights : ndarray, shape (N,)
        As in `paired_interval`.
    deviations : tuple of Deviation
        Of part and whole, taken as independent: that they rise together would narrow the interval.
    """
    top, bottom = (float(np.average(each.mean(axis=0), weights=weights)) for each in (part, whole))
    r, (first, second) = top / bottom, deviations
    spread = math.hypot(first.value, r * second.value)
    pooled = Deviation(spread, min(first.freedom, second.freedom))
    half = paired_interval(part - r * whole, groups, pooled, weights).half / abs(bottom)
    return Interval(r, r - half, r + half)


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
    """Mean of `paired_gains` in nats per token, positive if `better` is; of these two trainings."""
    return text_interval(paired_gains(better, baseline, way), better.books)


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
    return text_interval(record.per_window(way) - record.per_window("full"), record.books)


def _quantiles() -> Any:
    """Return scipy's quantiles, which only those need who compare seeds or shares."""
    try:
        from scipy import special
    except ModuleNotFoundError as error:
        raise ImportError('intervals need scipy: pip install "mosa_edu[viz]"') from error
    return special
