"""Costs are exact integers: parts sum, more costs more, and a budget is used to the last head."""

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosa_edu.config import PRESETS, SPARSE_KINDS, ModelConfig
from mosa_edu.costs import (
    KINDS,
    HeadShape,
    capacity,
    head_activation_bytes,
    head_flops,
    head_kv_slots,
    head_parameters,
    head_shape,
    isoflop_heads,
    isoflop_variant,
    isoparameter_heads,
    isoparameter_variant,
    kept_tokens,
    kv_bytes,
    kv_slots,
    model_activation_bytes,
    model_flops,
    model_parameters,
)
from mosa_edu.head_kinds import HEAD_KINDS

SMALL = HeadShape(d_model=8, d_head=4, seq_len=16, sparsity=4)
TINY = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=64)
MICRO = PRESETS["micro"]
kinds = st.sampled_from(KINDS)
shapes = st.builds(
    HeadShape,
    d_model=st.integers(1, 600),
    d_head=st.integers(1, 80),
    seq_len=st.integers(1, 700),
    sparsity=st.integers(1, 300),
    window=st.none() | st.integers(1, 800),
    capacity_factor=st.floats(1, 4),
)
models = st.builds(
    ModelConfig,
    n_layers=st.integers(1, 5),
    d_model=st.integers(1, 64),
    d_head=st.integers(1, 16),
    vocab_size=st.integers(1, 100),
    max_seq_len=st.integers(40, 128),
    n_dense_heads=st.integers(1, 5),
    n_local_heads=st.integers(0, 3),
    n_sparse_heads=st.integers(0, 20),
    sparse=st.sampled_from(SPARSE_KINDS),
    sparsity=st.integers(1, 40),
)


def test_worked_example_by_hand():
    """Width 8, heads of 4, 16 tokens of which 4 are kept."""
    assert head_flops("dense", SMALL).total == 4096 + 4096 == 8192
    assert head_flops("mosa", SMALL).total == 1024 + 256 + 256 + 16 == 1552
    assert [isoflop_heads("mosa", SMALL, 4, kept) for kept in (0, 1)] == [21, 15]
    assert 21 * head_parameters("mosa", SMALL) == 2856
    assert head_kv_slots("dense", SMALL) + 15 * head_kv_slots("mosa", SMALL) == 76


def test_doubling_the_text_with_k_fixed():
    """A MoSA head pays for 16 more scores, a dense one for the square."""
    longer = HeadShape(d_model=8, d_head=4, seq_len=32, sparsity=8)
    assert longer.kept == SMALL.kept
    assert head_flops("mosa", longer).total - head_flops("mosa", SMALL).total == 256
    assert head_flops("dense", longer).total == 24_576


def test_every_kind_costs_its_formula():
    heads = {n: 8 * 8 * 4 * n + 4 * 4 * n**2 for n in (4, 8, 16)}  # by tokens that it projects
    routed = {n: flops + 2 * 8 * 16 + 4 * n for n, flops in heads.items()}
    assert {kind: head_flops(kind, SMALL).total for kind in KINDS} == {
        "dense": heads[16],
        "local": 8 * 8 * 4 * 16 + 4 * 4 * 16 * 4,
        "fixed": heads[4],
        "random": heads[4],
        "routing": 4 * (6 * 8 * 4 * 4 + 4 * 4 * 4**2) + 2 * 4 * 16,
        "mosa": routed[4],
        "gated_random": routed[4],
        **dict.fromkeys(("prefix", "threshold", "token"), routed[8]),
        "predictor": routed[4] + 2 * 8 * 16,
    }


@given(kinds, shapes)
def test_parts_are_integers_that_sum(kind, shape):
    flops = head_flops(kind, shape)
    parts = (flops.projections, flops.attention, flops.scoring, flops.gating)
    assert all(isinstance(part, int) and part >= 0 for part in parts)
    assert flops.total == sum(parts) > 0
    assert flops.times(7).total == 7 * flops.total
    assert flops.times(0).total == 0


@given(models, st.integers(1, 40))
def test_a_model_is_the_sum_of_its_heads_and_blocks(config, seq_len):
    shape = head_shape(config, seq_len)
    groups = {"dense": config.n_dense_heads, "local": config.n_local_heads}
    groups[config.sparse] = config.n_sparse_heads
    flops = model_flops(config, seq_len)
    heads = sum(n * head_flops(kind, shape).total for kind, n in groups.items())
    assert flops.total == config.n_layers * heads + flops.feedforward
    assert flops.feedforward == 16 * config.n_layers * config.d_model**2 * seq_len
    assert flops.total_with_unembedding == flops.total + flops.unembedding
    slots = sum(n * head_kv_slots(kind, shape) for kind, n in groups.items())
    assert kv_slots(config, seq_len) == slots
    assert kv_bytes(config, seq_len) == slots * config.n_layers * config.d_head * 4
    saved = model_activation_bytes(config, seq_len)
    assert saved.total == saved.heads + saved.streams + saved.feedforward
    untied = model_parameters(replace(config, tie_embeddings=False)).total
    assert untied - model_parameters(config).total == config.vocab_size * config.d_model


@given(kinds, shapes, st.sampled_from(["d_model", "d_head", "seq_len"]), st.integers(1, 50))
def test_larger_shapes_never_cost_less(kind, shape, name, more):
    larger = replace(shape, **{name: getattr(shape, name) + more})
    for cost in (head_parameters, head_kv_slots, head_activation_bytes):
        assert cost(kind, larger) >= cost(kind, shape)
    assert head_flops(kind, larger).total >= head_flops(kind, shape).total


@given(st.sampled_from([kind for kind in KINDS if HEAD_KINDS[kind].selector]), shapes)
def test_sparser_heads_never_cost_more(kind, shape):
    sparser = replace(shape, sparsity=shape.sparsity + 1)
    assert head_flops(kind, sparser).total <= head_flops(kind, shape).total
    assert head_kv_slots(kind, sparser) <= head_kv_slots(kind, shape)


@given(kinds, shapes, st.integers(2, 20), st.data())
def test_the_head_count_is_the_largest_that_fits(kind, shape, n_dense, data):
    n_kept = data.draw(st.integers(0, n_dense - 1))
    for count, cost in (
        (isoflop_heads, lambda name: head_flops(name, shape).total),
        (isoparameter_heads, lambda name: head_parameters(name, shape)),
    ):
        budget = (n_dense - n_kept) * cost("dense")
        if cost(kind) > budget:
            with pytest.raises(ValueError, match="impossible budget"):
                count(kind, shape, n_dense, n_kept)
            continue
        n = count(kind, shape, n_dense, n_kept)
        assert n * cost(kind) <= budget < (n + 1) * cost(kind)


@pytest.mark.parametrize("kind", SPARSE_KINDS)
def test_variants_never_exceed_the_baseline(kind):
    baseline = ModelConfig(
        n_layers=4, d_model=128, d_head=32, vocab_size=2048, max_seq_len=256, n_dense_heads=6
    )
    flops = model_flops(isoflop_variant(baseline, kind, 8, n_dense_kept=2)).total
    assert 0.9 * model_flops(baseline).total < flops <= model_flops(baseline).total
    size = model_parameters(isoparameter_variant(baseline, kind, 8, n_dense_kept=2)).total
    assert 0.9 * model_parameters(baseline).total < size <= model_parameters(baseline).total


@given(st.integers(1, 300), st.integers(1, 300), st.floats(1, 4), st.integers(0, 300))
def test_quotas(seq_len, sparsity, factor, longer):
    k = kept_tokens(seq_len, sparsity)
    assert min(seq_len, 2) <= k <= seq_len
    slots = capacity(seq_len, sparsity, factor, seq_len + longer)
    assert 1 <= slots <= seq_len
    # Room for what a head is expected to keep, however short the text is.
    assert slots >= min(seq_len, (seq_len + longer) // sparsity)


def test_expected_tokens_stand_beside_the_slots():
    """A prefix head meets few rivals early on: it keeps more than T / rho, within its capacity."""
    expected = TINY.expected_tokens("prefix")
    by_hand = sum(-(-n // 64) / n for n in range(1, 1025))
    assert expected == pytest.approx(by_hand)
    assert TINY.kept < expected < TINY.capacity
    assert TINY.expected_tokens("threshold") == TINY.expected_tokens("token") == 16.0
    assert TINY.expected_tokens("mosa") == 16.0
    assert TINY.expected_tokens("dense") == 1024.0


def test_window_of_local_heads():
    assert HeadShape(d_model=8, d_head=4, seq_len=16, sparsity=4, window=99).span == 16
    assert HeadShape(d_model=8, d_head=4, seq_len=8, sparsity=4, max_seq_len=16).span == 4
    wide = HeadShape(d_model=8, d_head=4, seq_len=16, window=16)
    assert head_flops("local", wide) == head_flops("dense", wide)


def test_a_short_text_keeps_the_capacity_of_the_model():
    whole, short = head_shape(MICRO), head_shape(MICRO, 48)  # at most 64 tokens, sparsity 4
    assert whole.capacity == short.capacity == 32
    assert (whole.kept, short.kept) == (16, 12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: head_flops("sparse", SMALL), "kind must be one of dense, local, .* got 'sparse'"),
        (lambda: replace(SMALL, d_head=0), "d_head must be an integer of at least 1, got 0"),
        (lambda: replace(SMALL, seq_len=2.5), "seq_len must be an integer of at least 1, got 2.5"),
        (lambda: replace(SMALL, sparsity=True), "sparsity must be .*, got True"),
        (lambda: replace(SMALL, window=0), "window must be an integer of at least 1, got 0"),
        (lambda: replace(SMALL, max_seq_len=8), "max_seq_len must be .* at least 16, got 8"),
        (lambda: replace(SMALL, capacity_factor=float("nan")), "capacity_factor .*, got nan"),
        (lambda: isoflop_heads("mosa", SMALL, 0), "n_dense_heads must be .* at least 1, got 0"),
        (lambda: isoflop_heads("mosa", SMALL, 4), r"n_dense_kept .* 0 to 3 \(.*=4\), got 4"),
        (lambda: kv_bytes(MICRO, bytes_per_element=0), "bytes_per_element must be .*, got 0"),
        (lambda: model_flops(MICRO, 65), "seq_len must be from 1 to max_seq_len=64, got 65"),
        (lambda: isoflop_variant(MICRO, "mosa", 4), "baseline must be .*, got '4 other heads'"),
        (lambda: kept_tokens(0, 4), "seq_len must be an integer of at least 1, got 0"),
        (
            lambda: isoflop_heads("mosa", replace(SMALL, sparsity=1), 5),
            "n_dense_heads .* one mosa head fits beside the 4 dense heads kept .*impossible budget:"
            " a head needs 8512 FLOPs, 8192 are free.*, got 5",
        ),
    ],
)
def test_bad_input_names_argument_value_and_range(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_costs_need_no_torch():
    code = "import sys, mosa_edu.costs; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
