"""Checks that need no run: the paper's counts, computed again from the formulas."""

from dataclasses import replace

from mosa_edu.claims.claim import CONTRADICTED, DIRECTION, EXACT, Evidence, Finding
from mosa_edu.claims.paper import GIGAFLOPS, HYBRID_HEADS, MATCHED, PURE_HEADS
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

LENGTHS = (1024, 4096, 16384, 65536, 262144)
POINTS = 2.0
"""Percentage points within which a recomputed saving still has the printed size."""


def matched_model(size: str) -> ModelConfig:
    """Build the paper's perplexity-matched hybrid.

    Parameters
    ----------
    size : str
        A key of `mosa_edu.costs.PAPER_BASELINES`.

    Returns
    -------
    ModelConfig
        With four dense heads and the MoSA heads of the paper's table of resources.
    """
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

    Returns
    -------
    dict of str to (float, float)
        By size, percent: from the counts, and as printed, that is with 1000 pairs to a K for the
        dense model, 1024 for the hybrid, and both rounded to one decimal.

    Examples
    --------
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
