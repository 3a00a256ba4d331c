"""FLOPs of one forward pass of one sequence, head by head and for a whole model."""

from __future__ import annotations

import math
from dataclasses import asdict, astuple, dataclass

from mosa_edu.checks import require, require_integer
from mosa_edu.config import ModelConfig
from mosa_edu.head_kinds import (
    CAPACITY_FACTOR,
    HEAD_KINDS,
    capacity,
    head_kind,
    kept_tokens,
    prefix_k,
)

KINDS = tuple(HEAD_KINDS)


@dataclass(frozen=True, kw_only=True)
class HeadShape:
    """What the cost of one head on one sequence depends on; fields are as in `ModelConfig`.

    `seq_len` is the length at hand, `max_seq_len` (by default the same) the longest of the model,
    which sets the slots and, where no `window` is given, ``max_seq_len // sparsity`` for it.

    Examples
    --------
    >>> shape = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=64)
    >>> shape.kept, shape.capacity
    (16, 32)
    """

    d_model: int
    d_head: int
    seq_len: int
    sparsity: int = 1
    window: int | None = None
    capacity_factor: float = CAPACITY_FACTOR
    max_seq_len: int | None = None

    def __post_init__(self) -> None:
        for name in ("d_model", "d_head", "seq_len", "sparsity"):
            require_integer(name, getattr(self, name), 1)
        if self.window is not None:
            require_integer("window", self.window, 1)
        capacity(self.seq_len, self.sparsity, self.capacity_factor, self.max_seq_len)

    @property
    def span(self) -> int:
        """Keys that a query of a local head sees, at most T."""
        longest = self.max_seq_len or self.seq_len
        window = max(longest // self.sparsity, 1) if self.window is None else self.window
        return min(window, self.seq_len)

    @property
    def kept(self) -> int:
        """Tokens of a head whose k follows from the length."""
        return kept_tokens(self.seq_len, self.sparsity)

    @property
    def capacity(self) -> int:
        """Slots of a head with a variable number of tokens, C."""
        return capacity(self.seq_len, self.sparsity, self.capacity_factor, self.max_seq_len)

    def slots(self, kind: str) -> int:
        """Tokens that a head of this kind projects, which is what it is charged for.

        >>> shape = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=64)
        >>> [shape.slots(kind) for kind in ("dense", "mosa", "prefix")]
        [1024, 16, 32]
        """
        rule = head_kind(kind).slots
        if rule in ("stride", "draw"):
            return -(-self.seq_len // self.sparsity)
        return {"top_k": self.kept, "capacity": self.capacity}.get(rule, self.seq_len)

    def expected_tokens(self, kind: str) -> float:
        """Tokens that stand in those slots on average, for scores that carry no order.

        For a prefix head the sum over prefixes of ``ceil(n / rho) / n``: above T / rho, since early
        tokens meet few rivals. A threshold and a balanced token choice aim at T / rho.

        >>> shape = HeadShape(d_model=8, d_head=4, seq_len=6, sparsity=3)
        >>> round(shape.expected_tokens("prefix"), 2), shape.expected_tokens("threshold")
        (3.07, 2.0)
        """
        row = head_kind(kind)
        if row.decided_by == "prefix":
            seen = range(1, self.seq_len + 1)
            return math.fsum(prefix_k(n, self.sparsity) / n for n in seen)
        if row.slots in ("capacity", "draw"):
            return self.seq_len / self.sparsity
        return float(self.slots(kind))


def head_shape(config: ModelConfig, seq_len: int | None = None) -> HeadShape:
    """Read the shape that all heads of a model share, for its longest sequence by default."""
    longest = config.max_seq_len
    tokens = longest if seq_len is None else seq_len
    require(1 <= tokens <= longest, "seq_len", tokens, f"from 1 to max_seq_len={longest}")
    return HeadShape(
        d_model=config.d_model,
        d_head=config.d_head,
        seq_len=tokens,
        sparsity=config.sparsity,
        window=config.local_window,
        capacity_factor=config.capacity_factor,
        max_seq_len=longest,
    )


def head_groups(config: ModelConfig) -> tuple[tuple[str, int], ...]:
    """Kind and number of the dense, local and sparse heads of a layer, zeros included."""
    return (
        ("dense", config.n_dense_heads),
        ("local", config.n_local_heads),
        (config.sparse, config.n_sparse_heads),
    )


def feedforward_width(config: ModelConfig) -> int:
    """Width of the feed-forward blocks."""
    return config.d_ff or 4 * config.d_model


PAPER_BASELINES = {
    name: ModelConfig(
        *(8000, d_model, n_layers, 64, 1024),
        n_dense_heads=n_dense_heads,
        include_first=True,
        tie_embeddings=False,
    )
    for name, n_layers, d_model, n_dense_heads in (
        ("tiny", 6, 512, 9),
        ("small", 9, 1024, 9),
        ("medium", 18, 1024, 9),
        ("large", 27, 1280, 16),
    )
}
"""The dense models of the paper's main experiments; their hybrids include the first token."""


class Parts:
    """A cost by what it is spent on."""

    @property
    def total(self) -> int:
        """Sum of the parts."""
        return sum(astuple(self))  # type: ignore[call-overload]


@dataclass(frozen=True, kw_only=True)
class HeadFlops(Parts):
    """FLOPs of one head, or of several, by what they are spent on."""

    projections: int = 0
    """Queries, keys, values and output."""
    attention: int = 0
    """Products of queries and keys and of weights and values, the causal half not cut."""
    scoring: int = 0
    """Scores that decide who is selected."""
    gating: int = 0
    """Products of outputs and scores."""

    def times(self, n: int) -> HeadFlops:
        """FLOPs of `n` such heads."""
        return HeadFlops(**{part: n * flops for part, flops in asdict(self).items()})


def head_flops(kind: str, shape: HeadShape) -> HeadFlops:
    """FLOPs of one head on one sequence, by what they are spent on and in `total`.

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
    >>> head_flops("mosa", shape)
    HeadFlops(projections=1024, attention=256, scoring=256, gating=16)
    >>> head_flops("dense", shape).total, head_flops("mosa", shape).total
    (8192, 1552)
    """
    row = head_kind(kind)
    h, d, length, n = shape.d_model, shape.d_head, shape.seq_len, shape.slots(kind)
    if row.slots == "window":
        return HeadFlops(projections=8 * h * d * length, attention=4 * d * length * shape.span)
    if row.slots == "clusters":
        return HeadFlops(
            projections=6 * h * d * length,
            attention=4 * d * shape.kept**2 * shape.sparsity,
            scoring=2 * d * length,
        )
    return HeadFlops(
        projections=8 * h * d * n,
        attention=4 * d * n**2,
        scoring=row.vectors * 2 * h * length,
        gating=d * n if row.routed else 0,
    )


@dataclass(frozen=True, kw_only=True)
class ModelFlops:
    """FLOPs of all layers of a model, by group of heads and block."""

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
    """FLOPs of one forward pass of a model on one sequence, the longest by default.

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
