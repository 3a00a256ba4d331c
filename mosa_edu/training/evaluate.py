"""Loss of a model on fixed windows of held-out tokens, with its standard error."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.data.ngram import bits_per_byte, standard_error
from mosa_edu.modes import evaluating
from mosa_edu.progress import track
from mosa_edu.training.config import WindowSource

LENGTHS = (32, 64, 128, 256)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Mean loss over windows of one length, in nats per token.

    `stderr` is its standard error over the `windows`, taken as independent; NaN for one window.
    `bits_per_byte` is the same loss per byte of UTF-8, which does not depend on the tokenizer.
    """

    length: int
    loss: float
    stderr: float
    windows: int
    bits_per_byte: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the values of a `RunRecord`'s ``validation``."""
        return {
            "loss": self.loss,
            "stderr": None if math.isnan(self.stderr) else self.stderr,
            "windows": self.windows,
            "tokens": self.windows * self.length,
            "bits_per_byte": self.bits_per_byte,
        }


def token_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the negative log-probability of each target, in nats (B, T).

    Half-precision logits (B, T, V) are widened to float32 first.
    """
    return F.cross_entropy(_rows(logits), targets.flatten(), reduction="none").view_as(targets)


def mean_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of `token_losses`, in one pass less over the logits."""
    return F.cross_entropy(_rows(logits), targets.flatten())


def _rows(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32)).flatten(0, 1)


def fixed_windows(
    data: WindowSource, split: str, length: int, max_tokens: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the same windows every time: even over documents, about `max_tokens` in all.

    One at least: inputs and targets, which are the tokens one later, int64 (N, length).
    """
    wanted = max(max_tokens // length, 1)
    _, _, documents = data.windows(split, length, 1)
    per_document = math.ceil(wanted / len(documents))
    inputs, targets, _ = data.windows(split, length, per_document)
    some = np.linspace(0, len(inputs) - 1, min(wanted, len(inputs))).astype(np.int64)
    return inputs[some], targets[some]


@torch.no_grad()
def window_losses(
    model: nn.Module, inputs: np.ndarray, targets: np.ndarray, batch_tokens: int = 8192
) -> np.ndarray:
    """Return the mean loss of each window."""
    device = next(model.parameters()).device
    with evaluating(model):
        losses = []
        batches = np.array_split(np.arange(len(inputs)), math.ceil(inputs.size / batch_tokens))
        for rows in track(batches, f"evaluating texts of {inputs.shape[1]} tokens", "batches"):
            logits = model(torch.from_numpy(inputs[rows]).to(device))
            nats = token_losses(logits, torch.from_numpy(targets[rows]).to(device))
            losses.append(nats.double().mean(1).cpu())
    return torch.cat(losses).numpy()


def evaluate(
    model: nn.Module,
    data: WindowSource,
    length: int,
    max_tokens: int = 65536,
    *,
    split: str = "validation",
    byte_lengths: np.ndarray | None = None,
    batch_tokens: int = 8192,
) -> Evaluation:
    """Return the mean loss of a model on fixed windows.

    The model maps tokens (B, T) to logits (B, T, V); the windows are those of `fixed_windows`.
    With `byte_lengths`, the UTF-8 bytes of each token, int64 (V,), the loss is also per byte.
    """
    inputs, targets = fixed_windows(data, split, length, max_tokens)
    losses = window_losses(model, inputs, targets, batch_tokens)
    loss, bits = float(losses.mean()), None
    if byte_lengths is not None:
        n_bytes = int(byte_lengths[targets].sum())
        bits = bits_per_byte(loss, targets.size, n_bytes)
    return Evaluation(length, loss, standard_error(losses), len(losses), bits)


def evaluate_lengths(
    model: nn.Module, data: WindowSource, lengths: Sequence[int] = LENGTHS, **options: Any
) -> dict[str, dict[str, Any]]:
    """Return `Evaluation.to_json` by length, as text: the ``validation`` of a `RunRecord`."""
    return {str(n): evaluate(model, data, n, **options).to_json() for n in lengths}
