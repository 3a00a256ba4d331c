"""Predictor: a head trained to pick by comparison decides alone, by what it would have picked."""

import torch
from torch import Tensor, nn

from mosa_edu.selection.ragged import RaggedSelector


class Predictor(RaggedSelector):
    """Take token t if a small classifier guesses that expert choice would have picked it.

    Parameters
    ----------
    d_model, n_heads, sparsity, max_seq_len, capacity_factor
        See `RaggedSelector`.

    Attributes
    ----------
    classifier : nn.Linear
        From a token to one logit a head; a token is taken where its logit is positive. At the
        start all are 0 and nothing is taken.

    Notes
    -----
    The second repair of Mixture-of-Depths (arXiv:2404.02258): the model trains by expert choice,
    and afterwards a classifier learns its picks from the tokens, with a loss of its own that the
    model never feels; `mosa_edu.probes.predictors` fits it. It repairs generation alone. What the
    model learnt, it learnt with a selection that saw the future; and a guess that always says no
    is right about 1 - 1/rho of the tokens, so recall is the number to ask for, not accuracy.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        sparsity: int,
        max_seq_len: int,
        capacity_factor: float = 2.0,
    ) -> None:
        super().__init__(d_model, n_heads, sparsity, max_seq_len, capacity_factor)
        self.classifier = nn.Linear(d_model, n_heads)
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def wants(self, router_logits: Tensor, real: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Ask the classifier about every token; see `RaggedSelector.wants`."""
        assert x is not None
        weight = self.classifier.weight
        with torch.autocast(x.device.type, enabled=False):
            return (self.classifier(x.detach().to(weight.dtype)) > 0).transpose(1, 2)
