"""Loss of a model on fixed windows of held-out tokens, with its standard error."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.checks import require

LENGTHS = (32, 64, 128, 256)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Mean loss over windows of one length.

    Parameters
    ----------
    length : int
        Tokens a window, all of them predicted from those before them in the window and the one
        in front of it.
    loss : float
        Nats per token.
    stderr : float
        Standard error of `loss` over the windows, taken as independent; NaN for one window.
    windows : int
        How many there were.
    """

    length: int
    loss: float
    stderr: float
    windows: int

    def to_json(self) -> dict[str, Any]:
        """Return the fields, and the tokens they stand for, as JSON values."""
        stderr = None if math.isnan(self.stderr) else self.stderr
        return {**dataclasses.asdict(self), "stderr": stderr, "tokens": self.windows * self.length}


def token_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the negative log-probability of each target.

    Parameters
    ----------
    logits : Tensor, shape (B, T, V), float
        Half-precision logits are widened to float32 first.
    targets : Tensor, shape (B, T), int64
        The tokens that came next.

    Returns
    -------
    Tensor, shape (B, T)
        Nats.
    """
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.cross_entropy(wide.flatten(0, 1), targets.flatten(), reduction="none").view_as(targets)


def window_starts(n_tokens: int, length: int, max_tokens: int | None = None) -> np.ndarray:
    """Return where windows of ``length + 1`` tokens start: spread evenly, the same every time.

    Parameters
    ----------
    n_tokens : int
        Tokens of the text.
    length : int
        Predicted tokens a window.
    max_tokens : int, optional
        Predicted tokens in all; by default as many as fit without overlap.

    Returns
    -------
    ndarray of int64, shape (windows,)
        At least one window.

    Raises
    ------
    ValueError
        If the text is shorter than one window.
    """
    require(length >= 1, "length", length, "at least 1")
    fits = (n_tokens - 1) // length
    require(fits >= 1, "length", length, f"less than the {n_tokens} tokens of the text")
    windows = fits if max_tokens is None else min(fits, max(max_tokens // length, 1))
    return np.linspace(0, n_tokens - 1 - length, windows).astype(np.int64)


@torch.no_grad()
def window_losses(
    model: nn.Module,
    tokens: np.ndarray,
    length: int,
    max_tokens: int | None = None,
    batch_tokens: int = 8192,
) -> np.ndarray:
    """Return the mean loss of each window.

    Parameters
    ----------
    model : nn.Module
        Maps tokens (B, T) to logits (B, T, V); its mode is restored afterwards.
    tokens : ndarray of integers, shape (n_tokens,)
        A text.
    length, max_tokens : int
        See `window_starts`.
    batch_tokens : int
        Tokens of one forward pass.

    Returns
    -------
    ndarray of float64, shape (windows,)
        Nats per token.
    """
    starts = window_starts(len(tokens), length, max_tokens)
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    losses = []
    for some in np.array_split(starts, math.ceil(len(starts) * length / batch_tokens)):
        windows = np.stack([tokens[s : s + length + 1] for s in some]).astype(np.int64)
        batch = torch.from_numpy(windows).to(device)
        losses.append(token_losses(model(batch[:, :-1]), batch[:, 1:]).double().mean(1).cpu())
    model.train(training)
    return torch.cat(losses).numpy()


def evaluate(
    model: nn.Module,
    tokens: np.ndarray,
    length: int,
    max_tokens: int | None = None,
    batch_tokens: int = 8192,
) -> Evaluation:
    """Return the mean loss over fixed windows; parameters as in `window_losses`."""
    losses = window_losses(model, tokens, length, max_tokens, batch_tokens)
    stderr = losses.std(ddof=1) / math.sqrt(len(losses)) if len(losses) > 1 else math.nan
    return Evaluation(length, float(losses.mean()), float(stderr), len(losses))


def evaluate_lengths(
    model: nn.Module,
    tokens: np.ndarray,
    lengths: Sequence[int] = LENGTHS,
    max_tokens: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Return `Evaluation.to_json` by length (as text, as in a `RunRecord`)."""
    return {str(n): evaluate(model, tokens, n, max_tokens).to_json() for n in lengths}


def evaluate_documents(
    model: nn.Module,
    documents: Mapping[str, np.ndarray] | Iterable[tuple[str, np.ndarray]],
    length: int,
    max_tokens: int | None = None,
) -> dict[str, Evaluation]:
    """Return the evaluation of each document by title, at most `max_tokens` tokens of each.

    Documents, unlike the windows of one novel, are independent: the spread of these means says
    how far the mean over the corpus carries.
    """
    pairs = documents.items() if isinstance(documents, Mapping) else documents
    return {title: evaluate(model, tokens, length, max_tokens) for title, tokens in pairs}


def bits_per_byte(loss: float, n_tokens: int, n_bytes: int) -> float:
    """Convert nats per token into bits per byte of UTF-8.

    Parameters
    ----------
    loss : float
        Nats per token.
    n_tokens, n_bytes : int
        Size of the same text in tokens and in bytes.

    Examples
    --------
    >>> round(bits_per_byte(3.0, n_tokens=1000, n_bytes=3500), 4)
    1.2366
    """
    require(n_bytes >= 1, "n_bytes", n_bytes, "at least 1")
    return loss / math.log(2) * n_tokens / n_bytes
