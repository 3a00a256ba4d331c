"""Loss over the number of MoSA heads beside the same dense ones, from none at all upwards."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mosa_edu.records import RunRecord
from mosa_edu.results.twins import comparison_of, final_loss, kind_of, match_of

KINDS = ("mosa", "fewer")
"""Hybrids, and what they are without a MoSA head."""


@dataclass(frozen=True)
class HeadCountRow:
    """One number of MoSA heads, over its seeds.

    Attributes
    ----------
    n_dense_heads, n_sparse_heads : int
        Heads of a layer.
    match : str
        What is equal to the dense model's: ``flops``, ``parameters``, ``loss`` or ``nothing``.
    n_parameters : int
        Of the model.
    flops_per_token : float
        Of one forward pass.
    seeds : tuple of int
        Ascending.
    losses : tuple of float
        Held-out loss at the longest length, full-sequence routing, nats per token, seed by seed.
    """

    n_dense_heads: int
    n_sparse_heads: int
    match: str
    n_parameters: int
    flops_per_token: float
    seeds: tuple[int, ...]
    losses: tuple[float, ...]

    @property
    def loss(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.losses))

    def __str__(self) -> str:
        spread = f" ({min(self.losses):.3f} to {max(self.losses):.3f})" * (len(self.seeds) > 1)
        seeds = f"{len(self.seeds)} seed{'s' * (len(self.seeds) > 1)}"
        return (
            f"{self.n_dense_heads} dense + {self.n_sparse_heads:2} MoSA heads: "
            f"{self.loss:.3f}{spread}, {seeds}"
        )


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
    finished = [run for run in runs if run.status == "finished"]
    groups: dict[str, dict[int, dict[int, RunRecord]]] = {}
    for run in sorted(finished, key=lambda run: run.name):
        if _is_hybrid(run, sparsity):
            key = json.dumps([run.model["n_dense_heads"], comparison_of(run)])
            by_seed = groups.setdefault(key, {}).setdefault(run.model["n_sparse_heads"], {})
            by_seed.setdefault(run.seed, run)  # two names of one model are one training
    if not groups:
        return [], None
    most = max(groups.values(), key=len)
    recipe = comparison_of(next(run for by_seed in most.values() for run in by_seed.values()))
    alike = [run for run in finished if kind_of(run) == "dense" and comparison_of(run) == recipe]
    dense = {run.seed: run for run in alike}
    return [_row(most[n]) for n in sorted(most)], _row(dense) if dense else None


def _is_hybrid(run: RunRecord, sparsity: int) -> bool:
    """Return whether a run is of the paper's hybrid at this sparsity, or of its dense heads."""
    if kind_of(run) not in KINDS or run.model.get("n_local_heads", 0):
        return False
    paper = run.model["include_first"] and run.model["sparsity"] == sparsity
    return bool(run.model["n_dense_heads"] and (paper or not run.model["n_sparse_heads"]))


def _row(by_seed: dict[int, RunRecord]) -> HeadCountRow:
    members = [by_seed[seed] for seed in sorted(by_seed)]
    first = members[0]
    return HeadCountRow(
        n_dense_heads=first.model["n_dense_heads"],
        n_sparse_heads=first.model["n_sparse_heads"],
        match=match_of(first),
        n_parameters=first.n_parameters,
        flops_per_token=first.flops_per_token or 0.0,
        seeds=tuple(run.seed for run in members),
        losses=tuple(final_loss(run) for run in members),
    )
