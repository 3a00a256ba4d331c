"""Score a model three ways on the same positions, to tell a forecast from a look ahead.

A router that reads the whole window lets later tokens decide who was selected earlier. The
*full* score is the paper's. The *prefix* score hides the future by cutting it off, which also
shrinks k. The *foreign* score hides it by replacing it with another book, which keeps k and the
length. A causal model cannot tell the three apart.
"""

import hashlib
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from mosa_edu.checks import require
from mosa_edu.data.tokens import TokenSet
from mosa_edu.model import TransformerLM
from mosa_edu.modes import evaluating
from mosa_edu.progress import track
from mosa_edu.records import provenance
from mosa_edu.records.parts import Parts
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import ScoreRecord
from mosa_edu.tracing import logits_of
from mosa_edu.training.evaluate import token_losses


class Sample(NamedTuple):
    """How much held-out text a model is scored on; the work grows with the product.

    Windows, equally many from each document; positions of each that are scored; other futures
    of each position.
    """

    windows: int = 200
    cuts: int = 24
    draws: int = 2


SAMPLE = Sample()


def held_out_windows(
    tokens: TokenSet, length: int, count: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the windows that every model is scored on: int64 (N, length + 1), and their books."""
    per_book = (count or SAMPLE.windows) // max(tokens.validation.n_documents, 1)
    inputs, targets, books = tokens.windows("validation", length, max(per_book, 1))
    return np.concatenate([inputs, targets[:, -1:]], axis=1), books


def score_model(
    model: TransformerLM,
    tokens: TokenSet,
    name: str,
    sample: Sample | None = None,
    unfinished: Path | None = None,
) -> ScoreRecord:
    """Score a model on windows from all held-out books; for `unfinished` see `three_scores`."""
    started, sample = time.monotonic(), sample or SAMPLE
    length = model.config.max_seq_len
    windows, books = held_out_windows(tokens, length, sample.windows)
    cuts = spread_cuts(length, sample.cuts)
    alone = len(set(books)) == 1  # another future is then another part of the one text
    others = np.arange(len(books)) if alone else books
    losses = three_scores(model, windows, others, cuts, draws=sample.draws, unfinished=unfinished)
    origin = provenance(torch_version=torch.__version__)
    return ScoreRecord(
        name=name,
        titles=tokens.validation.titles,
        books=books.astype(np.uint8),
        cuts=cuts,
        losses=losses,
        draws=sample.draws,
        fingerprint=tokens.fingerprint,
        provenance={**origin, "seconds": round(time.monotonic() - started, 1)},
    )


def spread_cuts(seq_len: int, count: int, first: int = 15) -> tuple[int, ...]:
    """Positions to score, evenly spread over a window; the last is its last position.

    Before `first` a prefix is shorter than any training text.

    >>> spread_cuts(64, 4)
    (15, 31, 47, 63)
    """
    require(1 <= count <= seq_len, "count", count, f"in [1, {seq_len}]")
    first = min(first, seq_len - 1)
    return tuple(sorted({int(cut) for cut in np.linspace(first, seq_len - 1, count).round()}))


@torch.no_grad()
def three_scores(
    model: nn.Module,
    windows: np.ndarray,
    books: np.ndarray,
    cuts: Sequence[int],
    *,
    draws: int = 4,
    seed: int = 0,
    batch_tokens: int = 16384,
    unfinished: Path | None = None,
) -> np.ndarray:
    """Loss of the token after each cut, under the three scores.

    A call that is ended leaves what it has in the file `unfinished`, and the next one, of the same
    weights and windows, goes on from there.
    """
    T = windows.shape[1] - 1
    require(all(0 <= cut < T for cut in cuts), "cuts", tuple(cuts), f"in [0, {T})")
    require(draws >= 1, "draws", draws, "at least 1")
    require(len(set(books)) >= 2, "books", len(set(books)), "at least 2, to swap futures between")

    def hidden_after(cut: int) -> np.ndarray:
        """Score one position, (2, N): the future cut off, and replaced."""
        beginnings, targets = windows[:, : cut + 1], windows[:, 1:]
        prefix = losses_at(model, beginnings, targets, [cut], batch_tokens)[:, 0]
        generator = np.random.Generator(np.random.PCG64([seed, cut]))
        drawn = np.zeros(len(windows))
        for _ in range(draws):
            others = windows[others_of(books, books, generator)]
            mixed = np.concatenate([beginnings, others[:, cut + 1 : T]], axis=1)
            drawn += losses_at(model, mixed, targets, [cut], batch_tokens)[:, 0]
        return np.stack([prefix, drawn / draws])

    key = work_key(model, windows, (books.tolist(), cuts, draws, seed))
    losses = np.empty((3, len(windows), len(cuts)), dtype=np.float32)
    with evaluating(model), Parts(unfinished, key) as parts:
        losses[0] = parts.get("full", lambda: full_losses(model, windows, cuts, batch_tokens))
        for column, cut in enumerate(track(cuts, "scores with the future hidden", "positions")):
            losses[1:, :, column] = parts.get(str(cut), partial(hidden_after, cut))
    return losses


def work_key(model: nn.Module, windows: np.ndarray, settings: object) -> str:
    """Return a name of some work on a model: another one if its weights or texts are others."""
    digest = hashlib.sha256(repr(settings).encode())
    for tensor in model.state_dict().values():
        digest.update(tensor.detach().cpu().float().numpy().tobytes())
    digest.update(windows.tobytes())
    return digest.hexdigest()


@torch.no_grad()
def full_losses(
    model: nn.Module, windows: np.ndarray, cuts: Sequence[int], batch_tokens: int = 16384
) -> np.ndarray:
    """Loss of the token after each cut, the whole window given: the first score alone."""
    return losses_at(model, windows[:, :-1], windows[:, 1:], cuts, batch_tokens)


def losses_at(
    model: nn.Module,
    texts: np.ndarray,
    targets: np.ndarray,
    cuts: Sequence[int],
    batch_tokens: int,
) -> np.ndarray:
    """Loss of the target (N, T) at each cut, after texts that need not be the targets' own."""
    parts, columns, device = [], list(cuts), next(model.parameters()).device
    step = max(batch_tokens // texts.shape[1], 1)
    for start in track(range(0, len(texts), step), "reading windows", "batches"):
        rows = slice(start, start + step)
        ids = torch.from_numpy(texts[rows]).to(device)
        logits = logits_of(model, ids)[:, columns]  # (b, P, V)
        wanted = torch.from_numpy(targets[rows][:, columns]).to(device)
        parts.append(token_losses(logits, wanted).cpu().numpy())
    return np.concatenate(parts)


def others_of(books: np.ndarray, wanted: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw for every wanted book (M,) a window of another one, int64 (M,); `books` are theirs."""
    drawn = np.empty(len(wanted), dtype=np.int64)
    for book in np.unique(wanted):
        mine, others = np.flatnonzero(wanted == book), np.flatnonzero(books != book)
        drawn[mine] = others[generator.integers(len(others), size=len(mine))]
    return drawn


def position_record(model: TransformerLM, tokens: TokenSet, name: str) -> ProbeRecord:
    """Record a model's loss by position, the whole text in sight of the router."""
    length = model.config.max_seq_len
    windows, books = held_out_windows(tokens, length)
    losses = full_losses(model, windows, range(length), batch_tokens=max(length, 4096))
    spans = _doubling_spans(length)
    parts = [losses[:, first:end].mean(axis=1, dtype=float) for first, end in spans]
    rows = [
        {"first": first, "last": end - 1, "loss": round(float(part.mean()), 5)}
        for (first, end), part in zip(spans, parts, strict=True)
    ]
    by_window = [[round(float(part[n]), 5) for part in parts] for n in range(len(windows))]
    return ProbeRecord(
        "positions",
        f"positions-{name}",
        {"run": name, "T": length, "fingerprint": tokens.fingerprint},
        rows,
        {"books": books.tolist(), "losses": by_window},
        provenance(torch.__version__),
    )


def _doubling_spans(length: int) -> list[tuple[int, int]]:
    """Cut the positions at 16, 32, 64 and so on: the first of each range and the end of it."""
    ends = [16]
    while ends[-1] < length:
        ends.append(2 * ends[-1])
    return [(first, min(end, length)) for first, end in zip([0, *ends], ends, strict=False)]
