"""The budget explorer: what heads cost, and how many of a kind the same FLOPs buy."""

from dataclasses import replace
from html import escape
from typing import Any

import traitlets

from mosa_edu.checks import require, require_integer
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
from mosa_edu.viz.assets import module_text
from mosa_edu.viz.components.widgets import Component

BEST_SPARSITY = {"tiny": 64, "small": 64, "medium": 32, "large": 4}
"""Sparsity with the lowest perplexity at equal FLOPs, of those that the paper tried (Table 5)."""
LONGEST = 2**17
_PARTS = ("projections", "attention", "scoring", "gating")
_SYNCED = ("preset", "kind", "tokens", "sparsity", "given")


class BudgetExplorer(Component):
    """Sliders for length, sparsity and dense heads given up, over exact counts.

    Parameters
    ----------
    preset : str
        Dense model to begin with: ``tiny``, ``small``, ``medium`` or ``large`` of the paper, or
        ``explorer``, the one that the book's small models are matched with.
    kind : str
        Kind of the heads that are bought; any of `mosa_edu.costs.KINDS` but ``dense``.
    tokens, sparsity, given : int, optional
        T, T / k, and dense heads of a layer given up; the preset's own if they are not given.

    Attributes
    ----------
    preset, kind : str
        What the reader studies, as above.
    tokens, sparsity, given : int
        Setting them changes the figure.
    """

    component = "budget"
    _esm = module_text("budget")
    data = traitlets.Dict().tag(sync=True)
    kernel = traitlets.Bool(True).tag(sync=True)
    preset = traitlets.Unicode("tiny").tag(sync=True)
    kind = traitlets.Unicode("mosa").tag(sync=True)
    tokens = traitlets.Int(1024).tag(sync=True)
    sparsity = traitlets.Int(64).tag(sync=True)
    given = traitlets.Int(5).tag(sync=True)

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
        require(preset in self._baselines, "preset", preset, f"one of {list(self._baselines)}")
        rows = [_row(name, config) for name, config in self._baselines.items()]
        own = next(row for row in rows if row["name"] == preset)
        settings = {
            "tokens": own["T"] if tokens is None else tokens,
            "sparsity": own["sparsity"] if sparsity is None else sparsity,
            "given": own["given"] if given is None else given,
        }
        heads = own["heads"]
        require(settings["given"] <= heads, "given", settings["given"], f"at most {heads}")
        start = {"preset": preset, "kind": kind, **settings}
        super().__init__(data={"models": rows, "start": start}, **start)

    def __repr__(self) -> str:
        shown = f"T={self.tokens}, sparsity={self.sparsity}, given={self.given}"
        return f"BudgetExplorer({self.preset!r}, {self.kind!r}, {shown})"

    def state(self) -> dict[str, Any]:
        """Return what the static twin draws: the first frame, or what Python has set since."""
        shown = {name: getattr(self, name) for name in _SYNCED}
        return {"data": self.data, "kernel": False, **shown}

    def fallback(self) -> str:
        """Return the finding and the numbers as a table."""
        dense = replace(self._baselines[self.preset], max_seq_len=self.tokens)
        return _fallback(dense, self.kind, self.sparsity, self.given)

    @traitlets.validate("preset", "kind")
    def _check_name(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        allowed = list(self._baselines) if name == "preset" else list(KINDS[1:])
        require(value in allowed, name, value, f"one of {allowed}")
        return value

    @traitlets.validate("tokens", "sparsity", "given")
    def _check_number(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        require_integer(name, value, 2 if name == "tokens" else 1)
        require(value <= LONGEST, name, value, f"at most {LONGEST}")
        return value


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


def _fallback(dense: ModelConfig, kind: str, sparsity: int, given: int) -> str:
    rows = budget_rows(dense, kind, sparsity=sparsity, given=given)
    bought = {name: after for name, _, after in rows}["Heads exchanged, same FLOPs"]
    finding = f"Dense heads given up: {given}. Heads of kind {kind} that they buy: {bought:,}."
    body = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{before:,}</td><td>{after:,}</td></tr>'
        for name, before, after in rows
    )
    return (
        f"<figure>\n<figcaption><b>{finding}</b></figcaption>\n<table>\n"
        f"<caption>{dense.max_seq_len:,} tokens, sparsity {sparsity}</caption>\n"
        f'<thead><tr><th scope="col">Quantity</th><th scope="col">dense</th>'
        f'<th scope="col">{kind}</th></tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</figure>'
    )
