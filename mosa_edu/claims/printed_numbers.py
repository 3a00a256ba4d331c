"""What the paper prints: the numbers that claims are checked against."""

from dataclasses import replace
from typing import NamedTuple

from mosa_edu.config import ModelConfig
from mosa_edu.costs import PAPER_BASELINES

PERPLEXITY: dict[str, dict[str, float]] = {
    "tiny": {"dense": 22.46, "mosa": 16.39, "fixed": 23.28, "routing": 23.33},
    "small": {"dense": 16.01, "mosa": 12.85, "fixed": 16.51, "routing": 16.43},
    "medium": {"dense": 13.95, "mosa": 11.06, "fixed": 14.35, "routing": 14.21},
    "large": {"dense": 12.20, "mosa": 10.58, "fixed": 12.40, "routing": 12.24},
}
"""At equal FLOPs and the best sparsity above 1, full-sequence routing."""

HYBRID_HEADS: dict[str, dict[int, int]] = {
    "tiny": {2: 13, 4: 31, 8: 69, 16: 142, 32: 276, 64: 505, 128: 848, 256: 1277},
    "small": {2: 11, 4: 26, 8: 54, 16: 109, 32: 210, 64: 381},
    "medium": {2: 11, 4: 26, 8: 54, 16: 109, 32: 210},
    "large": {2: 27, 4: 60},
}
"""MoSA heads beside four dense ones, by sparsity."""

HYBRID_PERPLEXITY: dict[str, dict[int, float]] = {
    "tiny": {2: 21.76, 4: 20.45, 8: 19.24, 16: 18.00, 32: 16.90, 64: 16.39, 128: 17.27, 256: 18.06},
    "small": {2: 15.74, 4: 15.10, 8: 14.48, 16: 13.65, 32: 12.97, 64: 12.85},
    "medium": {2: 13.52, 4: 12.81, 8: 12.16, 16: 11.47, 32: 11.06},
    "large": {2: 11.33, 4: 10.58},
}
"""Of the same models, full-sequence routing."""

PURE_HEADS: dict[str, dict[int, int]] = {
    "tiny": {2: 23, 4: 56, 8: 124, 16: 255},
    "small": {2: 21, 4: 47, 8: 98, 16: 197},
    "medium": {2: 21, 4: 47, 8: 98, 16: 197},
    "large": {2: 37, 4: 80},
}
"""MoSA heads of models without a dense one, by sparsity."""

GIGAFLOPS: dict[str, float] = {"tiny": 54.76, "small": 219.85, "medium": 430.70, "large": 1130.65}
"""Of one forward pass of the dense models."""


class Matched(NamedTuple):
    """A hybrid of the dense model's perplexity: heads beside four dense ones, and what it costs.

    Pairs are of the dense model, then the hybrid: milliseconds of a training step, gigabytes;
    `kv_saving` is the printed percentage of key-value pairs.
    """

    heads: int
    sparsity: int
    milliseconds: tuple[float, float]
    gigabytes: tuple[float, float]
    kv_saving: float


MATCHED: dict[str, Matched] = {
    "tiny": Matched(17, 32, (137, 127), (21.1, 19.0), 51.1),
    "small": Matched(14, 32, (326, 319), (32.4, 31.4), 52.2),
    "medium": Matched(12, 32, (619, 592), (50.2, 49.4), 52.2),
    "large": Matched(16, 16, (807, 703), (104.1, 94.5), 69.5),
}
"""By size."""


def matched_model(size: str) -> ModelConfig:
    """Build the paper's perplexity-matched hybrid."""
    found = MATCHED[size]
    return replace(
        PAPER_BASELINES[size],
        n_dense_heads=4,
        n_sparse_heads=found.heads,
        sparsity=found.sparsity,
    )


BLIMP: dict[str, tuple[float, float]] = {
    "tiny": (72.0, 64.6),
    "small": (76.2, 62.8),
    "medium": (77.8, 75.1),
    "large": (80.4, 77.2),
}
"""Accuracy in percent of the dense model and of MoSA, without training on the task."""


class LongTexts(NamedTuple):
    """The paper's comparison of long texts, heads beside four local ones.

    `share` is the percentage of the FLOPs of the Routing heads that the MoSA heads cost at the
    longest text.
    """

    d_model: int
    d_head: int
    n_kept: int
    lengths: tuple[int, ...]
    n_mosa: int
    n_routing: int
    share: float


LONG = LongTexts(1024, 64, 64, (1024, 2048, 4096, 8192), 60, 4, 22.99)
