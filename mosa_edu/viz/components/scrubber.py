"""The training scrubber: how the picks of a head changed while its model trained."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

import traitlets

from mosa_edu.checks import require
from mosa_edu.records import RoutingHistory
from mosa_edu.viz.assets import module_text
from mosa_edu.viz.components.explorer import slug
from mosa_edu.viz.components.finding import token_labels
from mosa_edu.viz.components.widgets import Component

_HEADINGS = ("Step", "Tokens seen", "Loss", "As at start", "As at end", "Picks")


class TrainingScrubber(Component):
    """The picks of one head, step by step, under the loss of the text.

    Parameters
    ----------
    histories : RoutingHistory or mapping of str to RoutingHistory
        What to draw; with several, by title, readers choose. All of one run.
    layer, head : int, optional
        Head of the first frame. If they are not given: the last layer; the head that changed most.
    fetched : mapping of str to str, optional
        Addresses of all but the first history that a built page fetches on demand.

    Attributes
    ----------
    step, layer, head : int
        What the reader studies. Setting them changes the figure; a step that was not recorded
        shows the last one before it.

    Raises
    ------
    ValueError
        If there is no history, or if layer or head do not exist.
    """

    component = "scrubber"
    _esm = module_text("scrubber")
    data = traitlets.Dict().tag(sync=True)
    kernel = traitlets.Bool(True).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        histories: RoutingHistory | Mapping[str, RoutingHistory],
        *,
        layer: int | None = None,
        head: int | None = None,
        fetched: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(histories, RoutingHistory):
            histories = {"Recorded text": histories}
        named: dict[str, RoutingHistory] = dict(histories)
        require(len(named) > 0, "histories", "none", "at least one history")
        fetched = fetched or {}
        known = set(fetched) <= set(list(named)[1:])
        require(known, "fetched", sorted(fetched), f"addresses of {list(named)[1:]}")
        self._history = first = next(iter(named.values()))
        for title, history in named.items():
            same = history.indices.shape[1:3] == first.indices.shape[1:3]
            require(same, "histories", title, f"of {first.indices.shape[1:3]} layers and heads")
        layer = first.indices.shape[1] - 1 if layer is None else layer
        require(0 <= layer < first.indices.shape[1], "layer", layer, "a layer of the histories")
        changed_most = int(first.overlap_with_last()[0, layer].argmin())
        head = changed_most if head is None else head
        rows = [
            {
                "name": slug(title),
                "title": title,
                "url": fetched.get(title),
                "history": None if title in fetched else _stored(history),
            }
            for title, history in named.items()
        ]
        data = {"histories": rows, "start": {"layer": layer, "head": head}}
        super().__init__(data=data, layer=layer, head=head, step=first.steps[-1])

    def __repr__(self) -> str:
        S, T = len(self._history.steps), len(self._history.pieces)
        return f"TrainingScrubber({self._history.name!r}, steps={S}, T={T})"

    def state(self) -> dict[str, Any]:
        """Return what the static twin draws: the first frame, or what Python has set since."""
        shown = {name: getattr(self, name) for name in ("step", "layer", "head")}
        return {"data": self.data, "kernel": False, **shown}

    def fallback(self) -> str:
        """Return the finding of the last step, and a table of all."""
        return _fallback(self._history, self.layer, self.head)

    @traitlets.validate("layer", "head")
    def _check_head(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        allowed = self._history.indices.shape[1 if name == "layer" else 2]
        require(0 <= value < allowed, name, value, f"in [0, {allowed})")
        return value


def scrubber_finding(history: RoutingHistory, layer: int, head: int) -> str:
    """Say how much a head has changed in all of the training, as the page says it."""
    k = history.indices.shape[3]
    shared = round(float(history.overlap_with_last()[0, layer, head]) * k)
    changed = k - shared or "none"
    who = f"By step {history.steps[-1]:,} head L{layer}·H{head}"
    return f"{who} has changed {changed} of its {k} picks."


def _stored(history: RoutingHistory) -> dict[str, Any]:
    values = json.loads(history.to_json())
    return {name: value for name, value in values.items() if name != "provenance"}


def _fallback(history: RoutingHistory, layer: int, head: int) -> str:
    labels = token_labels(history.pieces)
    picks = [set(row.tolist()) for row in history.indices[:, layer, head]]
    rows = []
    for stop, (step, seen, loss) in enumerate(
        zip(history.steps, history.tokens_seen, history.losses, strict=True)
    ):
        kept = picks[stop]
        words = escape(" ".join(labels[t] for t in sorted(kept)))
        shared = (len(kept & picks[0]), len(kept & picks[-1]))
        cells = (f"{step:,}", f"{seen:,}", f"{loss:.3f}", *shared, words)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    names = "".join(f'<th scope="col">{name}</th>' for name in _HEADINGS)
    caption = f"Layer {layer}, head {head}, at every recorded step"
    return (
        f"<figure>\n<figcaption><b>{scrubber_finding(history, layer, head)}</b></figcaption>\n"
        f"<p>{escape(history.text)}</p>\n"
        f"<details><summary>All steps as a table</summary>\n<table>\n<caption>{caption}</caption>\n"
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody>\n</table>\n</details>\n</figure>"
    )
