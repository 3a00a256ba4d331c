"""The routing explorer: which tokens each head keeps, why those, and what it saves."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.components import static
from mosa_edu.viz.components.page_model import (
    NO_WEIGHTS,
    WEIGHTS_URL,
    PageModel,
    about,
    slug,
    traced_model,
)
from mosa_edu.viz.components.widgets import (
    ModelComponent,
    by_title,
    checked,
    require_allowed,
)
from mosa_edu.viz.words import finding, specialists, token_labels

LINKS = ("leak", "budget", "selftest")
_HEADINGS = ("Rank", "Position", "Token", "Score", "Margin to cut", "Picked", "Heads")


class RoutingExplorer(ModelComponent):
    """Which tokens each head keeps, why those, and what it saves.

    Parameters
    ----------
    examples : RoutingTrace or mapping of str to RoutingTrace
        What to draw; with several traces, by title, readers choose.
    model : str or Path, optional
        File of the model that was traced, as `save_page_model` wrote it, which readers may run on
        their own text. If it is not given: the shipped model, if the trace is of it.
    layer, head, selected : int, optional
        Head and token of the first frame. If they are not given: a head that keeps one kind of
        token, and the pick of it that looks at the others most.
    weights_url : str
        Where a built page finds the model file, from its root.
    fetched : mapping of str to str, optional
        Addresses of all but the first example that a built page fetches on demand.
    links : mapping of str to str, optional
        Addresses of the explanations `leak`, `budget` and `selftest`.

    Attributes
    ----------
    text : str
        The reader's own text; empty while an example is shown.
    layer, head, selected, k : int
        What the reader studies; k is 0 while heads keep their own share. Reading them tells what
        the reader chose, setting them changes the figure.

    Raises
    ------
    ValueError
        If the traces, the model, the head or the token do not belong together.
    """

    component = "explorer"
    studied = ("text", "layer", "head", "selected", "k")
    text = traitlets.Unicode("").tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    k = traitlets.Int(0).tag(sync=True)
    _check = checked("layer", "head", "selected", "k")

    def __init__(
        self,
        examples: RoutingTrace | Mapping[str, RoutingTrace],
        model: str | Path | None = None,
        *,
        layer: int | None = None,
        head: int | None = None,
        selected: int | None = None,
        weights_url: str | None = WEIGHTS_URL,
        fetched: Mapping[str, str] | None = None,
        links: Mapping[str, str] | None = None,
    ) -> None:
        named = by_title("examples", examples, RoutingTrace, "Stored example")
        self._trace = trace = next(iter(named.values()))
        self._model = traced_model(model, trace.model["sha256"])
        self._longest = self._model.config["max_seq_len"] if self._model else trace.T
        best = first_head(trace)
        layer = best[0] if layer is None and head is None else layer or 0
        head = best[1] if head is None else head
        trace.check_head(layer, head)
        token = first_token(trace, layer, head) if selected is None else selected
        require_allowed("selected", token, range(-1, trace.T))
        start = {"layer": layer, "head": head, "token": token}
        data = _data(named, self._model, start, weights_url, fetched or {}, links or {})
        super().__init__(data, self._model, layer=layer, head=head, selected=token)

    def allowed(self) -> Mapping[str, range]:
        """Return heads that exist; a picture of a shorter text falls to its last pick."""
        some_text = {"selected": range(-1, self._longest + 1), "k": range(self._longest + 1)}
        return {
            "layer": range(self._trace.layers),
            "head": range(self._trace.heads),
            **some_text,
        }

    def fallback(self) -> str:
        """Return the chosen head's tokens in order of their scores."""
        return head_fallback(self._trace, self.layer, self.head)

    def page(self, title: str = "Routing explorer") -> str:
        """Return one HTML page that holds all it needs, the model's weights included."""
        state = self.state()
        if self._model is not None:
            state["weights"] = base64.b64encode(self._model.path.read_bytes()).decode("ascii")
        body = static.self_contained(self.component, self.fallback(), state)
        return static.page(title, body)

    @traitlets.validate("text")
    def _check_text(self, proposal: Any) -> str:
        """Replace lone surrogates, which no message can carry, as the page does."""
        return proposal["value"].encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def head_fallback(trace: RoutingTrace, layer: int, head: int) -> str:
    """Return what a reader without scripts sees of a head."""
    scores, kept = trace.router_scores()[layer, head], set(trace.selected(layer, head).tolist())
    cut = min((float(scores[position]) for position in kept), default=0.0)
    labels = token_labels([token.text for token in trace.tokens])
    heads = trace.heads_per_token()
    rows = []
    for rank, t in enumerate(trace.order[layer, head].tolist(), start=1):
        score = float(scores[t])
        picked = "yes" if t in kept else "no"
        margin = f"{score - cut:+.3f}"
        rows.append((rank, t, labels[t], f"{score:.3f}", margin, picked, int(heads[t])))
    return static.fallback(finding(trace, layer, head).sentence, _HEADINGS, rows, trace.text)


def first_head(trace: RoutingTrace) -> tuple[int, int]:
    """Choose a head for the first frame: one that keeps a kind of token and looks around."""
    found = [(specialist.layer, specialist.head) for specialist in specialists(trace)]
    curious = [at for at in found if _own_weight(trace, *at) < 0.5]
    return (curious or found or [(trace.layers - 1, 0)])[0]


def first_token(trace: RoutingTrace, layer: int, head: int) -> int:
    """Choose a token for the first frame: the pick that looks around most and has a follower."""
    picks = trace.selected(layer, head)
    own = np.diag(trace.attention_matrix(layer, head))
    usable = [i for i, position in enumerate(picks) if position < trace.T - 1]
    return int(picks[min(usable, key=lambda i: (own[i], -i))]) if usable else -1


def _own_weight(trace: RoutingTrace, layer: int, head: int) -> float:
    """Return the mean attention of a head's tokens to themselves; the first can do nothing else."""
    own = np.diag(trace.attention_matrix(layer, head))[1:]
    return float(own.mean()) if own.size else 1.0


def _data(
    examples: Mapping[str, RoutingTrace],
    model: PageModel | None,
    start: Mapping[str, int],
    weights_url: str | None,
    fetched: Mapping[str, str],
    links: Mapping[str, str],
) -> dict[str, Any]:
    titles, first = list(examples), next(iter(examples.values()))
    for title, trace in examples.items():
        same = (trace.model, trace.layers, trace.heads) == (first.model, first.layers, first.heads)
        require(same, "examples", title, f"traces of one model, {first.model}")
    names = {slug(title) for title in titles}
    require(len(names) == len(titles), "examples", titles, "titles that differ in their words")
    known = set(fetched) <= set(titles[1:])
    require(known, "fetched", sorted(fetched), f"addresses of {titles[1:]}")
    require(set(links) <= set(LINKS), "links", sorted(links), f"addresses by the names {LINKS}")
    texts = {token.id: token.text for trace in examples.values() for token in trace.tokens}
    config: dict[str, Any] = {
        **{"n_layers": first.layers, "n_sparse_heads": first.heads, "sparsity": first.sparsity},
        **{"sparse": "mosa", "include_first": False, "max_seq_len": first.T},
        **{"d_model": None, "d_head": None},
    }
    if model is not None:
        config, same = model.config, first.model["sha256"] == model.sha256
        require(same, "model", model.sha256, f"the traced model, {first.model['sha256']}")
        predicted = {int(i) for trace in examples.values() for i in trace.next_ids.ravel()}
        texts |= {i: model.entries[i] for i in predicted}
    return {
        "examples": [
            {
                "name": slug(title),
                "title": title,
                "url": fetched.get(title),
                "trace": None if title in fetched else json.loads(trace.to_json()),
            }
            for title, trace in examples.items()
        ],
        "config": config,
        "vocabulary": {str(i): texts[i] for i in sorted(texts)},
        "weights": NO_WEIGHTS if model is None else model.weights(weights_url),
        "start": {"example": slug(titles[0]), **start},
        "links": {name: links.get(name) for name in LINKS},
        "model": first.model["name"],
        "about": about(first.model["name"], config),
    }
