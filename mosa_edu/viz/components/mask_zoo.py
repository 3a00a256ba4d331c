"""The mask zoo: six answers to who may look at whom, on one text and beside each other."""

import base64
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import traitlets

from mosa_edu.checks import require
from mosa_edu.costs import kept_tokens
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.charts.masks import Mask
from mosa_edu.viz.components import static
from mosa_edu.viz.components.page_model import slug
from mosa_edu.viz.components.widgets import Component, by_title, checked, require_allowed
from mosa_edu.viz.words import token_labels

SPARSITIES = (2, 4, 8, 16, 32)
LONGEST = 256


class MaskZoo(Component):
    """Dense, local, fixed, random, MoSA and prefix top-k attention on one text.

    `traces` are texts whose router scores MoSA and prefix top-k choose by, all of one model whose
    heads keep their best tokens; with several, by title, readers choose. Setting `layer`, `head`,
    `sparsity` (T / k), `tokens` (the length that the text is cut to) and `query` (the row; at
    first the last token that the head keeps) changes the figure.
    """

    component = "mask-zoo"
    studied = ("layer", "head", "sparsity", "tokens", "query")
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    sparsity = traitlets.Int(8).tag(sync=True)
    tokens = traitlets.Int(2).tag(sync=True)
    query = traitlets.Int(0).tag(sync=True)
    _check = checked(*studied)

    def __init__(
        self,
        traces: RoutingTrace | Mapping[str, RoutingTrace],
        *,
        layer: int = 0,
        head: int = 0,
        query: int | None = None,
    ) -> None:
        named = by_title("traces", traces, RoutingTrace)
        self._trace = first = next(iter(named.values()))
        first.check_head(layer, head)
        query = int(first.selected(layer, head)[-1]) if query is None else query
        require_allowed("query", query, range(first.T))
        start = {"layer": layer, "head": head, "sparsity": first.sparsity, "query": query}
        texts = [_stored(title, trace, first) for title, trace in named.items()]
        data = {"texts": texts, "start": start, "model": first.model["name"]}
        super().__init__(data, tokens=first.T, **start)

    def allowed(self) -> Mapping[str, Collection[int]]:
        """Return heads that exist, and places of the longest text that a page may hold."""
        return {
            **{"layer": range(self._trace.layers), "head": range(self._trace.heads)},
            **{"sparsity": SPARSITIES, "tokens": range(2, LONGEST + 1), "query": range(LONGEST)},
        }

    def fallback(self) -> str:
        """Return how the router ranks the tokens, and who is kept."""
        trace, at = self._trace, (self.layer, self.head)
        kept, order = set(trace.selected(*at).tolist()), trace.order[at].tolist()
        labels = token_labels([token.text for token in trace.tokens])
        rows = [
            (t, labels[t], order.index(t) + 1, "yes" if t in kept else "no") for t in range(trace.T)
        ]
        said = (
            f"Six masks of {trace.T} tokens; the masks of MoSA and prefix top-k follow the ranks "
            f"of layer {at[0]}, head {at[1]}."
        )
        return static.fallback(said, ("Position", "Token", "Rank", "Kept"), rows, trace.text)


def zoo_masks(
    trace: RoutingTrace,
    layer: int,
    head: int,
    *,
    sparsity: int | None = None,
    tokens: int | None = None,
    seed: int = 0,
) -> list[Mask]:
    """Apply six rules to a recorded text, or to its beginning, as the package's selectors do.

    >>> from mosa_edu.analysis import recorded_trace
    >>> masks = zoo_masks(recorded_trace("clocks"), 2, 15)
    >>> {mask.name: int(mask.pairs.sum()) for mask in masks}
    {'Dense': 3916, 'Local': 913, 'Fixed': 66, 'Random': 66, 'MoSA': 66, 'Prefix top-k': 136}
    """
    import torch

    from mosa_edu.selection import PrefixTopK, RandomChoice, Strided

    trace.check_head(layer, head)
    sparsity = trace.sparsity if sparsity is None else sparsity
    T = trace.T if tokens is None else tokens
    require(2 <= T <= trace.T, "tokens", T, f"from 2 to {trace.T}")
    order = trace.order[layer, head].astype(np.int64)
    ranks = torch.empty(trace.T)
    ranks[torch.from_numpy(order)] = -torch.arange(trace.T, dtype=torch.float)
    prefix = PrefixTopK(1, 1, sparsity, T).wants(ranks[None, None, :T], None)[0, 0]
    x = torch.zeros(1, T, 1)
    drawn = RandomChoice(1, sparsity, seed).eval()(x)
    random = drawn.indices if drawn.valid is None else drawn.indices[drawn.valid]
    best = order[order < T][: kept_tokens(T, sparsity)]
    window = kept_tokens(trace.T, sparsity)
    return [
        Mask("Dense", "every token", np.tri(T, dtype=bool)),
        Mask(
            "Local", f"the last {window}", np.tri(T, dtype=bool) & ~np.tri(T, k=-window, dtype=bool)
        ),
        Mask(
            "Fixed", f"0, {sparsity}, {2 * sparsity} …", _among(Strided(1, sparsity)(x).indices, T)
        ),
        Mask("Random", f"1 of each {sparsity}", _among(random, T)),
        Mask("MoSA", f"{len(best)} best of all", _among(best, T), sees_ahead=True),
        Mask("Prefix top-k", "best so far", _among(prefix.nonzero(), T)),
    ]


def _among(kept: Any, T: int) -> np.ndarray:
    """Return all pairs of kept positions below the diagonal, it included: bool (T, T)."""
    chosen = np.zeros(T, dtype=bool)
    chosen[np.asarray(kept).reshape(-1)] = True
    return chosen[:, None] & chosen & np.tri(T, dtype=bool)


def _stored(title: str, trace: RoutingTrace, first: RoutingTrace) -> dict[str, Any]:
    """Return what the page needs of a trace."""
    same = (trace.model, trace.layers, trace.heads) == (first.model, first.layers, first.heads)
    require(same, "traces", title, f"of the model {first.model['name']!r}")
    require(
        trace.T <= LONGEST,
        "traces",
        f"{trace.T} tokens in {title!r}",
        f"of at most {LONGEST} tokens",
    )
    best = np.sort(trace.order[:, :, : kept_tokens(trace.T, trace.sparsity)], axis=-1)
    same = best.shape == trace.indices.shape and bool((best == trace.indices).all())
    require(same, "traces", title, "of heads that keep their best tokens")
    return {
        "name": slug(title),
        "title": title,
        "pieces": [token.text for token in trace.tokens],
        "layers": trace.layers,
        "heads": trace.heads,
        "sparsity": trace.sparsity,
        "order": base64.b64encode(trace.order.astype(np.uint8).tobytes()).decode("ascii"),
    }
