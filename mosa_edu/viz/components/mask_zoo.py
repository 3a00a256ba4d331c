"""The mask zoo: six answers to who may look at whom, on one text and beside each other."""

import base64
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import torch
import traitlets

from mosa_edu.checks import require, require_integer
from mosa_edu.costs import kept_tokens
from mosa_edu.records import RoutingTrace
from mosa_edu.selection import PrefixTopK, RandomChoice, Strided
from mosa_edu.viz.assets import module_text
from mosa_edu.viz.charts.masks import Mask
from mosa_edu.viz.components.explorer import slug
from mosa_edu.viz.components.finding import token_labels
from mosa_edu.viz.components.widgets import Component

SPARSITIES = (2, 4, 8, 16, 32)
_SYNCED = ("layer", "head", "sparsity", "tokens", "query")


class MaskZoo(Component):
    """Dense, local, fixed, random, MoSA and prefix top-k attention on one text.

    Parameters
    ----------
    traces : RoutingTrace or mapping of str to RoutingTrace
        Texts whose router scores MoSA and prefix top-k choose by; with several, by title, readers
        choose. All of one model, whose heads keep their best tokens.
    layer, head : int
        Head of the first frame.
    query : int, optional
        Row of the first frame; the last token that the head keeps if it is not given.

    Attributes
    ----------
    layer, head, sparsity, tokens, query : int
        What the reader studies: the head, T / k, the length that the text is cut to, and the row.
        Setting them changes the figure.
    """

    component = "mask-zoo"
    _esm = module_text("mask_zoo")
    data = traitlets.Dict().tag(sync=True)
    kernel = traitlets.Bool(True).tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    sparsity = traitlets.Enum(SPARSITIES, 8).tag(sync=True)
    tokens = traitlets.Int(2).tag(sync=True)
    query = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        traces: RoutingTrace | Mapping[str, RoutingTrace],
        *,
        layer: int = 0,
        head: int = 0,
        query: int | None = None,
    ) -> None:
        named = {"Recorded text": traces} if isinstance(traces, RoutingTrace) else dict(traces)
        require(len(named) > 0, "traces", "none", "at least one trace")
        self._trace = first = next(iter(named.values()))
        first.check_head(layer, head)
        query = int(first.picks(layer, head)[-1]) if query is None else query
        require(0 <= query < first.T, "query", query, f"in [0, {first.T})")
        allowed = f"one of {SPARSITIES}"
        require(first.sparsity in SPARSITIES, "sparsity", first.sparsity, allowed)
        start = {"layer": layer, "head": head, "sparsity": first.sparsity, "query": query}
        texts = [_stored(title, trace, first) for title, trace in named.items()]
        data = {"texts": texts, "start": start, "model": first.model["name"]}
        super().__init__(data=data, tokens=first.T, **start)

    def __repr__(self) -> str:
        shown = f"T={self._trace.T}, layer={self.layer}, head={self.head}"
        return f"MaskZoo({self._trace.model['name']!r}, {shown})"

    def state(self) -> dict[str, Any]:
        """Return what the static twin draws: the first frame, or what Python has set since."""
        shown = {name: getattr(self, name) for name in _SYNCED}
        return {"data": self.data, "kernel": False, **shown}

    def fallback(self) -> str:
        """Return the finding, and the keys of every row as a table."""
        return _fallback(self._trace, self.layer, self.head)

    @traitlets.validate("layer", "head")
    def _check_head(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        allowed = self._trace.layers if name == "layer" else self._trace.heads
        require(0 <= value < allowed, name, value, f"in [0, {allowed})")
        return value

    @traitlets.validate("tokens", "query")
    def _check_place(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        require_integer(name, value, 2 if name == "tokens" else 0)
        return value


def zoo_masks(
    trace: RoutingTrace,
    layer: int,
    head: int,
    *,
    sparsity: int | None = None,
    tokens: int | None = None,
    seed: int = 0,
) -> list[Mask]:
    """Apply six rules to a recorded text, or to its beginning with the scores as recorded.

    >>> from mosa_edu.analysis import recorded_trace
    >>> masks = zoo_masks(recorded_trace("clocks"), 2, 15)
    >>> {mask.name: int(mask.pairs.sum()) for mask in masks}
    {'Dense': 3916, 'Local': 913, 'Fixed': 66, 'Random': 66, 'MoSA': 66, 'Prefix top-k': 136}
    """
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


def zoo_finding(trace: RoutingTrace, layer: int, head: int) -> str:
    """Say what the head computes, as the page says it."""
    k = kept_tokens(trace.T, trace.sparsity)
    pairs, whole = (n * (n + 1) // 2 for n in (k, trace.T))
    return f"L{layer}·H{head} picks {pairs:,} of {whole:,} pairs from the whole text."


def _among(kept: Any, T: int) -> np.ndarray:
    """Return all pairs of kept positions below the diagonal, it included: bool (T, T)."""
    chosen = np.zeros(T, dtype=bool)
    chosen[np.asarray(kept).reshape(-1)] = True
    return chosen[:, None] & chosen & np.tri(T, dtype=bool)


def _stored(title: str, trace: RoutingTrace, first: RoutingTrace) -> dict[str, Any]:
    """Return what the page needs of a trace."""
    same = (trace.model, trace.layers, trace.heads) == (first.model, first.layers, first.heads)
    require(same, "traces", title, f"of the model {first.model['name']!r}")
    require(trace.T <= 256, "traces", f"{trace.T} tokens in {title!r}", "of at most 256 tokens")
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


def _fallback(trace: RoutingTrace, layer: int, head: int) -> str:
    masks = zoo_masks(trace, layer, head)
    labels = token_labels([token.text for token in trace.tokens])
    reads = np.stack([mask.pairs.sum(axis=1) for mask in masks], axis=1)
    rows = [[t, escape(labels[t]), *reads[t].tolist()] for t in range(trace.T)]
    rows.append(["all", "pairs", *(f"{total:,}" for total in reads.sum(axis=0).tolist())])
    body = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    headings = ("Position", "Token", *(mask.name for mask in masks))
    names = "".join(f'<th scope="col">{name}</th>' for name in headings)
    caption = f"Keys that each row reads, layer {layer}, head {head}"
    return (
        f"<figure>\n<figcaption><b>{zoo_finding(trace, layer, head)}</b></figcaption>\n"
        f"<p>{escape(trace.text)}</p>\n"
        f"<details><summary>All rows as a table</summary>\n<table>\n<caption>{caption}</caption>\n"
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n"
        + "\n".join(body)
        + "\n</tbody>\n</table>\n</details>\n</figure>"
    )
