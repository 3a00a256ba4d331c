"""The leak probe: give a text another future, and see what moves in its past."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import traitlets

from mosa_edu.checks import require
from mosa_edu.records.leak import LeakExample
from mosa_edu.viz.assets import module_text
from mosa_edu.viz.components.explorer import (
    CAUSAL_URL,
    WEIGHTS_URL,
    PageModel,
    causal_data,
    live_data,
    shipped_causal,
    shipped_model,
)
from mosa_edu.viz.components.finding import token_labels
from mosa_edu.viz.components.widgets import Component

_RULES = ("paper", "prefix", "trained", "threshold", "dense")
_HEADINGS = ("Position", "Token", "Heads in both", "New", "Lost", "Prediction", "Nats (KL)")


class LeakProbe(Component):
    """Which picks and predictions of the past another future rewrites.

    Parameters
    ----------
    example : LeakExample
        What to draw first, as `mosa_edu.probes.futures.reroll_future` records it.
    texts : mapping of str to str, optional
        Texts by title that readers may cut; the book's six if they are not given. The example's
        own comes first.
    model : str or Path, optional
        File of the model that was probed, as `save_page_model` wrote it. If it is not given: the
        shipped model, if the example is of it.
    weights_url : str, optional
        Where a built page finds the model file, from its root.
    causal : str or Path, optional
        File of a second model that prefix top-k trained, for readers to ask beside the first. If
        neither it nor `model` is given: the one that comes with the shipped model.
    causal_url : str, optional
        Where a built page finds that file.

    Attributes
    ----------
    cut, seed : int
        Where the reader cuts; what the future is drawn with. Setting them changes the figure.
    rule : str
        How heads choose: ``paper``, ``prefix``, ``threshold``, or ``dense`` for none; ``trained``
        asks the second model.

    Raises
    ------
    ValueError
        If the example is of another model, or if it is not one of the texts; if the second model
        was trained by another rule or cuts texts otherwise.
    """

    component = "leak"
    _esm = module_text("leak")
    data = traitlets.Dict().tag(sync=True)
    cut = traitlets.Int(0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    rule = traitlets.Enum(_RULES, "paper").tag(sync=True)
    wants_weights = traitlets.Bool(False).tag(sync=True)
    weights = traitlets.Bytes(b"").tag(sync=True)
    wants_causal_weights = traitlets.Bool(False).tag(sync=True)
    causal_weights = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        example: LeakExample,
        texts: Mapping[str, str] | None = None,
        model: str | Path | None = None,
        *,
        weights_url: str | None = WEIGHTS_URL,
        causal: str | Path | None = None,
        causal_url: str | None = CAUSAL_URL,
    ) -> None:
        self._example = example
        self._model = (
            shipped_model(example.model["sha256"]) if model is None else PageModel.read(model)
        )
        self._causal = None if causal is None else PageModel.read(causal)
        if model is None and causal is None and self._model is not None:
            self._causal = shipped_causal()
        data = {
            **_data(example, texts, self._model, weights_url),
            "causal": causal_data(self._causal, self._model, causal_url),
        }
        live = {**data, "kernel": self._model is not None}
        super().__init__(data=live, cut=example.cut, seed=example.seed)

    def __repr__(self) -> str:
        T = len(self._example.tokens)
        return f"LeakProbe({self._example.model['name']!r}, T={T}, cut={self.cut})"

    def state(self) -> dict[str, Any]:
        """Return what the static twin draws: the first frame, or what Python has set since."""
        shown = {name: getattr(self, name) for name in ("cut", "seed", "rule")}
        return {"data": {**self.data, "kernel": False}, **shown}

    def fallback(self) -> str:
        """Return the finding and a table of all tokens before the cut."""
        return _fallback(self._example)

    @traitlets.validate("cut")
    def _check_cut(self, proposal: Any) -> int:
        require(proposal["value"] >= 1, "cut", proposal["value"], "at least 1")
        return proposal["value"]

    @traitlets.validate("rule")
    def _check_rule(self, proposal: Any) -> str:
        possible = proposal["value"] != "trained" or self._causal is not None
        require(possible, "rule", proposal["value"], "a rule of this figure, which has one model")
        return proposal["value"]

    @traitlets.observe("wants_weights")
    def _send_weights(self, change: Any) -> None:
        if change["new"] and self._model is not None and not self.weights:
            self.weights = self._model.path.read_bytes()

    @traitlets.observe("wants_causal_weights")
    def _send_causal_weights(self, change: Any) -> None:
        if change["new"] and self._causal is not None and not self.causal_weights:
            self.causal_weights = self._causal.path.read_bytes()


def leak_finding(example: LeakExample) -> str:
    """Say what the new future did, as the page says it."""
    picks, predictions = sum(example.rewritten()), sum(example.changed)
    rewrites = f"rewrites {_plural(picks, 'pick')}" if picks else "rewrites no pick"
    what = f"{predictions or 'none'} of its {example.cut} predictions changed"
    if example.cut == 1:
        what = f"its one prediction {'changed' if predictions else 'stays as it was'}"
    return f"A new future {rewrites} in the past; {what}."


def _data(
    example: LeakExample,
    texts: Mapping[str, str] | None,
    model: PageModel | None,
    weights_url: str | None,
) -> dict[str, Any]:
    """Collect what the component needs, as plain JSON values."""
    config = {"n_layers": example.layers, "n_sparse_heads": example.heads}
    stored = json.loads(example.to_json())
    del stored["provenance"]  # of the machine: a notebook's output would differ from run to run
    data = live_data(example.model, example.text, texts, model, weights_url, config)
    return {"example": stored, **data}


def _fallback(example: LeakExample) -> str:
    before, after = (
        [[t for t in row if t < example.cut] for row in picks]
        for picks in (example.before, example.after)
    )
    labels = token_labels([token.text for token in example.tokens])
    rows = []
    for t in range(example.cut):
        pairs = [(t in old, t in now) for old, now in zip(before, after, strict=True)]
        counts = (pairs.count(pair) for pair in ((True, True), (False, True), (True, False)))
        moved = "changed" if example.changed[t] else "as before"
        cells = (t, escape(labels[t]), *counts, moved, f"{example.divergence[t]:.5f}")
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    names = "".join(f'<th scope="col">{name}</th>' for name in _HEADINGS)
    past = escape("".join(token.text for token in example.tokens[: example.cut]))
    return (
        f"<figure>\n<figcaption><b>{leak_finding(example)}</b> Nothing before position "
        f"{example.cut} was touched.</figcaption>\n<p>{past} <b>|</b> <i>another future</i></p>\n"
        "<details><summary>All tokens before the cut as a table</summary>\n"
        f"<table>\n<thead><tr>{names}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody>\n</table>\n</details>\n</figure>"
    )


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
