"""The leak probe: give a text another future, and see what moves in its past."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import traitlets

from mosa_edu.checks import require
from mosa_edu.records.leak import LeakExample
from mosa_edu.viz.components import static
from mosa_edu.viz.components.page_model import (
    CAUSAL_URL,
    WEIGHTS_URL,
    PageModel,
    about,
    live_data,
    shipped,
    traced_model,
)
from mosa_edu.viz.components.widgets import ModelComponent, checked, stored
from mosa_edu.viz.words import token_labels

_RULES = ("paper", "prefix", "trained", "threshold", "dense")
_HEADINGS = ("Position", "Token", "Heads in both", "New", "Lost", "Prediction", "Nats (KL)")


class LeakProbe(ModelComponent):
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
    studied = ("cut", "seed", "rule")
    cut = traitlets.Int(0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    rule = traitlets.Unicode("paper").tag(sync=True)
    _check = checked("cut", "rule")

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
        first = traced_model(model, example.model["sha256"])
        self._causal = None if causal is None else PageModel.read(causal)
        if model is None and causal is None and first is not None:
            self._causal = shipped("causal")
        shape = {"n_layers": example.layers, "n_sparse_heads": example.heads}
        data = {
            **{"example": stored(example), "causal": _second(self._causal, first, causal_url)},
            **live_data(example, texts, first, weights_url, shape),
        }
        super().__init__(data, first, self._causal, cut=example.cut, seed=example.seed)

    def allowed(self) -> Mapping[str, Collection[Any]]:
        """Return cuts of some text, and the rules that the models at hand can follow."""
        rules = [rule for rule in _RULES if rule != "trained" or self._causal is not None]
        return {"cut": range(1, 2**31), "rule": rules}

    def fallback(self) -> str:
        """Return all tokens before the cut."""
        example = self._example
        before, after = (
            [{t for t in row if t < example.cut} for row in picks]
            for picks in (example.before, example.after)
        )
        labels = token_labels([token.text for token in example.tokens])
        rows = []
        for t in range(example.cut):
            pairs = [(t in old, t in now) for old, now in zip(before, after, strict=True)]
            counts = [pairs.count(pair) for pair in ((True, True), (False, True), (True, False))]
            moved = "changed" if example.changed[t] else "as before"
            rows.append((t, labels[t], *counts, moved, f"{example.divergence[t]:.5f}"))
        past = "".join(token.text for token in example.tokens[: example.cut])
        said = "Picks and predictions of the past under two futures; nothing before the cut changed"
        return static.fallback(f"{said}.", _HEADINGS, rows, f"{past} | another future")


def _second(
    causal: PageModel | None, model: PageModel | None, url: str | None
) -> dict[str, Any] | None:
    """Collect weights and words on a second model, which a causal rule trained."""
    if causal is None:
        return None
    kind = causal.config["sparse"]
    require(kind == "prefix", "causal", kind, "a model that prefix top-k trained")
    ways = [(m.entries, m.config["max_seq_len"]) for m in (causal, model or causal)]
    require(ways[0] == ways[1], "causal", causal.name, "a model that cuts texts as the first does")
    return {
        "config": causal.config,
        "weights": causal.weights(url),
        "model": causal.name,
        "about": about(causal.name, causal.config),
    }
