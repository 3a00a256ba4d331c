"""The perturbation test: redraw what comes later, and look whether what came before moves.

Nothing is trained and nothing is estimated. The same model runs twice on inputs that agree up to
a position; outputs up to that position that differ are caused by the future.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mosa_edu.checks import require
from mosa_edu.model import TransformerLM

LAYER_TRIALS, LAYER_TOLERANCE = 200, 1e-6
MODEL_CUTS, MODEL_TOLERANCE = (32, 128, 224, 254), 1e-4


@dataclass(frozen=True)
class LayerChange:
    """What redrawing one token did to the outputs before it.

    Attributes
    ----------
    trials_changed : float
        Share of the trials in which an earlier output changed.
    positions_changed : float
        Share of the earlier positions that changed, mean over trials.
    largest : float
        Largest absolute difference of an earlier output; exactly 0 for a causal layer.
    """

    trials_changed: float
    positions_changed: float
    largest: float


@dataclass(frozen=True)
class ModelChange:
    """What redrawing all tokens after a cut did to the logits up to it.

    Attributes
    ----------
    cut : int
        Last position that was left as it was.
    rows_changed : float
        Share of the rows of logits, up to the cut, that changed.
    size : float
        Mean over those rows of the largest change, in standard deviations of the logits.
    argmax_flips : float
        Share of the rows whose likeliest token is another.
    divergence : float
        Mean Kullback-Leibler divergence between the two forecasts, in nats.
    largest : float
        Largest absolute difference of a logit; exactly 0 for a causal model.
    """

    cut: int
    rows_changed: float
    size: float
    argmax_flips: float
    divergence: float
    largest: float


@torch.no_grad()
def perturb_layer(
    layer: nn.Module, seq_len: int, d_model: int, *, trials: int = LAYER_TRIALS, seed: int = 0
) -> LayerChange:
    """Redraw one token of a random sequence, again and again.

    Parameters
    ----------
    layer : nn.Module
        ``layer(x (B, T, d_model)) -> (B, T, d_model)``; looked at in evaluation mode.
    seq_len, d_model : int
        Shape of the sequences, whose entries are standard normal.
    trials : int
        Sequences, each with one redrawn token at a position drawn from 1 .. T - 1.
    seed : int
        Of the sequences.

    Returns
    -------
    LayerChange
        An output counts as changed if it differs by more than 1e-6.
    """
    require(seq_len >= 2, "seq_len", seq_len, "at least 2")
    require(trials >= 1, "trials", trials, "at least 1")
    generator = torch.Generator().manual_seed(seed)
    was_training = layer.training
    layer.eval()
    shares, largest = [], 0.0
    for _ in range(trials):
        x = torch.randn(1, seq_len, d_model, generator=generator)
        redrawn = int(torch.randint(1, seq_len, (), generator=generator))
        other = x.clone()
        other[:, redrawn] = torch.randn(d_model, generator=generator)
        before = (layer(x) - layer(other))[0, :redrawn].abs().amax(dim=-1)  # (redrawn,)
        shares.append(float((before > LAYER_TOLERANCE).float().mean()))
        largest = max(largest, float(before.max()))
    layer.train(was_training)
    changed = [share > 0 for share in shares]
    return LayerChange(sum(changed) / trials, sum(shares) / trials, largest)


@torch.no_grad()
def perturb_future(
    model: TransformerLM, tokens: Tensor, cuts: Sequence[int] = MODEL_CUTS, *, seed: int = 0
) -> list[ModelChange]:
    """Redraw all tokens after a cut.

    Parameters
    ----------
    model : TransformerLM
        Trained or not; looked at in evaluation mode.
    tokens : Tensor, shape (N, T), int64
        Texts; the redrawn tokens are uniform over the vocabulary.
    cuts : sequence of int
        Positions in [0, T - 1).
    seed : int
        Of the redrawn tokens.

    Returns
    -------
    list of ModelChange
        One a cut. A row counts as changed if a logit differs by more than 1e-4 of the standard
        deviation of all logits.
    """
    T = tokens.shape[1]
    require(all(0 <= cut < T - 1 for cut in cuts), "cuts", tuple(cuts), f"in [0, T - 1 = {T - 1})")
    generator = torch.Generator().manual_seed(seed)
    was_training = model.training
    model.eval()
    logits = model(tokens)
    changes = []
    for cut in cuts:
        drawn = torch.randint(model.config.vocab_size, tokens.shape, generator=generator)
        other = torch.cat([tokens[:, : cut + 1], drawn.to(tokens.device)[:, cut + 1 :]], dim=1)
        changes.append(_compare(logits, model(other), cut))
    model.train(was_training)
    return changes


def _compare(logits: Tensor, other: Tensor, cut: int) -> ModelChange:
    """Compare two forecasts, each (N, T, V), up to the cut."""
    std = float(logits.std())
    logits, other = logits[:, : cut + 1], other[:, : cut + 1]
    differences = (logits - other).abs().amax(dim=-1)  # (N, cut + 1)
    changed = differences > MODEL_TOLERANCE * std
    forecast, changed_forecast = logits.log_softmax(-1), other.log_softmax(-1)
    divergence = (forecast.exp() * (forecast - changed_forecast)).sum(-1).mean()
    return ModelChange(
        cut=cut,
        rows_changed=float(changed.float().mean()),
        size=float(differences[changed].mean() / std) if bool(changed.any()) else 0.0,
        argmax_flips=float((logits.argmax(-1) != other.argmax(-1)).float().mean()),
        divergence=float(divergence),
        largest=float(differences.max()),
    )
