"""The numbers of arXiv 2505.00315 follow from the formulas, and where they do not, that is said."""

from dataclasses import replace

import pytest

from mosa_edu.config import ModelConfig
from mosa_edu.costs import (
    PAPER_BASELINES,
    HeadShape,
    head_flops,
    isoflop_heads,
    isoflop_variant,
    kv_slots,
    model_activation_bytes,
    model_flops,
    model_parameters,
)

# Table 5: by size and sparsity, MoSA heads beside four dense ones, and parameters in millions.
_PRINTED = {
    "tiny": "13 34M, 31 48M, 69 78M, 142 136M, 276 242M, 505 423M, 848 693M, 1277 1B",
    "small": "11 127M, 26 163M, 54 229M, 109 360M, 210 599M, 381 1B",
    "medium": "11 239M, 26 310M, 54 442M, 109 703M, 210 1.2B",
    "large": "27 650M, 60 943M",
}
TABLE = [
    (size, 2**power, int(cell.split()[0]), cell.split()[1])
    for size, row in _PRINTED.items()
    for power, cell in enumerate(row.split(", "), start=1)
]
PURE = {
    "tiny": {2: 23, 4: 56, 8: 124, 16: 255},
    "small": {2: 21, 4: 47, 8: 98, 16: 197},
    "medium": {2: 21, 4: 47, 8: 98, 16: 197},
    "large": {2: 37, 4: 80},
}
DENSE = {  # parameters, GFLOPs of a forward pass
    "tiny": ("28M", 54.76),
    "small": ("113M", 219.85),
    "medium": ("210M", 439.70),
    "large": ("516M", 1130.65),
}


def printed(config):
    """Round the parameter count as the paper prints it, with its feed-forward biases."""
    biases = config.n_layers * (4 * config.d_model + config.d_model)
    millions = (model_parameters(config).total + biases) / 1e6
    if round(millions) < 1000:
        return f"{millions:.0f}M"
    return f"{millions / 1000:.1f}".removesuffix(".0") + "B"


@pytest.mark.parametrize(("size", "sparsity", "heads", "parameters"), TABLE)
def test_hybrids_are_those_of_table_5_and_hold_more_keys(size, sparsity, heads, parameters):
    """At equal FLOPs the slots go up in all but the sparsest, which ties within twelve slots."""
    baseline = PAPER_BASELINES[size]
    hybrid = isoflop_variant(baseline, "mosa", sparsity)
    assert (hybrid.n_dense_heads, hybrid.n_sparse_heads) == (4, heads)
    assert printed(hybrid) == parameters
    known = {("tiny", 64): 12_176, ("tiny", 256): 9_204}
    assert kv_slots(hybrid) == known.get((size, sparsity), kv_slots(hybrid))
    assert kv_slots(hybrid) > kv_slots(baseline) - 12 * (sparsity == 256) - 1


@pytest.mark.parametrize("size", DENSE)
def test_dense_and_pure_models_are_those_of_table_5(size):
    """Medium is twice small, same width and twice the layers: the printed 430.70 is a typo."""
    parameters, gigaflops = DENSE[size]
    baseline = PAPER_BASELINES[size]
    assert printed(baseline) == parameters
    assert round(model_flops(baseline).total / 1e9, 2) == gigaflops
    for sparsity, heads in PURE[size].items():
        pure = isoflop_variant(baseline, "mosa", sparsity, n_dense_kept=0)
        assert (pure.n_dense_heads, pure.n_sparse_heads) == (0, heads)


def test_the_first_hybrid_of_the_paper_in_full():
    """Tiny at sparsity 64: costs of the heads, and how many of each kind would fit."""
    shape = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=64)
    assert head_flops("dense", shape).total == 536_870_912
    mosa = head_flops("mosa", shape)
    assert mosa.total == 5_309_440
    assert mosa.scoring / mosa.total == pytest.approx(0.1975, abs=1e-4)
    fits = {kind: isoflop_heads(kind, shape, 9) for kind in ("mosa", "fixed", "routing")}
    assert fits == {"mosa": 505, "fixed": 630, "routing": 13}


def test_scoring_is_half_of_a_tiny_head_at_sparsity_256_and_caps_the_heads():
    shape = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=256)
    mosa = head_flops("mosa", shape)
    assert mosa.scoring / mosa.total == pytest.approx(0.50, abs=5e-3)
    assert 5 * head_flops("dense", shape).total // mosa.scoring == 2560


def test_long_sequences_cost_23_percent_of_routing_at_8192():
    """Sixty MoSA heads with k fixed at 64 against four routing heads.

    The paper calls the two matched at T = 1024, where by its formulas MoSA costs 31 % more.
    """

    def ratio(seq_len):
        shape = HeadShape(d_model=1024, d_head=64, seq_len=seq_len, sparsity=seq_len // 64)
        assert shape.kept == 64
        return 60 * head_flops("mosa", shape).total / (4 * head_flops("routing", shape).total)

    assert ratio(1024) == pytest.approx(1.3122, abs=5e-5)
    assert ratio(8192) == pytest.approx(0.2296, abs=5e-5)


@pytest.mark.parametrize(
    ("size", "mosa_heads", "sparsity", "dense_slots", "mosa_slots", "saving"),
    [
        ("tiny", 17, 32, 9216, 4640, 49.7),
        ("small", 14, 32, 9216, 4544, 50.7),
        ("medium", 12, 32, 9216, 4480, 51.4),
        ("large", 16, 16, 16384, 5120, 68.8),
    ],
)
def test_kv_savings_of_perplexity_matched_models_with_one_meaning_of_k(
    size, mosa_heads, sparsity, dense_slots, mosa_slots, saving
):
    """The paper prints 51.1, 52.2, 52.2 and 69.5 %: K is 1000 on one side and 1024 on the other."""
    baseline = PAPER_BASELINES[size]
    matched = replace(baseline, n_dense_heads=4, n_sparse_heads=mosa_heads, sparsity=sparsity)
    assert (kv_slots(baseline), kv_slots(matched)) == (dense_slots, mosa_slots)
    assert round(100 * (1 - mosa_slots / dense_slots), 1) == saving


def test_a_stored_table_of_weights_would_take_most_of_the_difference_in_memory():
    """What chapter 6 says beside its figure: the table is not in our count of bytes."""

    def table(model: ModelConfig) -> int:
        kept = model.max_seq_len // model.sparsity
        cells = model.n_dense_heads * model.max_seq_len**2 + model.n_sparse_heads * kept**2
        return 4 * model.n_layers * cells

    tiny = PAPER_BASELINES["tiny"]
    without = model_activation_bytes(tiny).total
    assert 1.8 < (without + table(tiny)) / without < 2
    for sparsity in (8, 16, 32, 64):
        hybrid = isoflop_variant(tiny, "mosa", sparsity)
        kept = model_activation_bytes(hybrid).total
        assert kept / without > 1.5
        assert (kept + table(hybrid)) / (without + table(tiny)) < 1.11
