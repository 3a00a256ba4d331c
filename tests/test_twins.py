"""Protects the comparison: twins cost what the dense model costs, whatever stands in them."""

import pytest

from mosa_edu.config import SPARSE_KINDS
from mosa_edu.costs import model_flops, model_parameters
from mosa_edu.twins import dense_baseline, twin


@pytest.mark.parametrize("kind", [*SPARSE_KINDS, "pure", "local"])
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
    with pytest.raises(ValueError, match="match must be 'flops' or 'parameters'"):
        twin("local", match="loss")
