"""Checks that need no run: the paper's counts, computed again from the formulas."""

from dataclasses import replace
from typing import NamedTuple

from mosa_edu.claims.claim import CONTRADICTED, DIRECTION, EXACT, Evidence, Finding
from mosa_edu.config import ModelConfig
from mosa_edu.costs import (
    PAPER_BASELINES,
    HeadShape,
    head_flops,
    isoflop_twin,
    kv_slots,
    model_activation_bytes,
    model_flops,
)

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
    """A hybrid whose perplexity is that of the dense model, as the paper reports its resources.

    Attributes
    ----------
    heads, sparsity : int
        MoSA heads of a layer, beside four dense ones; their sparsity.
    milliseconds, gigabytes : tuple of float
        Of a training step; dense model, then hybrid.
    kv_saving : float
        Percent of key-value pairs saved, as printed.
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

BLIMP: dict[str, tuple[float, float]] = {
    "tiny": (72.0, 64.6),
    "small": (76.2, 62.8),
    "medium": (77.8, 75.1),
    "large": (80.4, 77.2),
}
"""Accuracy in percent of the dense model and of MoSA, without training on the task."""


class LongTexts(NamedTuple):
    """The paper's comparison of long texts.

    Attributes
    ----------
    d_model, d_head, n_kept : int
        Widths; tokens that a head keeps at every length.
    lengths : tuple of int
        Tokens of the texts.
    n_mosa, n_routing : int
        Heads of a layer, beside four local ones.
    share : float
        Percent of the FLOPs of the Routing heads that the MoSA heads cost at the longest text.
    """

    d_model: int
    d_head: int
    n_kept: int
    lengths: tuple[int, ...]
    n_mosa: int
    n_routing: int
    share: float


LONG = LongTexts(1024, 64, 64, (1024, 2048, 4096, 8192), 60, 4, 22.99)


LENGTHS = (1024, 4096, 16384, 65536, 262144)
POINTS = 2.0
"""Percentage points within which a recomputed saving still has the printed size."""


def matched_model(size: str) -> ModelConfig:
    """Build the paper's perplexity-matched hybrid."""
    found = MATCHED[size]
    return replace(
        PAPER_BASELINES[size],
        n_dense_heads=4,
        n_sparse_heads=found.heads,
        sparsity=found.sparsity,
    )


def _head(seq_len: int, sparsity: int) -> int:
    shape = HeadShape(d_model=512, d_head=64, seq_len=seq_len, sparsity=sparsity)
    return head_flops("mosa", shape).total


def complexity(evidence: Evidence) -> Finding:
    """Check that a head with k fixed costs a constant and a term linear in T."""
    fixed_k = [_head(length, length // 64) for length in LENGTHS]
    rest = {cost - 2 * 512 * length for cost, length in zip(fixed_k, LENGTHS, strict=True)}
    longest = LENGTHS[-1]
    by_k = _head(2 * longest, 2 * longest // 64) / fixed_k[-1]
    by_rho = _head(2 * longest, 16) / _head(longest, 16)
    return Finding(
        EXACT if len(rest) == 1 else CONTRADICTED,
        f"With k fixed, all that grows with T is the router's 2hT, and doubling {longest:,} tokens "
        f"multiplies the cost by {by_k:.2f}. With the sparsity fixed, as in the paper's main "
        f"experiments, the factor is {by_rho:.2f}: still quadratic.",
        {"factor_k_fixed": by_k, "factor_sparsity_fixed": by_rho},
    )


def more_heads(evidence: Evidence) -> Finding:
    """Check every head count that the paper prints for equal FLOPs."""
    printed = [(4, HYBRID_HEADS), (0, PURE_HEADS)]
    agree = [
        isoflop_twin(PAPER_BASELINES[size], "mosa", rho, n_dense_kept=kept).n_sparse_heads == heads
        for kept, table in printed
        for size, row in table.items()
        for rho, heads in row.items()
    ]
    tiny = PAPER_BASELINES["tiny"]
    twin = isoflop_twin(tiny, "mosa", 64)
    return Finding(
        EXACT if all(agree) else CONTRADICTED,
        f"{sum(agree)} of {len(agree)} printed head counts follow from the formulas; Tiny gets "
        f"{twin.n_sparse_heads} MoSA heads for {tiny.n_dense_heads - 4} dense ones.",
        {"agree": sum(agree), "printed": len(agree), "tiny": twin.n_sparse_heads},
    )


def kv_savings() -> dict[str, tuple[float, float]]:
    """Compute the saving of key-value pairs of the paper's perplexity-matched models.

    >>> {size: (round(count, 1), round(mixed, 1)) for size, (count, mixed) in kv_savings().items()}
    {'tiny': (49.7, 51.1), 'small': (50.7, 52.2), 'medium': (51.4, 52.2), 'large': (68.8, 69.5)}
    """
    savings = {}
    for size, baseline in PAPER_BASELINES.items():
        before, after = kv_slots(baseline), kv_slots(matched_model(size))
        mixed = round(after / 1024, 1) / round(before / 1000, 1)
        savings[size] = (100 * (1 - after / before), 100 * (1 - mixed))
    return savings


def kv_cache(evidence: Evidence) -> Finding:
    """Check that the count of pairs falls by about what the paper says, and who makes it fall."""
    exact = {size: count for size, (count, _) in kv_savings().items()}
    off = max(abs(exact[size] - MATCHED[size].kv_saving) for size in exact)
    tiny, matched = PAPER_BASELINES["tiny"], matched_model("tiny")
    dropped = 1024 * (tiny.n_dense_heads - matched.n_dense_heads)
    added = kv_slots(matched) - 1024 * matched.n_dense_heads
    equal_flops = kv_slots(isoflop_twin(tiny, "mosa", 64))
    before = kv_slots(tiny)
    return Finding(
        DIRECTION if min(exact.values()) > 0 else CONTRADICTED,
        f"The count falls, by {exact['tiny']:.1f} % for Tiny and never more than {off:.1f} points "
        f"from the paper's. Dense heads that were dropped give {dropped} of {before} pairs, MoSA "
        f"adds {added} back. At equal FLOPs the count rises to {equal_flops}.",
        {"tiny": exact["tiny"], "off": off, "dropped": dropped, "added": added},
    )


def kv_units(evidence: Evidence) -> Finding:
    """Check whether the printed percentages follow from the counts, and what makes them differ."""
    found = kv_savings()
    printed = {size: row.kv_saving for size, row in MATCHED.items()}
    by_count = sum(round(found[size][0], 1) == printed[size] for size in printed)
    by_mixing = sum(round(found[size][1], 1) == printed[size] for size in printed)
    return Finding(
        EXACT if by_count == len(printed) else CONTRADICTED,
        f"{by_count} of {len(printed)} printed savings follow from the counts; {by_mixing} follow "
        f"when a K is 1000 pairs on the dense side and 1024 on the other: Tiny's "
        f"{found['tiny'][0]:.1f} % becomes {found['tiny'][1]:.1f} %.",
        {"by_count": by_count, "by_mixing": by_mixing},
    )


def memory(evidence: Evidence) -> Finding:
    """Check that the matched hybrids keep fewer bytes for the backward pass."""
    change = {
        size: 100 * (model_activation_bytes(matched_model(size)).total / before - 1)
        for size, before in (
            (size, model_activation_bytes(model).total) for size, model in PAPER_BASELINES.items()
        )
    }
    tiny = PAPER_BASELINES["tiny"]
    equal = model_activation_bytes(isoflop_twin(tiny, "mosa", 64)).total
    rise = 100 * (equal / model_activation_bytes(tiny).total - 1)
    fall = sum(value < 0 for value in change.values())
    return Finding(
        DIRECTION if fall == len(change) else CONTRADICTED,
        f"By our formula, the bytes kept for the backward pass fall by {-change['tiny']:.1f} % for "
        f"Tiny, and in {fall} of {len(change)} sizes; weights, optimiser, logits and "
        f"tables of attention weights are not in it. "
        f"At equal FLOPs they rise by {rise:.0f} %.",
        {"tiny": change["tiny"], "equal_flops": rise},
    )


def gigaflops(evidence: Evidence) -> Finding:
    """Check the printed cost of the four dense models."""
    found = {size: round(model_flops(PAPER_BASELINES[size]).total / 1e9, 2) for size in GIGAFLOPS}
    wrong = [size for size in found if found[size] != GIGAFLOPS[size]]
    small, medium = (model_flops(PAPER_BASELINES[size]).total for size in ("small", "medium"))
    which = ", ".join(f"{size.title()} is {found[size]:.2f}" for size in wrong) or "none differs"
    return Finding(
        EXACT if not wrong else CONTRADICTED,
        f"{len(found) - len(wrong)} of {len(found)} follow from the formula; {which}, "
        f"{medium / small:g} times Small, which has half the layers.",
        {"agree": len(found) - len(wrong), "medium": found["medium"]},
    )
