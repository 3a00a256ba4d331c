"""Let somebody else than the router choose for one head, and see what the model's loss does."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mosa_edu.checks import require
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.probes.futures import roll_future
from mosa_edu.probes.picking import mosa_heads, picking
from mosa_edu.records import provenance
from mosa_edu.records.contest import RouterContest
from mosa_edu.records.leak import Piece
from mosa_edu.selection import Selection, kept

DRAWS = 8
TRIES = 120
_KEYS = 1 << 16


def loss_with_picks(
    model: TransformerLM, ids: Sequence[int], layer: int, head: int, picks: Sequence[int] | None
) -> float:
    """Run one text with one head's selection replaced.

    Parameters
    ----------
    model : TransformerLM
        Whose sparse heads keep their best; looked at in evaluation mode.
    ids : sequence of int
        T tokens, at least two.
    layer, head : int
        Which sparse head.
    picks : sequence of int or None
        Positions that the head keeps, at most as many as the router would; none at all
        switches the head off. Each enters with the gate that the router gives it. None leaves
        the choice to the router.

    Returns
    -------
    float
        Mean loss in nats per token, T - 1 of them.

    Raises
    ------
    ValueError
        If there is no such head, if the picks are not positions of the text, or too many.
    """
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

    Examples
    --------
    >>> random_picks(1, 20, 4)
    [1, 2, 6, 10]
    """
    keys = roll_future(seed, T, _KEYS)
    return sorted(sorted(range(T), key=lambda t: (keys[t], t))[:k])


def better_swaps(
    picks: Sequence[int], T: int, tries: int, loss: Callable[[list[int]], float]
) -> tuple[list[int], float]:
    """Try single swaps in the order in which the page tries them, and keep those that help.

    Parameters
    ----------
    picks : sequence of int
        Where to start: ascending positions, fewer than T of them.
    T : int
        Tokens of the text.
    tries : int
        Swaps to try.
    loss : callable
        Of a selection, in nats.

    Returns
    -------
    picks : list of int
        The best selection found, ascending.
    loss : float
        Its loss.
    """
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
    """Hold the choice of one head's router against chance, a search and no head at all.

    Parameters
    ----------
    model : TransformerLM
        Whose sparse heads keep their best.
    tokenizer : Tokenizer
        The model's own.
    text : str
        At least three tokens, at most the model's `max_seq_len`.
    layer, head : int
        Which sparse head.
    draws : int
        Random selections, with the seeds 1 to `draws`.
    tries : int
        Swaps that the search tries, starting at the router's picks.
    name, sha256 : str, optional
        What the record calls the model; hash of its weights file.
    source : dict, optional
        Provenance; described by `mosa_edu.records.provenance` if not given.

    Returns
    -------
    RouterContest
        Losses of the whole text, in nats per token.

    Raises
    ------
    ValueError
        If the text is too long or too short, or if there is no such head.
    """
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
    """Find the head whose router is worth most on a text.

    Parameters
    ----------
    model : TransformerLM
        Whose sparse heads keep their best.
    ids : sequence of int
        T tokens, at least two.
    draws : int
        Random selections a head, with the seeds 1 to `draws`.

    Returns
    -------
    tuple of int
        Layer and head for which random picks raise the loss most, on average.
    """
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
