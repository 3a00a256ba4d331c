"""Layers and selectors that cannot be are refused when they are built, by the wrong argument."""

import math

import pytest

from mosa_edu.attention import DenseAttention, FixedAttention, LocalAttention, MosaAttention
from mosa_edu.attention.hybrid import build_sparse
from mosa_edu.attention.rotary import rotary_table, rotary_width
from mosa_edu.selection import PrefixTopK, RandomChoice, Threshold, TokenChoice


def bad_layers():
    """Constructors that must be refused, with the argument that is wrong."""
    return {
        "n_heads": [
            lambda: DenseAttention(8, 4, 0),
            lambda: MosaAttention(8, 4, 0, 2),
            lambda: FixedAttention(8, 4, 0, 2),
            lambda: build_sparse("routing", 8, 4, n_heads=0, sparsity=2, max_seq_len=8),
            lambda: RandomChoice(0, 2),
        ],
        "sparsity": [
            lambda: MosaAttention(8, 4, 2, 0),
            lambda: FixedAttention(8, 4, 2, -1),
            lambda: build_sparse("routing", 8, 4, n_heads=1, sparsity=0, max_seq_len=8),
            lambda: RandomChoice(2, 0),
            lambda: PrefixTopK(8, 2, 0, 8),
            lambda: MosaAttention(8, 4, 2, 2.5),
        ],
        "d_head": [lambda: MosaAttention(8, 0, 2, 2)],
        "d_model": [lambda: DenseAttention(0, 4, 2), lambda: MosaAttention(0, 4, 2, 2)],
        "rotate_fraction": [lambda: MosaAttention(8, 4, 2, 2, rotate_fraction=1.5)],
        "n_rotate": [lambda: rotary_table(4, 3)],
        "rope_base": [lambda: rotary_table(4, 2, base=0.0), lambda: rotary_table(4, 2, math.nan)],
        "window": [lambda: LocalAttention(8, 4, 2, 0)],
        "kind": [lambda: build_sparse("best", 8, 4, n_heads=1, sparsity=2, max_seq_len=8)],
        "capacity_factor": [
            lambda: PrefixTopK(8, 2, 2, 8, capacity_factor=0),
            lambda: TokenChoice(8, 2, 2, 8, capacity_factor=math.inf),
        ],
        "max_seq_len": [lambda: Threshold(8, 2, 2, 0)],
        "decay": [lambda: Threshold(8, 2, 2, 8, decay=1.0)],
        "warmup_steps": [lambda: Threshold(8, 2, 2, 8, warmup_steps=-1)],
        "balance_rate": [lambda: TokenChoice(8, 2, 2, 8, balance_rate=-1)],
        "seed": [lambda: RandomChoice(2, 2, seed=-1)],
    }


@pytest.mark.parametrize("argument", bad_layers())
def test_a_layer_that_cannot_be_is_refused_by_name(argument):
    for construct in bad_layers()[argument]:
        with pytest.raises(ValueError, match=f"{argument} must be"):
            construct()


def test_rotary_width_is_even():
    assert [rotary_width(d, 1.0) for d in (1, 2, 5)] == [0, 2, 4]
