"""The training scrubber: how the picks of a head changed while its model trained."""

from collections.abc import Mapping

import traitlets

from mosa_edu.checks import require
from mosa_edu.records import RoutingHistory
from mosa_edu.viz.components import static
from mosa_edu.viz.components.page_model import slug
from mosa_edu.viz.components.widgets import Component, by_title, checked, require_allowed, stored
from mosa_edu.viz.words import token_labels

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
    studied = ("step", "layer", "head")
    step = traitlets.Int(0).tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    _check = checked("layer", "head")

    def __init__(
        self,
        histories: RoutingHistory | Mapping[str, RoutingHistory],
        *,
        layer: int | None = None,
        head: int | None = None,
        fetched: Mapping[str, str] | None = None,
    ) -> None:
        named = by_title("histories", histories, RoutingHistory)
        fetched = fetched or {}
        known = set(fetched) <= set(list(named)[1:])
        require(known, "fetched", sorted(fetched), f"addresses of {list(named)[1:]}")
        self._history = first = next(iter(named.values()))
        for title, history in named.items():
            same = history.indices.shape[1:3] == first.indices.shape[1:3]
            require(same, "histories", title, f"of {first.indices.shape[1:3]} layers and heads")
        layer = first.indices.shape[1] - 1 if layer is None else layer
        require_allowed("layer", layer, self.allowed()["layer"])
        changed_most = int(first.overlap_with_last()[0, layer].argmin())
        head = changed_most if head is None else head
        rows = [
            {
                "name": slug(title),
                "title": title,
                "url": fetched.get(title),
                "history": None if title in fetched else stored(history),
            }
            for title, history in named.items()
        ]
        data = {"histories": rows, "start": {"layer": layer, "head": head}}
        super().__init__(data, layer=layer, head=head, step=first.steps[-1])

    def allowed(self) -> Mapping[str, range]:
        """Return the heads that were recorded."""
        _, layers, heads, _ = self._history.indices.shape
        return {"layer": range(layers), "head": range(heads)}

    def fallback(self) -> str:
        """Return the picks at every recorded step."""
        history, labels = self._history, token_labels(self._history.pieces)
        picks = [set(row.tolist()) for row in history.indices[:, self.layer, self.head]]
        rows = []
        for step, seen, loss, kept in zip(
            history.steps, history.tokens_seen, history.losses, picks, strict=True
        ):
            shared = len(kept & picks[0]), len(kept & picks[-1])
            words = " ".join(labels[t] for t in sorted(kept))
            rows.append((step, seen, f"{loss:.3f}", *shared, words))
        said = (
            f"What layer {self.layer}, head {self.head} keeps at every recorded step of training."
        )
        return static.fallback(said, _HEADINGS, rows, history.text)
