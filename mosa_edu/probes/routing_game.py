"""Let somebody else than the router choose for one head, and see what the model's loss does."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mosa_edu.checks import require
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.modes import evaluating
from mosa_edu.probes.futures import roll_future
from mosa_edu.records import provenance
from mosa_edu.records.codec import Piece
from mosa_edu.records.routing_game import RoutingGameRecord
from mosa_edu.selection import ExpertChoice, Selection, kept
from mosa_edu.tracing import ActivationCache, Choose, mosa_selectors, selecting

DRAWS = 8
TRIES = 120
_KEYS = 1 << 16


def loss_with_selected(
    model: TransformerLM, ids: Sequence[int], layer: int, head: int, selected: Sequence[int] | None
) -> float:
    """Run one text with one head's selection replaced."""
    selector = _selector(model, layer, head)
    hook = nullcontext() if selected is None else selecting([selector], _by_hand(head, selected))
    if selected is not None:
        T = len(ids)
        inside = len(set(selected)) == len(selected) and all(0 <= t < T for t in selected)
        require(inside, "selected", list(selected), f"different positions in [0, {T})")
        most = kept(T, selector.sparsity)
        require(len(selected) <= most, "selected", f"{len(selected)} of them", f"at most {most}")
    with evaluating(model), torch.no_grad(), hook:
        logits = model(torch.tensor([list(ids)]))[0]
    return float(F.cross_entropy(logits[:-1], torch.tensor(list(ids[1:]))))


def _selector(model: TransformerLM, layer: int, head: int) -> ExpertChoice:
    selectors = mosa_selectors(model)
    require(0 <= layer < len(selectors), "layer", layer, f"in [0, {len(selectors)})")
    n_heads = selectors[layer].n_heads
    require(0 <= head < n_heads, "head", head, f"in [0, {n_heads})")
    return selectors[layer]


def _by_hand(head: int, selected: Sequence[int]) -> Choose:
    """Put tokens, each with the gate that the router gives it, in the place of one head's own."""
    n, places = len(selected), torch.tensor(sorted(selected), dtype=torch.long)

    def choose(_: ExpertChoice, router_logits: Tensor, own: Selection) -> Selection:
        indices, scores = own.indices.clone(), own.scores.clone()
        valid = torch.ones_like(indices, dtype=torch.bool)
        indices[:, head], scores[:, head], valid[:, head] = 0, 0, False
        indices[:, head, :n], valid[:, head, :n] = places, True
        scores[:, head, :n] = router_logits[:, head, places].sigmoid()
        return Selection(indices, scores, valid)

    return choose


def random_selected(seed: int, T: int, k: int) -> list[int]:
    """Draw k of T positions as the page draws them.

    >>> random_selected(1, 20, 4)
    [1, 2, 6, 10]
    """
    keys = roll_future(seed, T, _KEYS)
    return sorted(sorted(range(T), key=lambda t: (keys[t], t))[:k])


def better_swaps(
    selected: Sequence[int], T: int, tries: int, loss: Callable[[list[int]], float]
) -> tuple[list[int], float]:
    """Try single swaps in the order in which the page tries them, and keep those that help."""
    best, lowest = list(selected), loss(list(selected))
    numbers = roll_future(0, 2 * tries, _KEYS)
    for leaver, comer in zip(numbers[::2], numbers[1::2], strict=True):
        others = [t for t in range(T) if t not in best]
        if not best or not others:
            break
        kept = best[: leaver % len(best)] + best[leaver % len(best) + 1 :]
        tried = sorted([*kept, others[comer % len(others)]])
        found = loss(tried)
        if found < lowest:
            best, lowest = tried, found
    return best, lowest


def record_game(
    model: TransformerLM,
    tokenizer: Tokenizer,
    text: str,
    layer: int,
    head: int,
    *,
    draws: int = DRAWS,
    tries: int = TRIES,
    name: str = "explorer",
    sha256: str | None = None,
    source: dict[str, Any] | None = None,
) -> RoutingGameRecord:
    """Hold the choice of one head's router against chance, a search and no head at all."""
    spans = tokenizer.spans(text)
    T, limit = len(spans), model.config.max_seq_len
    require(3 <= T <= limit, "text", f"{T} tokens", f"3 to {limit} tokens long")
    ids = [span.id for span in spans]

    def loss(selected: Sequence[int] | None) -> float:
        return loss_with_selected(model, ids, layer, head, selected)

    trained, gates = _router_choice(model, ids, layer, head)
    best, lowest = better_swaps(trained, T, tries, loss)
    k = len(trained)
    return RoutingGameRecord(
        model={"name": name, "sha256": sha256},
        tokens=[Piece(span.id, span.text) for span in spans],
        layer=layer,
        head=head,
        gates=[round(gate, 4) for gate in gates],
        trained=trained,
        trained_loss=loss(None),
        random_losses=[loss(random_selected(seed, T, k)) for seed in range(1, draws + 1)],
        found=best,
        found_loss=lowest,
        tries=tries,
        off_loss=loss([]),
        provenance=provenance(torch.__version__, None) if source is None else source,
    )


def costliest_head(model: TransformerLM, ids: Sequence[int], draws: int = DRAWS) -> tuple[int, int]:
    """Find the head whose router is worth most on a text."""
    config = model.config
    k = kept(len(ids), config.sparsity)
    drawn = [random_selected(seed, len(ids), k) for seed in range(1, draws + 1)]

    def cost(at: tuple[int, int]) -> float:
        return sum(loss_with_selected(model, ids, *at, selected) for selected in drawn)

    heads = range(config.n_sparse_heads)
    return max(((layer, head) for layer in range(config.n_layers) for head in heads), key=cost)


def _router_choice(
    model: TransformerLM, ids: list[int], layer: int, head: int
) -> tuple[list[int], list[float]]:
    """Return what the head keeps by itself, ascending, and the gates of all tokens."""
    _selector(model, layer, head)
    cache = ActivationCache()
    with evaluating(model), torch.no_grad():
        model(torch.tensor([ids]), record=cache)
    gates = cache.tensors[layer, "router"]["router_logits"][0, head].sigmoid()
    return cache.tensors[layer, "sparse"]["indices"][0, head].tolist(), gates.tolist()
