"""Bytes that wait for the backward pass, and keys and values that a decoder would store."""

from __future__ import annotations

from dataclasses import dataclass

from mosa_edu.checks import require_integer
from mosa_edu.config import ModelConfig
from mosa_edu.costs.flops import HeadShape, Parts, feedforward_width, head_groups, head_shape
from mosa_edu.head_kinds import head_kind


def head_kv_slots(kind: str, shape: HeadShape) -> int:
    """Key-value pairs that one head holds after a sequence: its slots, or its window.

    >>> shape = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=32, window=128)
    >>> [head_kv_slots(kind, shape) for kind in ("dense", "local", "mosa", "prefix")]
    [1024, 128, 32, 64]
    """
    return shape.span if head_kind(kind).slots == "window" else shape.slots(kind)


def kv_slots(config: ModelConfig, seq_len: int | None = None) -> int:
    """Key-value pairs that one layer holds after a sequence, the longest by default.

    Notes
    -----
    Summed over the heads of a layer: ``T H_dense + k H_mosa`` for the paper's hybrids. The paper's
    section on resources prints 9.2K for nine dense heads and 4.5K for Tiny matched by perplexity,
    with a K of 1000 in one and of 1024 in the other: a saving of 51.1 % where the counts give
    49.7 %. At equal FLOPs the number goes up in most models of its Table 5.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from mosa_edu.costs import PAPER_BASELINES, isoflop_variant
    >>> tiny = PAPER_BASELINES["tiny"]
    >>> matched = replace(tiny, n_dense_heads=4, n_sparse_heads=17, sparsity=32)
    >>> kv_slots(tiny), kv_slots(matched), kv_slots(isoflop_variant(tiny, "mosa", 64))
    (9216, 4640, 12176)
    """
    shape = head_shape(config, seq_len)
    return sum(n * head_kv_slots(kind, shape) for kind, n in head_groups(config))


def kv_bytes(config: ModelConfig, seq_len: int | None = None, *, bytes_per_element: int = 2) -> int:
    """Bytes of the keys and values of all layers, ``2 h' l`` elements a slot, positions aside."""
    require_integer("bytes_per_element", bytes_per_element, 1)
    return kv_slots(config, seq_len) * 2 * config.d_head * config.n_layers * bytes_per_element


def head_activation_bytes(kind: str, shape: HeadShape, bytes_per_element: int = 4) -> int:
    """Bytes that one head keeps for its backward pass, for one sequence.

    The input of the layer, which all its heads share, is not part of it. For a head that works on
    n tokens, attention weights being recomputed and not stored::

        all       queries, keys, values 3 n h'    rotated queries and keys 2 n h'
                  outputs of attention n h'       what is projected out n h'    normalisers n
        sparse    selected tokens n h             scores n                      positions n

    Scores and normalisers are float32 always, positions int64. A local head keeps keys and values
    of two windows a query in the place of the first two items and arrives at the same 7 n h'. A
    routing head has one vector for query and key, and its clusters hold rho k copies of vectors
    and outputs.

    >>> shape = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=64)
    >>> head_activation_bytes("dense", shape), head_activation_bytes("mosa", shape)
    (1839104, 61696)
    """
    row = head_kind(kind)
    require_integer("bytes_per_element", bytes_per_element, 1)
    h, d, n = shape.d_model, shape.d_head, shape.slots(kind)
    if not row.sparse:
        return n * (7 * d * bytes_per_element + 4)
    if row.slots == "clusters":
        members = shape.sparsity * shape.kept
        return 3 * n * d * bytes_per_element + members * (3 * d * bytes_per_element + 4 + 8)
    return n * ((h + 7 * d) * bytes_per_element + 4 + 4 + 8)


@dataclass(frozen=True, kw_only=True)
class ActivationBytes(Parts):
    """Bytes that a model keeps for its backward pass, for one sequence."""

    heads: int
    """See `head_activation_bytes`."""
    streams: int
    """The residual stream and its statistics at each norm, and the input of each block."""
    feedforward: int
    """The hidden vectors before and after the non-linearity."""


def model_activation_bytes(
    config: ModelConfig, seq_len: int | None = None, *, bytes_per_element: int = 4
) -> ActivationBytes:
    """Bytes that a model keeps for its backward pass, for one sequence, the longest by default.

    Notes
    -----
    Parameters, logits and the loss are not among them: heads, ``(2 l + 1) (2 h T + 2 T)`` for the
    norms (two a layer and the last one; mean and deviation are float32) and ``2 l d_ff T`` for the
    feed-forward blocks.

    Examples
    --------
    Chosen for equal FLOPs, the MoSA model beside the paper's Tiny keeps more, not less.

    >>> from mosa_edu.costs import PAPER_BASELINES, isoflop_variant
    >>> tiny = PAPER_BASELINES["tiny"]
    >>> [round(model_activation_bytes(model).total / 1e6) for model in
    ...  (tiny, isoflop_variant(tiny, "mosa", 64))]
    [255, 386]
    """
    require_integer("bytes_per_element", bytes_per_element, 1)
    shape = head_shape(config, seq_len)
    heads = sum(
        n * head_activation_bytes(kind, shape, bytes_per_element) for kind, n in head_groups(config)
    )
    tokens, norms = shape.seq_len, 2 * config.n_layers + 1
    return ActivationBytes(
        heads=config.n_layers * heads,
        streams=norms * tokens * (2 * config.d_model * bytes_per_element + 2 * 4),
        feedforward=2 * config.n_layers * feedforward_width(config) * tokens * bytes_per_element,
    )


def head_parameters(kind: str, shape: HeadShape) -> int:
    """Trained parameters of one head: four matrices, three if queries are keys, and its vectors.

    Centroids and thresholds follow running means and are not trained.

    >>> shape = HeadShape(d_model=8, d_head=4, seq_len=16, sparsity=4)
    >>> 4 * head_parameters("dense", shape), 21 * head_parameters("mosa", shape)
    (512, 2856)
    """
    row = head_kind(kind)
    matrices = 3 if row.slots == "clusters" else 4
    return matrices * shape.d_model * shape.d_head + row.vectors * shape.d_model


@dataclass(frozen=True, kw_only=True)
class ModelParameters(Parts):
    """Trained parameters of a model by block, all layers together."""

    attention: int
    feedforward: int
    norms: int
    embedding: int


def model_parameters(config: ModelConfig) -> ModelParameters:
    """Trained parameters of a model, by block and in `total`.

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
