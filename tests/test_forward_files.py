"""A MoSA forward is understood from at most four files of the package."""

import sys
from pathlib import Path

import torch

import mosa_edu
from mosa_edu import MosaAttention

ROOT = Path(mosa_edu.__file__).parent


def test_a_forward_of_the_papers_layer_enters_four_files():
    """One idea stands in one place: a fifth file would be a door that a reader has to open.

    Two more only refuse what is wrong: a selection that breaks its contract, and how that is said.
    """
    layer, entered = MosaAttention(d_model=16, d_head=4, n_heads=3, sparsity=4), set()

    def watch(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            entered.add(path.relative_to(ROOT).as_posix())

    x = torch.randn(2, 12, 16)
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        layer(x)
    finally:
        sys.setprofile(before)
    assert entered - {"selection/selection.py", "checks.py"} == {
        "attention/sparse.py",
        "attention/rotary.py",
        "selection/expert_choice.py",
        "head_kinds.py",
    }
