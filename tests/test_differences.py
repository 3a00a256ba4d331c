"""Protects the page on differences: each row is held by a test that exists.

A wrong implementation that must fail: a row whose test was renamed; kept tokens in score order,
with the triangle as mask; a layer that is initialised like a linear one.
"""

import re
from pathlib import Path

import pytest
import torch

from mosa_edu import MosaAttention
from mosa_edu.analysis import recorded_cloze, recorded_long_context, recorded_runs
from mosa_edu.attention.rotary import rotary_table, rotate
from mosa_edu.config import PRESETS
from mosa_edu.costs import PAPER_BASELINES
from mosa_edu.experiments.plans import load_plan

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "book" / "differences.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)
TESTS = re.findall(r"^ ?(\d+)  (tests/\w+\.py)::(\w+)$", PAGE, re.MULTILINE)


def test_every_row_is_held_by_a_test_that_exists():
    assert len(ROWS) >= 20
    assert [number for number, _, _ in TESTS] == ROWS
    for _, file, name in TESTS:
        assert f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"


def test_kept_tokens_ascend_and_the_triangle_is_the_mask_of_positions():
    torch.manual_seed(0)
    layer = MosaAttention(d_model=16, d_head=4, n_heads=5, sparsity=3)
    indices = layer.selector(torch.randn(2, 24, 16)).indices
    assert (indices.diff(dim=-1) > 0).all()
    by_position = indices[..., :, None] >= indices[..., None, :]
    assert torch.equal(by_position, torch.ones_like(by_position).tril())


def test_the_first_token_has_a_seat_where_the_paper_gives_it_one():
    x = torch.randn(1, 32, 8)
    free, seated = (MosaAttention(8, 4, 64, 16, include_first=on) for on in (False, True))
    assert not MosaAttention(8, 4, 2, 4).selector.include_first
    assert (seated.selector(x).indices[..., 0] == 0).all()
    assert not (free.selector(x).indices[..., 0] == 0).all()
    assert load_plan("isoflop").model("mosa").include_first
    assert all(config.include_first for config in PAPER_BASELINES.values())


def test_initialisation_is_that_of_the_public_layer():
    d_model, d_head, n_heads = 64, 16, 12
    layer = MosaAttention(d_model, d_head, n_heads, sparsity=4)
    for weight, bound in (
        (layer.w_qkv, (3 * d_head) ** -0.5),
        (layer.w_out, (d_model * 12) ** -0.5),
    ):
        assert 0.98 * bound < weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


def test_a_head_may_rotate_nothing():
    layer = MosaAttention(8, 4, 2, 4, rotate_fraction=0.0)
    assert layer.n_rotate == 0
    assert layer(torch.randn(1, 12, 8)).isfinite().all()
    vectors = torch.randn(3, 4)
    assert torch.equal(rotate(vectors, *rotary_table(3, 0)), vectors)


def test_the_layer_keeps_no_rotary_table():
    """A cached table would stay behind when the layer moves to another device."""
    layer = MosaAttention(8, 4, 2, 4)
    layer(torch.randn(1, 12, 8))
    held = [name for name, value in vars(layer).items() if isinstance(value, torch.Tensor)]
    assert held == []
    assert dict(layer.named_buffers()) == {}


def test_sizes_can_be_passed_by_name():
    layer = MosaAttention(sparsity=4, n_heads=3, d_head=4, d_model=8)
    assert (layer.w_qkv.shape, layer.selector.sparsity) == ((3, 8, 12), 4)


def test_recorded_runs_are_as_small_as_the_page_says():
    explorer = PRESETS["explorer"]
    assert (explorer.vocab_size, explorer.max_seq_len, explorer.tie_embeddings) == (2048, 256, True)
    for run in recorded_runs():
        assert run.data["corpus"] == "gutenberg"
        assert run.n_parameters < 5_000_000
        assert run.training["max_length"] == 256
        assert run.training["min_length"] < 256
    for run in recorded_long_context().runs:
        assert (run.data["corpus"], run.training["max_length"]) == ("gutenberg", 2048)
        assert run.n_parameters < 5_000_000
    for run in recorded_cloze()[0]:
        assert (run.data["corpus"], run.training["max_length"]) == ("riddles", 256)
