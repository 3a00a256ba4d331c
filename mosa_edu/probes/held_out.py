"""Score a model on every held-out token, and what it pays when the future is hidden from it."""

from __future__ import annotations

import time

import numpy as np
import torch

from mosa_edu.checks import require
from mosa_edu.data.tokens import TokenSet
from mosa_edu.model import TransformerLM
from mosa_edu.modes import evaluating
from mosa_edu.probes.scores import full_losses, losses_at, others_of
from mosa_edu.records import provenance
from mosa_edu.records.held_out import HeldOutRecord

WINDOWS_OF_A_BLOCK = 4
"""Neighbouring text is alike: a block of windows is what intervals take for independent."""
FIRST_CUT = 15
"""Before it a prefix is shorter than any training text, and cutting off says little."""


@torch.no_grad()
def score_held_out(
    model: TransformerLM,
    tokens: TokenSet,
    name: str,
    cuts: int = 2,
    batch_tokens: int = 16384,
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
        Positions of each window at which the future is hidden. All positions are drawn equally
        often, the same for every model; 0, or a causal model: none.
    batch_tokens : int
        Tokens of one forward pass.
    """
    started = time.monotonic()
    require(cuts >= 0, "cuts", cuts, "0 or more")
    T = model.config.max_seq_len
    inputs, targets, books = tokens.windows("validation", T, len(tokens.validation))
    windows = np.concatenate([inputs, targets[:, -1:]], axis=1)  # (W, T + 1)
    block, of_block = _blocks(books)
    n_windows = np.bincount(block)
    price = by_position = np.empty((2, 0), np.float32)
    with evaluating(model):
        full = full_losses(model, windows, range(T), batch_tokens)  # (W, T)
        if cuts and not model.causal:
            row, position = _drawn(len(windows), T, cuts)
            hidden = _hidden_losses(model, windows, books, row, position, batch_tokens)
            paid = hidden - full[row, position]  # (2, W cuts)
            price = np.stack([_mean_by(block[row], p, len(n_windows)) for p in paid])
            late = position >= FIRST_CUT
            price[0] = _mean_by(block[row][late], paid[0, late], len(n_windows))
            by_position = np.stack([_mean_by(position, p, T) for p in paid])
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


def _drawn(windows: int, T: int, cuts: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw positions to hide the future after: window and position of each, (windows * cuts,)."""
    generator = np.random.Generator(np.random.PCG64(0))
    deck = np.concatenate([generator.permutation(T) for _ in range(-(-windows * cuts // T))])
    return np.repeat(np.arange(windows), cuts), deck[: windows * cuts]


def _mean_by(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the mean of the values of each group, float32 (n_groups,); 0 of an empty one."""
    count = np.bincount(group, minlength=n_groups)
    return (np.bincount(group, values, n_groups) / np.maximum(count, 1)).astype(np.float32)


def _hidden_losses(
    model: TransformerLM,
    windows: np.ndarray,
    books: np.ndarray,
    row: np.ndarray,
    position: np.ndarray,
    batch_tokens: int,
) -> np.ndarray:
    """Return the loss after each position, the future cut off, and swapped: float64 (2, D)."""
    T = windows.shape[1] - 1
    generator = np.random.Generator(np.random.PCG64(1))
    losses = np.empty((2, len(row)))
    for cut in range(T):
        at = np.flatnonzero(position == cut)
        if not len(at):
            continue
        own = windows[row[at]]
        others = windows[others_of(books, books[row[at]], generator)]
        mixed = np.concatenate([own[:, : cut + 1], others[:, cut + 1 : T]], axis=1)
        for way, text in enumerate((own[:, : cut + 1], mixed)):
            losses[way, at] = losses_at(model, text, own[:, 1:], [cut], batch_tokens)[:, 0]
    return losses
