"""Trained parameters of a head and of a model."""

from __future__ import annotations

from dataclasses import dataclass

from mosa_edu.config import ModelConfig
from mosa_edu.costs.heads import ROUTED, HeadShape, require_kind
from mosa_edu.costs.models import feedforward_width, head_groups, head_shape


def head_parameters(kind: str, shape: HeadShape) -> int:
    """Trained parameters of one head.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    shape : HeadShape
        Sizes of the head; the sequence does not matter.

    Returns
    -------
    int
        Number of parameters. Centroids and thresholds follow running means and are not trained.

    Raises
    ------
    ValueError
        If `kind` is unknown.

    Notes
    -----
    ``4 h h'``, and ``h`` more for a router. Routing heads share queries and keys: ``3 h h'``.
    Predictor heads have a second vector, which learns to guess the selection.

    Examples
    --------
    >>> shape = HeadShape(d_model=8, d_head=4, seq_len=16, sparsity=4)
    >>> 4 * head_parameters("dense", shape), 21 * head_parameters("mosa", shape)
    (512, 2856)
    """
    require_kind(kind)
    matrices = 3 if kind == "routing" else 4
    vectors = 2 if kind == "predictor" else int(kind in ROUTED)
    return matrices * shape.d_model * shape.d_head + vectors * shape.d_model


@dataclass(frozen=True, kw_only=True)
class ModelParameters:
    """Trained parameters of a model by block, all layers together.

    Parameters
    ----------
    attention, feedforward, norms, embedding : int
        Heads with their routers, feed-forward blocks, layer norms, embedding and output head.
    """

    attention: int
    feedforward: int
    norms: int
    embedding: int

    @property
    def total(self) -> int:
        """Sum of the four blocks."""
        return self.attention + self.feedforward + self.norms + self.embedding


def model_parameters(config: ModelConfig) -> ModelParameters:
    """Trained parameters of a model.

    Parameters
    ----------
    config : ModelConfig
        The model.

    Returns
    -------
    ModelParameters
        The blocks; ``.total`` is their sum.

    Notes
    -----
    ``l (4 h h' (H_dense + H_mosa) + h H_mosa + 2 h d_ff) + 2 V h`` for untied embeddings, and
    ``4 l h + 2 h`` for the layer norms. The sizes printed in the paper's Table 5 all follow if
    its feed-forward blocks have biases, ``l (d_ff + h)`` parameters that this model does not have.

    Examples
    --------
    >>> from mosa_edu.costs import PAPER_BASELINES
    >>> model_parameters(PAPER_BASELINES["tiny"]).total
    27866112
    """
    h, layers, shape = config.d_model, config.n_layers, head_shape(config)
    heads = sum(n * head_parameters(kind, shape) for kind, n in head_groups(config))
    return ModelParameters(
        attention=layers * heads,
        feedforward=layers * 2 * h * feedforward_width(config),
        norms=layers * 4 * h + 2 * h,
        embedding=(1 if config.tie_embeddings else 2) * config.vocab_size * h,
    )
