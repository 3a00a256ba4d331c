"""Protects what `inspect decoding` measures: every kind in turn, with what it then holds."""

from dataclasses import replace

import pytest

from mosa_edu.bench.decoding import SHAPE, decoding_rows

SMALL = replace(SHAPE, d_model=16, d_head=4, n_dense_heads=2)
QUICK = {"shape": SMALL, "rounds": 2, "steps": 4}


def test_rows_hold_times_quartiles_and_what_the_cache_holds():
    """Catches slots counted before the last token, or of a layer that forgot its prompt."""
    rows = decoding_rows(("fixed", "prefix"), (4,), (16, 32), **QUICK)
    found = {(row["kind"], row["T"]): row for row in rows}
    assert [found["dense", T]["slots"] for T in (16, 32)] == [2 * 16, 2 * 32]
    assert [found["fixed", T]["slots"] for T in (16, 32)] == [2 * 4, 2 * 8]
    assert found["dense", 32]["bytes"] == 2 * 32 * 2 * 4 * 4
    for row in rows:
        assert row["milliseconds"] > 0
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
    assert found["dense", 16]["ratio"] == 1.0


def test_rounds_that_would_miss_a_stride_are_refused():
    """Catches rounds shorter than a stride: most of them would time heads that do nothing."""
    with pytest.raises(ValueError, match="steps must be a multiple of each sparsity"):
        decoding_rows(("fixed",), (8,), (16,), **QUICK)
    with pytest.raises(ValueError, match="lengths must be above 8"):
        decoding_rows(("fixed",), (4,), (8,), **QUICK)
