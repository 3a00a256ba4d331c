"""Let somebody else than the router choose for one head, and see what the model's loss does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.attention import SparseAttention
from mosa_edu.checks import require
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.probes.futures import roll_future
from mosa_edu.records import provenance
from mosa_edu.records.leak import Piece
from mosa_edu.records.routing_game import RouterContest
from mosa_edu.selection import ExpertChoice, Recorder, Selection, kept


def mosa_heads(model: TransformerLM, layer: int, head: int) -> SparseAttention:
    """Look up the sparse heads of a layer."""
    layers = [own for own in model.modules() if isinstance(own, SparseAttention)]
    require(0 <= layer < len(layers), "layer", layer, f"in [0, {len(layers)})")
    sparse = layers[layer]
    kind = type(sparse.selector).__name__
    require(isinstance(sparse.selector, ExpertChoice), "model", kind, "one of MoSA heads")
    require(0 <= head < sparse.n_heads, "head", head, f"in [0, {sparse.n_heads})")
    return sparse


class ByHand(nn.Module):
    """The selection of another selector, but for one head.

    Parameters
    ----------
    own : ExpertChoice
        The other selector.
    head : int
        Which head.
    picks : sequence of int
        Positions that it keeps, at most as many as `own` does; each enters with the gate that
        the router of `own` gives it.
    """

    causal = False

    def __init__(self, own: ExpertChoice, head: int, picks: Sequence[int]) -> None:
        super().__init__()
        self.own, self.n_heads = own, own.n_heads
        self.head, self.picks = head, sorted(picks)

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, record: Recorder | None = None
    ) -> Selection:
        """Select by `own`, then put the picks in place of one head's."""
        selection = self.own(x, attention_mask, record)
        indices, scores = selection.indices.clone(), selection.scores.clone()
        valid = torch.ones_like(indices, dtype=torch.bool)
        n, head = len(self.picks), self.head
        indices[:, head], scores[:, head], valid[:, head] = 0, 0, False
        places = torch.tensor(self.picks, dtype=torch.long, device=x.device)
        indices[:, head, :n], valid[:, head, :n] = places, True
        scores[:, head, :n] = self.own.router(x)[:, head, places].sigmoid()
        return Selection(indices, scores, valid)


@contextmanager
def picking(
    model: TransformerLM, layer: int, head: int, picks: Sequence[int] | None, T: int
) -> Iterator[None]:
    """Replace the selection of one head inside a `with` block."""
    own = mosa_heads(model, layer, head)
    selector = own.selector
    assert isinstance(selector, ExpertChoice)
    if picks is not None:
        inside = len(set(picks)) == len(picks) and all(0 <= t < T for t in picks)
        require(inside, "picks", list(picks), f"different positions in [0, {T})")
        most = kept(T, selector.sparsity)
        require(len(picks) <= most, "picks", f"{len(picks)} of them", f"at most {most}")
        own.selector = ByHand(selector, head, picks)
    try:
        yield
    finally:
        own.selector = selector


DRAWS = 8
TRIES = 120
_KEYS = 1 << 16


def loss_with_picks(
    model: TransformerLM, ids: Sequence[int], layer: int, head: int, picks: Sequence[int] | None
) -> float:
    """Run one text with one head's selection replaced."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), picking(model, layer, head, picks, len(ids)):
            logits = model(torch.tensor([list(ids)]))[0]
    finally:
        model.train(was_training)
    return float(F.cross_entropy(logits[:-1], torch.tensor(list(ids[1:]))))


def random_picks(seed: int, T: int, k: int) -> list[int]:
    """Draw k of T positions as the page draws them.

    >>> random_picks(1, 20, 4)
    [1, 2, 6, 10]
    """
    keys = roll_future(seed, T, _KEYS)
    return sorted(sorted(range(T), key=lambda t: (keys[t], t))[:k])


def better_swaps(
    picks: Sequence[int], T: int, tries: int, loss: Callable[[list[int]], float]
) -> tuple[list[int], float]:
    """Try single swaps in the order in which the page tries them, and keep those that help."""
    best, lowest = list(picks), loss(list(picks))
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


def router_contest(
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
) -> RouterContest:
    """Hold the choice of one head's router against chance, a search and no head at all."""
    spans = tokenizer.spans(text)
    T, limit = len(spans), model.config.max_seq_len
    require(3 <= T <= limit, "text", f"{T} tokens", f"3 to {limit} tokens long")
    ids = [span.id for span in spans]

    def loss(picks: Sequence[int] | None) -> float:
        return loss_with_picks(model, ids, layer, head, picks)

    trained, gates = _router_choice(model, ids, layer, head)
    best, lowest = better_swaps(trained, T, tries, loss)
    k = len(trained)
    return RouterContest(
        model={"name": name, "sha256": sha256},
        tokens=[Piece(span.id, span.text) for span in spans],
        layer=layer,
        head=head,
        gates=[round(gate, 4) for gate in gates],
        trained=trained,
        trained_loss=loss(None),
        random_losses=[loss(random_picks(seed, T, k)) for seed in range(1, draws + 1)],
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
    drawn = [random_picks(seed, len(ids), k) for seed in range(1, draws + 1)]

    def cost(at: tuple[int, int]) -> float:
        return sum(loss_with_picks(model, ids, *at, picks) for picks in drawn)

    heads = range(config.n_sparse_heads)
    return max(((layer, head) for layer in range(config.n_layers) for head in heads), key=cost)


def _router_choice(
    model: TransformerLM, ids: list[int], layer: int, head: int
) -> tuple[list[int], list[float]]:
    """Return what the head keeps by itself, ascending, and the gates of all tokens."""
    selector = mosa_heads(model, layer, head).selector
    seen: list[tuple[Tensor, Selection]] = []
    hook = selector.register_forward_hook(lambda _, args, out: seen.append((args[0], out)))
    try:
        loss_with_picks(model, ids, layer, head, None)
    finally:
        hook.remove()
    x, selection = seen[0]
    with torch.no_grad():
        gates = selector.router(x)[0, head].sigmoid()  # type: ignore[operator]
    return selection.indices[0, head].tolist(), gates.tolist()
