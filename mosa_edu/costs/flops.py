"""FLOPs of one forward pass of one sequence, head by head and for a whole model."""

from __future__ import annotations

from dataclasses import dataclass

from mosa_edu.config import ModelConfig
from mosa_edu.costs.heads import ROUTED, HeadShape, require_kind
from mosa_edu.costs.models import feedforward_width, head_groups, head_shape


@dataclass(frozen=True, kw_only=True)
class HeadFlops:
    """FLOPs of one head, or of several, by what they are spent on.

    Parameters
    ----------
    projections : int
        Queries, keys, values and output.
    attention : int
        Products of queries and keys and of weights and values, the causal half not cut.
    scoring : int
        Scores that decide who is selected.
    gating : int
        Products of outputs and scores.
    """

    projections: int = 0
    attention: int = 0
    scoring: int = 0
    gating: int = 0

    @property
    def total(self) -> int:
        """Sum of the four parts."""
        return self.projections + self.attention + self.scoring + self.gating

    def times(self, n: int) -> HeadFlops:
        """FLOPs of `n` such heads."""
        return HeadFlops(
            projections=n * self.projections,
            attention=n * self.attention,
            scoring=n * self.scoring,
            gating=n * self.gating,
        )


def head_flops(kind: str, shape: HeadShape) -> HeadFlops:
    """FLOPs of one head on one sequence.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    shape : HeadShape
        Sizes of the head and the sequence.

    Returns
    -------
    HeadFlops
        The four parts; ``.total`` is their sum.

    Raises
    ------
    ValueError
        If `kind` is unknown.

    Notes
    -----
    With width h, head width h', T tokens of which k are kept, and rho = T / k, the FLOP costs of
    arXiv 2505.00315 are::

        dense    8 h h' T + 4 h' T^2
        mosa     8 h h' k + 4 h' k^2 + 2 h T + h' k
        fixed    8 h h' k + 4 h' k^2
        routing  6 h h' T + 4 h' k^2 rho + 2 h' T

    What the paper does not cost follows the same rules. A local head of window w has
    ``4 h' T min(w, T)`` for its attention, random heads cost what fixed ones do, prefix, threshold
    and token heads what MoSA does with their C slots in the place of k, and predictor heads score
    every token twice: once to learn, once to predict. Routing stays as the paper has it, with one
    product of each token and a centroid, although a head has rho of them.

    Examples
    --------
    A dense head and a MoSA head that keeps 4 of 16 tokens: 5.3 times cheaper, not 16 times.

    >>> shape = HeadShape(d_model=8, d_head=4, seq_len=16, sparsity=4)
    >>> head_flops("dense", shape).total
    8192
    >>> head_flops("mosa", shape)
    HeadFlops(projections=1024, attention=256, scoring=256, gating=16)
    >>> head_flops("mosa", shape).total
    1552
    """
    require_kind(kind)
    h, d, length, n = shape.d_model, shape.d_head, shape.seq_len, shape.slots(kind)
    if kind == "local":
        return HeadFlops(projections=8 * h * d * length, attention=4 * d * length * shape.span)
    if kind == "routing":
        return HeadFlops(
            projections=6 * h * d * length,
            attention=4 * d * shape.kept**2 * shape.sparsity,
            scoring=2 * d * length,
        )
    scores_per_token = 2 if kind == "predictor" else 1
    return HeadFlops(
        projections=8 * h * d * n,
        attention=4 * d * n**2,
        scoring=scores_per_token * 2 * h * length if kind in ROUTED else 0,
        gating=d * n if kind in ROUTED else 0,
    )


@dataclass(frozen=True, kw_only=True)
class ModelFlops:
    """FLOPs of all layers of a model, by group of heads and block.

    Parameters
    ----------
    dense, local, sparse : HeadFlops
        All heads of the group, in all layers.
    feedforward : int
        The feed-forward blocks.
    unembedding : int
        The output head, which the paper does not count.
    """

    dense: HeadFlops
    local: HeadFlops
    sparse: HeadFlops
    feedforward: int
    unembedding: int

    @property
    def total(self) -> int:
        """Attention and feed-forward blocks: the number that the paper equalises."""
        return self.dense.total + self.local.total + self.sparse.total + self.feedforward

    @property
    def total_with_unembedding(self) -> int:
        """The paper's number and the output head."""
        return self.total + self.unembedding


def model_flops(config: ModelConfig, seq_len: int | None = None) -> ModelFlops:
    """FLOPs of one forward pass of a model on one sequence.

    Parameters
    ----------
    config : ModelConfig
        The model.
    seq_len : int, optional
        Tokens in the sequence; the longest one if it is not given.

    Returns
    -------
    ModelFlops
        The parts; ``.total`` is the paper's number.

    Notes
    -----
    ``sum over layers and heads + 4 l h d_ff T``, which is the paper's ``16 l h^2 T`` for
    ``d_ff = 4 h``. Embeddings, norms, residual sums, rotary positions, softmax and the
    feed-forward non-linearity are not counted. A training step is about three forward passes.

    Examples
    --------
    >>> from mosa_edu.costs import PAPER_BASELINES
    >>> round(model_flops(PAPER_BASELINES["tiny"]).total / 1e9, 2)
    54.76
    """
    shape = head_shape(config, seq_len)
    dense, local, sparse = (
        head_flops(kind, shape).times(config.n_layers * n) if n else HeadFlops()
        for kind, n in head_groups(config)
    )
    per_block = 4 * config.d_model * feedforward_width(config) * shape.seq_len
    return ModelFlops(
        dense=dense,
        local=local,
        sparse=sparse,
        feedforward=config.n_layers * per_block,
        unembedding=2 * config.d_model * config.vocab_size * shape.seq_len,
    )
