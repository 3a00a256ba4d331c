"""How many tokens the heads of a model keep, and how many they refuse for want of a slot."""

from typing import Any

import torch
from torch import Tensor

from mosa_edu.checks import require
from mosa_edu.model import TransformerLM
from mosa_edu.tracing import Recording


@torch.no_grad()
def selection_shares(model: TransformerLM, texts: Tensor, rows: int = 8) -> list[dict[str, Any]]:
    """Count selected, wanted and refused tokens, layer by layer.

    Parameters
    ----------
    model : TransformerLM
        With sparse heads; left in the mode it was in.
    texts : Tensor, shape (B, T), int64
        Texts.
    rows : int
        Texts of one forward pass.

    Returns
    -------
    list of dict
        By ``layer``: ``selected``, mean share of the tokens that a head keeps, ``least`` and
        ``most`` over the heads, and ``refused``, the share of the wanted tokens that found no
        slot (None for rules that have as many slots as they want).
    """
    require(model.config.n_sparse_heads > 0, "model", "dense heads alone", "one with sparse heads")
    was_training = model.training
    model.eval()
    kept = torch.zeros(model.config.n_layers, model.config.n_sparse_heads)
    wanted = torch.zeros_like(kept)
    for batch in texts.split(rows):
        recording = Recording()
        model(batch, record=recording)
        for (layer, kind), tensors in recording.tensors.items():
            if kind in ("sparse", "routing"):
                kept[layer] += _kept(tensors, batch.shape[1])
            if kind == "ragged":
                wanted[layer] += tensors["wanted"].sum(dim=(0, 2))
    model.train(was_training)
    shares = kept / texts.numel()
    return [
        {
            "layer": layer,
            "selected": round(float(shares[layer].mean()), 5),
            "least": round(float(shares[layer].min()), 5),
            "most": round(float(shares[layer].max()), 5),
            "refused": _refused(kept[layer], wanted[layer]),
        }
        for layer in range(len(shares))
    ]


def _kept(tensors: dict[str, Tensor], length: int) -> Tensor:
    """Tokens that each head keeps, over all rows, (H,); in several clusters counts once."""
    indices = tensors["indices"].flatten(2)  # (B, H, slots)
    if "valid" in tensors:
        indices = indices.masked_fill(~tensors["valid"].flatten(2), length)
    marks = torch.zeros(*indices.shape[:2], length + 1).scatter_(-1, indices, 1.0)
    return marks[..., :length].sum(dim=(0, 2))


def _refused(kept: Tensor, wanted: Tensor) -> float | None:
    total = float(wanted.sum())
    return round(1 - float(kept.sum()) / total, 5) if total else None
