"""Guessed picks as a table: how often they are right, and what they cost the model."""

from dataclasses import dataclass

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.results.intervals import Interval, bootstrap_mean

WAYS = ("full", "prefix", "foreign")


@dataclass(frozen=True)
class PredictorRow:
    """One way to decide who is picked in a trained model.

    Attributes
    ----------
    way : str
        ``full``, ``prefix``, ``foreign`` (the model's own routing under the three scores), or the
        cut of the classifiers: ``half`` (a probability of 1/2) or ``rate`` (as many as are picked).
    loss : Interval
        Nats per token.
    above_full : Interval
        The same above the full score, paired window by window.
    recall, precision, accuracy, always_no : float or None
        Means over all heads; None for the model's own routing. `always_no` is the accuracy of
        never picking anything.
    least_recall : float or None
        Of the head that is hardest to guess.
    refused : float or None
        Share of the guessed tokens that found their head full.
    """

    way: str
    loss: Interval
    above_full: Interval
    recall: float | None = None
    precision: float | None = None
    accuracy: float | None = None
    always_no: float | None = None
    least_recall: float | None = None
    refused: float | None = None

    def __str__(self) -> str:
        line = f"{self.way:8} loss {self.loss}  above full {self.above_full}"
        if self.recall is None:
            return line
        return (
            f"{line}  recall {self.recall:.3f} (least {self.least_recall:.3f}), precision "
            f"{self.precision:.3f}, accuracy {self.accuracy:.3f} (always no {self.always_no:.3f})"
        )


def predictor_rows(probe: ProbeRecord) -> list[PredictorRow]:
    """Summarise a record of fitted predictors.

    Parameters
    ----------
    probe : ProbeRecord
        Of `mosa-edu probe predictor`, such as ``recorded_probe("predictor-explorer")``.

    Returns
    -------
    list of PredictorRow
        The model's own routing under the three scores, then one row a cut; printed one a line
        they are the table.

    Raises
    ------
    ValueError
        If the record is of something else.
    """
    require(probe.probe == "predictor", "probe", probe.probe, "'predictor'")
    books = np.array(probe.series["books"])
    losses = {name: np.array(probe.series[name]) for name in probe.series if name != "books"}
    return [_row(way, losses, books, probe) for way in losses]


def _row(
    way: str, losses: dict[str, np.ndarray], books: np.ndarray, probe: ProbeRecord
) -> PredictorRow:
    loss = bootstrap_mean(losses[way], books)
    above_full = bootstrap_mean(losses[way] - losses["full"], books)
    if way in WAYS:
        return PredictorRow(way, loss, above_full)
    heads = [row for row in probe.rows if row["cut"] == way]
    means = {
        name: float(np.mean([row[name] or 0.0 for row in heads]))
        for name in ("recall", "precision", "accuracy", "always_no")
    }
    least = min(row["recall"] for row in heads)
    refused = probe.settings["refused"][way]
    return PredictorRow(way, loss, above_full, **means, least_recall=least, refused=refused)
