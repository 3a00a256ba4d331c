"""How a gain on the dense model grows while the twins train: one curve a kind, seeds paired."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mosa_edu.records import RunRecord
from mosa_edu.results.twins import kind_of, recipe_of


@dataclass(frozen=True)
class GainCurve:
    """One kind of model beside the dense model of the same seed, over the training.

    Attributes
    ----------
    kind : str
        Of the sparse heads.
    seeds : tuple of int
        Of the pairs, ascending.
    tokens : ndarray of float64, shape (P,)
        Tokens seen at each evaluation, mean over the seeds.
    gains : ndarray of float64, shape (S, P)
        Held-out loss of the dense model minus this one's, in nats per token.
    """

    kind: str
    seeds: tuple[int, ...]
    tokens: np.ndarray
    gains: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean over the seeds: float64 (P,)."""
        return np.asarray(self.gains.mean(axis=0))


def gain_curves(runs: Iterable[RunRecord]) -> list[GainCurve]:
    """Pair the curves of the loss on held-out text with those of the dense models.

    Parameters
    ----------
    runs : iterable of RunRecord
        Only finished ones are used; two with the same model but for the seed are one kind.

    Returns
    -------
    list of GainCurve
        Largest gain at the end first; at the steps at which all runs of the pair were evaluated.
        Empty if no run has a dense one of the same seed and recipe.
    """
    finished = [run for run in runs if run.status == "finished"]
    dense = {recipe_of(run): run for run in finished if kind_of(run) == "dense"}
    groups: dict[str, list[RunRecord]] = {}
    for run in sorted(finished, key=lambda run: run.seed):
        if kind_of(run) != "dense" and recipe_of(run) in dense:
            groups.setdefault(json.dumps(run.model, sort_keys=True), []).append(run)
    curves = [
        _curve(members, [dense[recipe_of(run)] for run in members]) for members in groups.values()
    ]
    return sorted(
        (curve for curve in curves if len(curve.tokens)), key=lambda curve: -curve.mean[-1]
    )


def _curve(members: Sequence[RunRecord], baselines: Sequence[RunRecord]) -> GainCurve:
    """Take the steps that all curves have."""
    own, theirs = [_by_step(run) for run in members], [_by_step(run) for run in baselines]
    steps = sorted(set.intersection(*(set(points) for points in [*own, *theirs])))
    gains = [
        [base[step][1] - points[step][1] for step in steps]
        for points, base in zip(own, theirs, strict=True)
    ]
    tokens = [[points[step][0] for step in steps] for points in own]
    return GainCurve(
        kind_of(members[0]),
        tuple(run.seed for run in members),
        np.array(tokens, dtype=np.float64).mean(axis=0),
        np.array(gains, dtype=np.float64),
    )


def _by_step(run: RunRecord) -> dict[int, tuple[float, float]]:
    """Tokens seen and held-out loss, by step."""
    rows = run.extra.get("validation_curve", [])
    return {int(step): (tokens, loss) for step, tokens, loss, *_ in rows}
