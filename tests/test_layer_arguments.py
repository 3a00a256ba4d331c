"""Layers and selectors that cannot be are refused when they are built, by the wrong argument."""

import math

import pytest
import torch
from layer_toys import D_MODEL, KINDS, make
from torch import nn

from mosa_edu.attention import (
    DenseAttention,
    FixedAttention,
    HybridAttention,
    LocalAttention,
    MosaAttention,
    SparseAttention,
)
from mosa_edu.attention.hybrid import build_sparse
from mosa_edu.attention.rotary import rotary_table, rotary_width
from mosa_edu.selection import (
    ExpertChoice,
    PrefixTopK,
    RandomChoice,
    Selection,
    Threshold,
    TokenChoice,
)


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


class Told(nn.Module):
    """A selector of somebody else, which selects what it is told."""

    def __init__(self, selection, **named):
        super().__init__()
        self.selection = selection
        for name, value in ({"causal": True, "n_heads": 2} | named).items():
            if value is not None:
                setattr(self, name, value)

    def forward(self, x, attention_mask=None, record=None):
        return self.selection


INDICES = torch.tensor([[[0, 2, 5], [1, 2, 3]]])
ONES = torch.ones(1, 2, 3)
USED = ONES > 0
HALF = torch.tensor([[[True, True, False], [True, True, True]]])


def spoilt(values, slot, value):
    """The same values with another one in head 1."""
    values = values.clone()
    values[0, 1, slot] = value
    return values


@pytest.mark.parametrize(
    ("selection", "named"),
    [
        (
            Selection(INDICES.flip(-1), ONES),
            "indices must be ascending .*row 0, head 0, from slot 0",
        ),
        (
            Selection(spoilt(INDICES, 2, 2), ONES),
            r"indices must be ascending .*head 1.*got \[2, 2\]",
        ),
        (Selection(spoilt(INDICES, 2, 6), ONES), r"indices must be in \[0, T=6\) .*got \[6\]"),
        (Selection(spoilt(INDICES, 0, -1), ONES), r"indices must be in \[0, T=6\)"),
        (Selection(INDICES.int(), ONES), "indices must be of torch.int64, got torch.int32"),
        (
            Selection(INDICES[:, :1], ONES[:, :1]),
            r"indices must be \(B=1, H=2, k .*got \(1, 1, 3\)",
        ),
        (Selection(INDICES[0], ONES[0]), r"indices must be \(B=1, H=2"),
        (Selection(INDICES[..., :0], ONES[..., :0]), "k of at least 1"),
        (
            Selection(INDICES, ONES[..., :1]),
            r"scores must be \(1, 2, 3\) in shape.*got \(1, 2, 1\)",
        ),
        (Selection(INDICES, ONES.long()), "scores must be floating-point"),
        (Selection(INDICES, ONES, USED[:, :1]), r"valid must be \(1, 2, 3\) in shape"),
        (Selection(INDICES, ONES, ONES), "valid must be of torch.bool"),
        (
            Selection(INDICES, ONES, USED.roll(1) & HALF.flip(-1)),
            "valid must be True in first slots alone",
        ),
        (Selection(INDICES, ONES, HALF), "scores must be 0 in slots that are not valid"),
        (Selection(spoilt(INDICES, 1, 1), ONES * USED, USED), "indices must be ascending"),
        ((INDICES, ONES), "selector must be one that returns a Selection"),
    ],
)
def test_a_selection_that_would_be_misread_is_refused(selection, named):
    """The triangle takes slots for ascending positions: other ones were silently wrong."""
    layer, x = SparseAttention(Told(selection), D_MODEL, 4), torch.randn(1, 6, D_MODEL)
    with pytest.raises(ValueError, match=named):
        layer(x)


def test_selections_that_hold_the_contract_pass_and_checks_can_be_switched_off():
    """Unused slots hold index 0, which is no step back; values are read on demand alone."""
    x = torch.randn(1, 6, D_MODEL)
    unused = Selection(INDICES * HALF, ONES * HALF, HALF)
    assert SparseAttention(Told(unused), D_MODEL, 4)(x).shape == x.shape
    wrong = SparseAttention(Told(Selection(INDICES.flip(-1), ONES)), D_MODEL, 4)
    wrong.check_selections = False
    assert wrong(x).shape == x.shape
    wrong.check_selections = True
    with pytest.raises(ValueError, match="ascending"):
        wrong(x)


@pytest.mark.parametrize(
    ("selector", "named"),
    [
        (Told(None, causal=None), "selector must be a module whose `causal`"),
        (Told(None, n_heads=None), "selector must be a module with n_heads"),
        (Told(None, n_heads=2.0), "selector.n_heads must be an integer"),
        (Told(None, d_model=D_MODEL + 1), f"selector.d_model must be the layer's {D_MODEL}"),
        (
            ExpertChoice(D_MODEL + 1, 2, 4),
            f"d_model must be the layer's {D_MODEL}, in ExpertChoice",
        ),
        (None, "selector must be a module that returns a Selection"),
    ],
)
def test_a_selector_that_does_not_fit_is_refused_by_its_layer(selector, named):
    with pytest.raises(ValueError, match=named):
        SparseAttention(selector, D_MODEL, 4)


def test_heads_in_the_wrong_place_are_refused():
    """By position the second argument is the local heads: MoSA there was taken for one of them."""
    dense, local = DenseAttention(8, 4, 1), LocalAttention(8, 4, 1, 2)
    mosa = MosaAttention(8, 4, 2, 2)
    for call, named in (
        (
            lambda: HybridAttention(dense, mosa),
            "local must be local heads .*sparse=.*MosaAttention",
        ),
        (lambda: HybridAttention(mosa), "dense must be dense heads .*sparse="),
        (lambda: HybridAttention(local), "dense must be dense heads .*local="),
        (lambda: HybridAttention(sparse=dense), "sparse must be sparse heads .*dense="),
        (lambda: HybridAttention(dense=nn.Linear(8, 8)), "dense must be a module whose `causal`"),
        (lambda: HybridAttention(dense=len), "dense must be a module"),
        (
            lambda: HybridAttention(dense, sparse=MosaAttention(16, 4, 2, 2)),
            "d_model must be the same",
        ),
    ):
        with pytest.raises(ValueError, match=named):
            call()
    assert HybridAttention(dense, local, mosa).sparse is mosa


def test_a_missing_causal_is_named_not_masked():
    """A property that raises AttributeError in a module is reported as missing itself."""
    layer = HybridAttention(sparse=SparseAttention(Told(None), 8, 4))
    del layer.sparse.selector.causal
    for part in (layer, layer.sparse):
        with pytest.raises(ValueError, match=r"selector must be a module whose `causal`.*'Told'"):
            _ = part.causal


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_of_another_type_are_refused_in_one_sentence(kind):
    """float16 and float64 tokens in a float32 layer met torch's own words; all of one type work."""
    layer = make(kind).float()
    for other in (torch.float16, torch.float64):
        with pytest.raises(ValueError, match=r"x must be of torch.float32, as the weights"):
            layer(torch.randn(1, 6, D_MODEL, dtype=other))
        x = torch.randn(2, 6, D_MODEL, dtype=other)
        assert make(kind).to(other)(x).dtype == other
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.randn(1, 6, D_MODEL, dtype=torch.float16)).shape == (1, 6, D_MODEL)
        with pytest.raises(ValueError, match=r"x must be of torch.float32"):
            layer(torch.randn(1, 6, D_MODEL, dtype=torch.float64))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False])
def test_a_batch_of_no_texts_gives_none(kind, training):
    """As torch's layers do; statistics stand still, and gradients are zero."""
    layer = make(kind).train(training)
    before = {name: buffer.clone() for name, buffer in layer.named_buffers()}
    x = torch.zeros(0, 6, D_MODEL, dtype=torch.float64)
    for mask in (None, torch.ones(0, 6, dtype=torch.bool)):
        y = layer(x, mask)
        assert y.shape == (0, 6, D_MODEL)
    y.sum().backward()
    for name, buffer in layer.named_buffers():
        assert name == "selector.calls" or torch.equal(buffer, before[name]), name
