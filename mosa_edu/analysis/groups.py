"""Runs of one comparison as a table: kinds of models, over their seeds."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mosa_edu.analysis.statistics import (
    NEEDED_SEEDS,
    Interval,
    gain_interval,
    interval,
    paired_gains,
    resampled_means,
)
from mosa_edu.records import RunRecord
from mosa_edu.records.scores import ScoreRecord


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
    groups: dict[str, list[RunRecord]] = {}
    for record in sorted(finished, key=lambda record: record.seed):
        groups.setdefault(json.dumps([record.model, schedule_of(record)]), []).append(record)
    dense = {recipe_of(record): record for record in finished if kind_of(record) == "dense"}
    rows = [_row(runs, dense) for runs in groups.values()]
    return sorted(rows, key=lambda row: row.loss)


def _row(runs: Sequence[RunRecord], dense: dict[str, RunRecord]) -> TwinRow:
    first = runs[0]
    return TwinRow(
        kind=kind_of(first),
        n_sparse_heads=first.model["n_sparse_heads"],
        n_dense_heads=first.model["n_dense_heads"],
        n_parameters=first.n_parameters,
        flops_per_token=first.flops_per_token or 0.0,
        tokens=first.tokens_seen,
        losses=tuple(final_loss(run) for run in runs),
        gains=tuple(
            final_loss(dense[recipe_of(run)]) - final_loss(run)
            for run in runs
            if recipe_of(run) in dense
        ),
    )


def kind_of(record: RunRecord) -> str:
    """Return the kind of the sparse heads; without any, ``dense``, or ``fewer`` for a control."""
    if record.model["n_sparse_heads"]:
        return str(record.model["sparse"])
    return "fewer" if match_of(record) == "nothing" else "dense"


def final_loss(record: RunRecord) -> float:
    """Return the validation loss at the longest evaluated length, in nats per token."""
    longest = max(record.validation, key=int)
    return record.validation_loss(int(longest))


def recipe_of(run: RunRecord) -> str:
    """Return what two runs must share to be paired: training with its seed, data, width."""
    shared = [run.training, run.seed, run.data, run.model.get("d_model")]
    return json.dumps(shared, sort_keys=True)


def schedule_of(run: RunRecord) -> dict[str, Any]:
    """Return the training but for its seed: what the seeds of one kind share."""
    return {name: value for name, value in run.training.items() if name != "seed"}


def comparison_of(run: RunRecord) -> str:
    """Return what models must share to be compared over seeds: schedule, data, width."""
    shared = [schedule_of(run), run.data, run.model.get("d_model")]
    return json.dumps(shared, sort_keys=True)


def match_of(run: RunRecord) -> str:
    """Return what is equal to the dense model's, which the run's name tells."""
    matches = "parameters", "loss", "nothing"
    return next((match for match in matches if f"-{match}-" in run.name), "flops")


def group_of(run: RunRecord) -> tuple[str, ...]:
    """Return what the seeds of one model have in common.

    Kind, heads and the seat of token 0; then what its comparison is: match, sparsity, schedule,
    data and width.
    """
    heads = [run.model.get(f"n_{kind}_heads", 0) for kind in ("dense", "local", "sparse")]
    seat = str(run.model["include_first"])
    matched = match_of(run), str(run.model["sparsity"]), comparison_of(run)
    return kind_of(run), json.dumps(heads), seat, *matched


def grouped(runs: Iterable[RunRecord]) -> dict[tuple[str, ...], list[RunRecord]]:
    """Return the seeds of each model, ascending, by `group_of`."""
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        groups.setdefault(group_of(run), []).append(run)
    return groups


def again(runs: Sequence[RunRecord]) -> str:
    """Write the command that trains and scores the seeds of one model again."""
    kind, match, *rest = [*runs[0].name.split("-"), ""]
    seeds = f"--seeds {','.join(str(run.seed) for run in runs)}"
    if match == "loss":  # as coarse as the number itself, so that the search ends there
        heads = rest[1].removeprefix("heads")
        pair = f"mosa-edu pair --guess {heads} --resolution {heads}"
        return f"{pair} --sparsity {rest[0]} {seeds}"
    if match not in ("flops", "parameters", "nothing"):
        return runs[0].command or ""
    flags = [f"--kinds {kind}"]
    flags += ["--match parameters"] if match == "parameters" else []
    flags += [f"--sparsity {rest[0]}"] if match != "nothing" and rest[0] != "8" else []
    return " ".join(["mosa-edu compare", *flags, seeds])


def gains_by_seed(
    members: list[RunRecord],
    dense: dict[str, ScoreRecord],
    scores: Mapping[str, ScoreRecord],
    way: str,
) -> dict[int, np.ndarray]:
    """Gain of every window over the dense run of the same recipe and seed, by seed."""
    return {
        run.seed: paired_gains(scores[run.name], dense[recipe_of(run)], way)
        for run in members
        if recipe_of(run) in dense
    }


def is_told_apart(gained: dict[int, np.ndarray], books: np.ndarray) -> bool:
    """Return whether there are enough seeds, and their interval does not hold 0."""
    enough = len(gained) >= NEEDED_SEEDS
    return enough and not gain_interval(np.array(list(gained.values())), books).holds_zero


def share_of_claim(
    gained: dict[int, np.ndarray], claim: dict[int, np.ndarray], books: np.ndarray
) -> Interval | None:
    """Gain over the claimed one, in the seeds of both; None if one of them may be 0.

    The bounds resample windows and seeds, and are too narrow with a few seeds.
    """
    if not (is_told_apart(gained, books) and is_told_apart(claim, books)):
        return None
    seeds = sorted(gained.keys() & claim.keys())
    if len(seeds) < NEEDED_SEEDS:
        return None
    part, whole = (np.array([gains[seed] for seed in seeds]) for gains in (gained, claim))
    wholes = resampled_means(whole, books)
    return interval(float(part.mean() / whole.mean()), resampled_means(part, books) / wholes)
