"""Score a model on every held-out token, and what it pays when the future is hidden from it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mosa_edu.checks import require
from mosa_edu.data.tokens import TokenSet
from mosa_edu.model import TransformerLM
from mosa_edu.modes import evaluating
from mosa_edu.probes.scores import full_losses, losses_at, others_of, work_key
from mosa_edu.progress import track
from mosa_edu.records import provenance
from mosa_edu.records.held_out import HeldOutRecord
from mosa_edu.records.parts import Parts

WINDOWS_OF_A_BLOCK = 4
"""Neighbouring text is alike: a block of windows is what intervals take for independent."""
BATCHES_OF_A_PART = 4
"""What is kept of a call that is ended is so many whole batches."""
FIRST_CUT = 15
"""Before it a prefix is shorter than any training text, and cutting off says little."""


@torch.no_grad()
def score_held_out(
    model: TransformerLM,
    tokens: TokenSet,
    name: str,
    cuts: int = 1,
    seed: int = 0,
    batch_tokens: int = 16384,
    unfinished: Path | None = None,
) -> HeldOutRecord:
    """Score all windows of the held-out books.

    Parameters
    ----------
    model : TransformerLM
        Scored at its full length T, in windows that do not overlap.
    tokens : TokenSet
        Its held-out part is read whole, but for what is left over at the end of each book.
    name : str
        Of the run.
    cuts : int
        Windows of each block in which the future is hidden after one position. All positions are
        drawn about equally often; 0, or a causal model: none.
    seed : int
        Of those draws: other seeds of a model are asked at other places.
    batch_tokens : int
        Tokens of one forward pass.
    unfinished : pathlib.Path, optional
        Where a call that is ended leaves what it has, and the next one goes on.
    """
    started = time.monotonic()
    require(cuts >= 0, "cuts", cuts, "0 or more")
    T = model.config.max_seq_len
    inputs, targets, books = tokens.windows("validation", T, len(tokens.validation))
    windows = np.concatenate([inputs, targets[:, -1:]], axis=1)  # (W, T + 1)
    block, of_block = _blocks(books)
    n_windows = np.bincount(block)
    price = by_position = np.empty((2, 0), np.float32)
    key = work_key(model, windows, (cuts, seed))
    with evaluating(model), Parts(unfinished, key) as parts:
        some = BATCHES_OF_A_PART * max(batch_tokens // T, 1)
        read = []
        for first in track(range(0, len(windows), some), f"held-out text of {name}", "parts"):
            own = windows[first : first + some]
            make = partial(full_losses, model, own, range(T), batch_tokens)
            read.append(parts.get(f"full {first}", make))
        full = np.concatenate(read)  # (W, T)
        if cuts and not model.causal:
            paid = []
            for way, first in (("cut off", FIRST_CUT), ("swapped", 0)):
                row, position = drawn(block, range(first, T), cuts, seed)
                swapped = books if way == "swapped" else None
                hidden = _hidden_losses(model, windows, swapped, row, position, batch_tokens, parts)
                paid.append((row, position, hidden - full[row, position]))
            price = np.stack([_mean_by(block[row], p, len(n_windows)) for row, _, p in paid])
            by_position = np.stack([_mean_by(position, p, T) for _, position, p in paid])
    losses = np.bincount(block, full.mean(axis=1, dtype=float)) / n_windows
    return HeldOutRecord(
        name=name,
        titles=tokens.validation.titles,
        books=of_block.astype(np.uint8),
        windows=n_windows.astype(np.uint8),
        losses=losses.astype(np.float32),
        price=price.astype(np.float32),
        by_position=by_position.astype(np.float32),
        fingerprint=tokens.fingerprint,
        provenance={
            **provenance(torch_version=torch.__version__),
            "seconds": round(time.monotonic() - started, 1),
        },
    )


def _blocks(books: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the block of each window, numbered, and the book of each block."""
    in_book = np.concatenate([np.arange(count) for count in np.bincount(books) if count])
    new = (in_book % WINDOWS_OF_A_BLOCK == 0).astype(np.int64)
    return np.cumsum(new) - 1, books[new == 1]


def drawn(
    block: np.ndarray, positions: range, cuts: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw windows of every block, and the position after which the future of each is hidden."""
    generator = np.random.Generator(np.random.PCG64(seed))
    shuffled = generator.permutation(len(block))
    order = shuffled[np.argsort(block[shuffled], kind="stable")]  # by block, at random within it
    first = np.r_[0, np.flatnonzero(np.diff(block[order])) + 1]
    place = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    rows = order[place < cuts]
    decks = -(-len(rows) // len(positions))
    deck = np.concatenate([generator.permutation(positions) for _ in range(decks)])
    return rows, deck[: len(rows)]


def _mean_by(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the mean of the values of each group, float32 (n_groups,); NaN of an empty one."""
    count = np.bincount(group, minlength=n_groups).astype(float)
    count[count == 0] = np.nan
    return (np.bincount(group, values, n_groups) / count).astype(np.float32)


def _hidden_losses(
    model: TransformerLM,
    windows: np.ndarray,
    books: np.ndarray | None,
    row: np.ndarray,
    position: np.ndarray,
    batch_tokens: int,
    parts: Parts,
) -> np.ndarray:
    """Return the loss after each position, float64 (D,).

    What follows is cut off; with the books of the windows, another book's text takes its place.
    """
    T = windows.shape[1] - 1
    generator = np.random.Generator(np.random.PCG64(1))
    losses = np.empty(len(row))
    way = "cut off" if books is None else "swapped"
    for cut in track(np.unique(position), f"future {way}", "positions"):
        at = np.flatnonzero(position == cut)
        own = windows[row[at]]
        text = own[:, : cut + 1]
        if books is not None:
            others = windows[others_of(books, books[row[at]], generator)]
            text = np.concatenate([text, others[:, cut + 1 : T]], axis=1)
        make = partial(losses_at, model, text, own[:, 1:], [int(cut)], batch_tokens)
        losses[at] = parts.get(f"{way} {cut}", make)[:, 0]
    return losses
