"""The budget explorer: what heads cost, and how many of a kind the same FLOPs buy."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import traitlets

from mosa_edu.checks import require
from mosa_edu.config import ModelConfig
from mosa_edu.costs import (
    KINDS,
    PAPER_BASELINES,
    head_flops,
    head_kv_slots,
    head_parameters,
    head_shape,
    kv_slots,
    model_flops,
    model_parameters,
)
from mosa_edu.costs.budgets import N_DENSE_KEPT
from mosa_edu.costs.flops import feedforward_width
from mosa_edu.experiments.plans import load_plan
from mosa_edu.viz.components import static
from mosa_edu.viz.components.widgets import Component, checked, require_allowed

BEST_SPARSITY = {"tiny": 64, "small": 64, "medium": 32, "large": 4}
"""Sparsity with the lowest perplexity at equal FLOPs, of those that the paper tried (Table 5)."""
LONGEST = 2**17
_PARTS = ("projections", "attention", "scoring", "gating")


class BudgetExplorer(Component):
    """Sliders for length, sparsity and dense heads given up, over exact counts.

    `preset` is the dense model to begin with: ``tiny``, ``small``, ``medium`` or ``large`` of the
    paper, or ``explorer``, the one that the book's small models are matched with. `kind` is the
    kind of the heads that are bought. `tokens` (T), `sparsity` (T / k) and `given` (dense heads of
    a layer given up) are the preset's own if they are not given. Setting them changes the figure.
    """

    component = "budget"
    studied = ("preset", "kind", "tokens", "sparsity", "given")
    preset = traitlets.Unicode("tiny").tag(sync=True)
    kind = traitlets.Unicode("mosa").tag(sync=True)
    tokens = traitlets.Int(1024).tag(sync=True)
    sparsity = traitlets.Int(64).tag(sync=True)
    given = traitlets.Int(5).tag(sync=True)
    _check = checked(*studied)

    def __init__(
        self,
        preset: str = "tiny",
        kind: str = "mosa",
        *,
        tokens: int | None = None,
        sparsity: int | None = None,
        given: int | None = None,
    ) -> None:
        self._baselines = {**PAPER_BASELINES, "explorer": load_plan("isoflop").baseline}
        require_allowed("preset", preset, list(self._baselines))
        rows = [_row(name, config) for name, config in self._baselines.items()]
        own = next(row for row in rows if row["name"] == preset)
        given = own["given"] if given is None else given
        require(given <= own["heads"], "given", given, f"at most {own['heads']}")
        start = {
            **{"preset": preset, "kind": kind, "given": given},
            "tokens": own["T"] if tokens is None else tokens,
            "sparsity": own["sparsity"] if sparsity is None else sparsity,
        }
        super().__init__({"models": rows, "start": start}, **start)

    def allowed(self) -> Mapping[str, Collection[Any]]:
        """Return models and kinds by name, and numbers that the sliders may show."""
        return {
            **{"preset": list(self._baselines), "kind": KINDS[1:]},
            **{"tokens": range(2, LONGEST + 1), "sparsity": range(1, LONGEST + 1)},
            "given": range(1, LONGEST + 1),
        }

    def fallback(self) -> str:
        """Return the counts of both models."""
        dense = replace(self._baselines[self.preset], max_seq_len=self.tokens)
        rows = budget_rows(dense, self.kind, sparsity=self.sparsity, given=self.given)
        said = (
            f"What {self.tokens:,} tokens cost a dense model, and one in which {self.kind} heads "
            f"of sparsity {self.sparsity} stand for {self.given} dense heads of a layer."
        )
        return static.fallback(said, ("Quantity", "dense", self.kind), rows)


def budget_rows(
    dense: ModelConfig, kind: str, *, sparsity: int, given: int
) -> list[tuple[str, int, int]]:
    """Count a dense model, and the one in which some dense heads were exchanged.

    >>> rows = budget_rows(PAPER_BASELINES["tiny"], "mosa", sparsity=64, given=5)
    >>> [row for row in rows if row[0].startswith("Heads exchanged")]
    [('Heads exchanged, same FLOPs', 5, 505), ('Heads exchanged, same parameters', 5, 4)]
    """
    others = dense.n_local_heads + dense.n_sparse_heads
    require(others == 0, "dense", f"{others} other heads", "a model of dense heads alone")
    shape = head_shape(replace(dense, sparsity=min(sparsity, dense.max_seq_len)))
    one, other = (head_flops(name, shape) for name in ("dense", kind))
    weights = head_parameters("dense", shape), head_parameters(kind, shape)
    pairs = head_kv_slots("dense", shape), head_kv_slots(kind, shape)
    bought = given * one.total // other.total
    heads, layers = dense.n_dense_heads, dense.n_layers

    def exchanged(before: int, prices: tuple[int, int], layers: int) -> int:
        return before + layers * (bought * prices[1] - given * prices[0])

    flops, parameters = model_flops(dense).total, model_parameters(dense).total
    kv = kv_slots(dense)
    return [
        ("Tokens that a head projects", shape.seq_len, shape.slots(kind)),
        *(
            (f"FLOPs of a head: {part}", getattr(one, part), getattr(other, part))
            for part in _PARTS
        ),
        ("FLOPs of a head", one.total, other.total),
        ("Parameters of a head", *weights),
        ("KV pairs of a head", *pairs),
        ("Heads exchanged, same FLOPs", given, bought),
        ("Heads exchanged, same parameters", given, given * weights[0] // weights[1]),
        ("Heads of a layer", heads, heads - given + bought),
        ("FLOPs of the model", flops, exchanged(flops, (one.total, other.total), layers)),
        ("Parameters of the model", parameters, exchanged(parameters, weights, layers)),
        ("KV pairs of a layer", kv, exchanged(kv, pairs, 1)),
    ]


def _row(name: str, config: ModelConfig) -> dict[str, Any]:
    """Return what the page needs of a dense model."""
    kept = load_plan("isoflop").row("mosa").n_dense if name == "explorer" else N_DENSE_KEPT
    return {
        "name": name,
        "title": "This book's small model"
        if name == "explorer"
        else f"{name.capitalize()} (paper)",
        "layers": config.n_layers,
        "width": config.d_model,
        "inner": config.d_head,
        "heads": config.n_dense_heads,
        "feedforward": feedforward_width(config),
        "vocabulary": config.vocab_size,
        "tied": config.tie_embeddings,
        "T": config.max_seq_len,
        "sparsity": BEST_SPARSITY.get(name, config.sparsity),
        "given": config.n_dense_heads - kept,
        "factor": config.capacity_factor,
    }
