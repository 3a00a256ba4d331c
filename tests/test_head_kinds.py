"""One table of head kinds: what follows from it is what the classes do, and it is plain values."""

import json
import subprocess
import sys

import pytest

from mosa_edu import selection
from mosa_edu.config import SPARSE_KINDS, ModelConfig
from mosa_edu.head_kinds import HEAD_KINDS, head_kind, head_kinds_json, kinds
from mosa_edu.model import build_attention

SHAPE = {"vocab_size": 8, "d_model": 16, "n_layers": 1, "d_head": 4, "max_seq_len": 32}


@pytest.mark.parametrize("name", SPARSE_KINDS)
def test_the_row_of_a_kind_describes_the_layer_that_is_built(name):
    kind = HEAD_KINDS[name]
    layer = build_attention(ModelConfig(**SHAPE, n_sparse_heads=3, sparse=name)).sparse
    assert layer.causal == kind.causal
    if kind.selector:
        assert type(layer.selector) is getattr(selection, kind.selector)
        assert hasattr(layer.selector, "router") == kind.routed
        assert hasattr(layer.selector, "capacity") == (kind.capacity == "variable")


def test_subsets_of_kinds_are_those_the_package_had_as_constants():
    assert kinds(learned=True) == ("mosa", "prefix", "threshold", "token", "predictor")
    assert kinds(capacity="variable") == ("prefix", "threshold", "token")
    assert set(kinds(sparse=True, in_page=True)) == {"mosa", "fixed", "prefix", "threshold"}
    assert [kind for kind in HEAD_KINDS if kind not in SPARSE_KINDS] == [
        "dense",
        "local",
        "predictor",
    ]
    with pytest.raises(ValueError, match=r"kind must be one of dense, local, .*, got 'cosine'"):
        head_kind("cosine")


def test_the_page_reads_the_same_table():
    table = json.loads(json.dumps(head_kinds_json()))
    assert [row["name"] for row in table["kinds"]] == list(HEAD_KINDS)
    for row in table["kinds"]:
        kind = HEAD_KINDS[row["name"]]
        assert all(row[column] == getattr(kind, column) for column in row)


def test_the_table_needs_no_torch():
    code = "import sys, mosa_edu.head_kinds; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
