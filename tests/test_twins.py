"""Protects the comparison: twins cost what the dense model costs, whatever stands in them."""

from dataclasses import replace

import pytest

from mosa_edu.costs import model_flops, model_parameters
from mosa_edu.experiments.plans import KINDS, dense_baseline, jobs, twin
from mosa_edu.records import Comparison


@pytest.mark.parametrize("kind", KINDS[1:-1])
@pytest.mark.parametrize("sparsity", [4, 8, 16])
def test_twins_cost_no_more_than_the_dense_model_and_hardly_less(kind, sparsity):
    """Catches a budget that forgets the heads that stay, or counts local heads as dense."""
    budget = model_flops(dense_baseline()).total
    config = twin(kind, sparsity)
    one_more = model_flops(config).total * (1 + 1 / max(config.n_sparse_heads, 1))
    assert model_flops(config).total <= budget < one_more
    small = twin(kind, sparsity, "parameters")
    assert model_parameters(small).total <= model_parameters(dense_baseline()).total
    assert config.sparsity == small.sparsity == sparsity


def test_what_stands_beside_the_sparse_heads():
    heads = {kind: twin(kind) for kind in ("mosa", "pure", "local")}
    assert [c.n_dense_heads for c in heads.values()] == [2, 0, 0]
    assert [c.n_local_heads for c in heads.values()] == [0, 0, 2]
    assert {c.sparse for c in heads.values()} == {"mosa"}
    assert all(c.include_first for c in heads.values())
    assert twin("free") == replace(heads["mosa"], include_first=False)
    with pytest.raises(ValueError, match="match must be 'flops' or 'parameters'"):
        twin("local", match="loss")


def test_the_control_is_what_is_left_of_the_baseline_in_a_hybrid():
    """Catches a control of equal FLOPs, or one that is named as if it were matched."""
    (job,) = jobs(("fewer",), (3,))
    assert job.comparison == Comparison("compare", "dense_ablation", "none", None)
    hybrid = twin("mosa")
    assert job.config == replace(dense_baseline(), n_dense_heads=hybrid.n_dense_heads)
    assert job.name == "fewer-nothing-seed3"
    with pytest.raises(ValueError, match=r"kind must be one of dense, mosa.*got 'few'"):
        twin("few")


def test_half_the_size_halves_every_width_and_has_its_own_names():
    """Catches twins matched with the baseline of another size, and runs that share a record."""
    whole, half = dense_baseline(), dense_baseline("half")
    assert (2 * half.d_model, 2 * half.d_head) == (whole.d_model, whole.d_head)
    assert (half.n_dense_heads, half.max_seq_len) == (whole.n_dense_heads, whole.max_seq_len)
    budget = model_flops(half).total
    assert 0.97 * budget < model_flops(twin("mosa", size="half")).total <= budget
    names = [job.name for size in ("explorer", "half") for job in jobs(("mosa",), (0,), size=size)]
    assert names == ["mosa-flops-8-seed0", "half-mosa-flops-8-seed0"]
    with pytest.raises(ValueError, match="size must be one of explorer, half, got 'third'"):
        dense_baseline("third")
