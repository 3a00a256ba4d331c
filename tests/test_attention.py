"""Every layer equals its loop specification, and keeps doing so padded, compiled and copied."""

import copy
import io
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import assert_equals_loops, close, exact_router, texts

from mosa_edu.attention import (
    DenseAttention,
    FixedAttention,
    HybridAttention,
    LocalAttention,
    MosaAttention,
    SparseAttention,
)
from mosa_edu.attention.build import build_sparse
from mosa_edu.attention.rotary import rotary_table, rotary_width
from mosa_edu.config import SPARSE_KINDS
from mosa_edu.selection import PrefixTopK, RandomChoice, Threshold, TokenChoice

KINDS = ("dense", "local", *SPARSE_KINDS)
D_MODEL, LONGEST = 6, 40


def make(kind, d_head=4, n_heads=3, sparsity=4, include_first=False, fraction=0.5, dtype=None):
    """One layer of a kind in float64, with exact scores and statistics that are not at zero."""
    if kind == "dense":
        layer = DenseAttention(D_MODEL, d_head, n_heads, fraction)
    elif kind == "local":
        layer = LocalAttention(D_MODEL, d_head, n_heads, sparsity, fraction)
    else:
        layer = build_sparse(
            kind,
            D_MODEL,
            d_head,
            n_heads=n_heads,
            sparsity=sparsity,
            max_seq_len=max(LONGEST, sparsity),
            include_first=include_first,
            rotate_fraction=fraction,
        )
    for name, buffer in layer.named_buffers():
        if name.endswith(("threshold", "bias")):
            buffer.copy_(torch.randint(-4, 5, buffer.shape) / 4)  # ties with logits occur
    layer = exact_router(layer.double())
    return layer if dtype is None else layer.to(dtype)


def padded(B, T):
    """A mask with pads left, right or on both sides, at least one real token a row."""
    begin = torch.randint(0, T, (B, 1))
    end = begin + 1 + (torch.rand(B, 1) * (T - begin)).long()
    place = torch.arange(T)
    return (begin <= place) & (place < end)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**20),
    B=st.integers(1, 3),
    T=st.integers(1, 11),
    n_heads=st.integers(1, 3),
    d_head=st.integers(1, 5),
    sparsity=st.integers(1, 14),
    distinct=st.integers(1, 12),
    include_first=st.booleans(),
    fraction=st.sampled_from([0.0, 0.5, 1.0]),
    training=st.booleans(),
    with_pads=st.booleans(),
)
def test_value_and_gradient_equal_the_loops(
    kind, seed, B, T, n_heads, d_head, sparsity, distinct, include_first, fraction, training, **rest
):
    """Catches every wrong mask, gate, position, tie, quota and scatter, also at T < sparsity."""
    torch.manual_seed(seed)
    layer = make(kind, d_head, n_heads, sparsity, include_first, fraction).train(training)
    # Routing norms its vectors, so equal tokens may differ by a rounding error and tie no more.
    x = texts(B, T, D_MODEL, T * B * 9 if kind == "routing" else distinct)
    assert_equals_loops(layer, x, padded(B, T) if rest["with_pads"] else None)


@pytest.mark.parametrize("kind", ["mosa", "prefix", "routing", "dense"])
@pytest.mark.parametrize(("T", "sparsity"), [(1, 1), (1, 9), (2, 9), (8, 1), (24, 12)])
def test_edges_equal_the_loops(kind, T, sparsity):
    """k = T, T = 1, T below the sparsity, and k = 2: the corners of the quota."""
    torch.manual_seed(T)
    assert_equals_loops(make(kind, sparsity=sparsity), texts(2, T, D_MODEL, 99))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_row_equals_the_row_alone(kind, side):
    """Catches k from the padded length, pads that are selected, runs counted from a pad."""
    torch.manual_seed(3)
    T, length = 23, 14
    layer = make(kind).eval()
    x = texts(2, T, D_MODEL, 9)
    mask = torch.ones(2, T, dtype=torch.bool)
    mask[0] = torch.arange(T) >= T - length if side == "left" else torch.arange(T) < length
    x[0, ~mask[0]] = 1e3  # as loud as a pad can be
    y = layer(x, mask)
    close(y[0, mask[0]], layer(x[:1, mask[0]])[0], "padded row")
    close(y[1], layer(x[1:])[0], "row beside it")
    integers = mask.long()
    close(y[mask], layer(x, integers)[mask], "mask of integers")


def test_tokens_may_lie_on_both_sides_of_a_pad():
    """A hole in the mask is no token: it takes no seat and counts for no quota."""
    torch.manual_seed(4)
    mask = torch.tensor([[True, False, True, True, False, True, True, True, True]])
    for kind in ("mosa", "prefix", "fixed", "random", "threshold", "token"):
        selection = make(kind, sparsity=2).selector(texts(1, 9, D_MODEL, 99), mask)
        used = selection.indices[selection.valid]
        assert mask[0, used].all(), kind


def rows_changed(layer, x, s):
    """Output rows that change when all tokens from `s` on are drawn again."""
    y = layer(x)
    other = x.clone()
    other[:, s:] = torch.randn_like(other[:, s:])
    return (layer(other) != y).any(dim=-1)  # (B, T)


@pytest.mark.parametrize("kind", KINDS)
def test_causal_layers_never_move_an_earlier_row(kind):
    """Exactly zero for causal rules; the others leak through the selection, not the mask."""
    torch.manual_seed(5)
    layer = make(kind, n_heads=8, sparsity=4).eval()
    leaks = 0
    for s in range(1, 32):
        changed = rows_changed(layer, torch.randn(2, 32, D_MODEL, dtype=torch.float64), s)
        leaks += int(changed[:, :s].sum())
    assert layer.causal == (kind not in ("mosa", "routing"))
    assert (leaks == 0) == layer.causal


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("mosa", "routing")])
def test_causal_layers_give_a_prefix_its_own_result(kind):
    """Catches quotas and capacities that follow the current length."""
    torch.manual_seed(6)
    layer = make(kind, n_heads=5).eval()
    x = torch.randn(1, LONGEST, D_MODEL, dtype=torch.float64)
    y = layer(x)
    for t in (1, 2, 7, 8, 25, 39):
        close(layer(x[:, :t]), y[:, :t], f"prefix of {t}")


def test_autograd_does_not_see_the_leak():
    """Indices carry no gradient: a causality test by Jacobian passes for the leaking layer."""
    torch.manual_seed(7)
    layer = make("mosa", n_heads=8)
    x = torch.randn(1, 16, D_MODEL, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(layer, x)[0, :, :, 0]  # (T, d, T, d)
    future = jacobian.abs().amax(dim=(1, 3)).triu(diagonal=1)
    assert future.max() == 0
    assert rows_changed(layer, x, 8)[:, :8].any()


def test_hybrid_is_the_sum_of_its_parts():
    torch.manual_seed(8)
    parts = [make("dense", n_heads=1), make("local", n_heads=2), make("mosa", n_heads=3)]
    hybrid = HybridAttention(*parts)
    x = texts(2, 11, D_MODEL, 9)
    close(hybrid(x), sum(part(x) for part in parts), "sum")
    assert_equals_loops(hybrid, x, padded(2, 11))
    assert not hybrid.causal
    assert HybridAttention(parts[0], None, make("prefix")).causal
    with pytest.raises(ValueError, match="n_heads"):
        HybridAttention()


class Keep:
    """A recorder that keeps everything it is handed."""

    layer = 0

    def __init__(self):
        self.kinds = {}

    def record(self, kind, **tensors):
        self.kinds[kind] = tensors


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("with_pads", [False, True])
def test_recording_changes_nothing(kind, with_pads):
    """The recorded weights are those of the output: rows of used slots sum to 1."""
    torch.manual_seed(9)
    layer = make(kind).eval()
    x, mask = texts(2, 13, D_MODEL, 9), padded(2, 13) if with_pads else None
    recorder = Keep()
    close(layer(x, mask, recorder), layer(x, mask), "output")
    stage = {"dense": "dense", "local": "local", "routing": "routing"}.get(kind, "sparse")
    weights = recorder.kinds[stage]["attention_weights"]
    close(weights.sum(-1), torch.ones_like(weights[..., 0]), "row sums")
    assert (weights.triu(diagonal=1) == 0).all()
    if kind in ("mosa", "prefix", "threshold", "token"):
        assert recorder.kinds["router"]["router_logits"].shape == (2, 3, 13)
    assert ("ragged" in recorder.kinds) == (kind in ("prefix", "threshold", "token"))


@pytest.mark.parametrize("kind", KINDS)
def test_copies_behave_like_the_original(kind):
    """Deep copy, pickle, state dict and float32 all keep weights, buffers and results."""
    torch.manual_seed(10)
    layer = make(kind)
    x = texts(2, 17, D_MODEL, 9)
    layer.train()(x)  # statistics have moved
    layer.eval()
    y = layer(x)
    stored = io.BytesIO()
    torch.save(layer.state_dict(), stored)
    stored.seek(0)
    fresh = make(kind).eval()
    fresh.load_state_dict(torch.load(stored))
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), fresh):
        assert torch.equal(copied(x), y)
    single = copy.deepcopy(layer).float()
    assert single(x.float()).dtype == torch.float32
    torch.testing.assert_close(single(x.float()), y.float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_autocast_stays_close(kind):
    """bfloat16 rounds the products but not the scores: the same tokens are selected."""
    torch.manual_seed(11)
    layer = make(kind, d_head=16).float().eval()
    x = texts(2, 24, D_MODEL, 99).float().requires_grad_()
    y = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = layer(x)
    rounded.float().square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in layer.parameters())
    assert ((rounded - y).norm() / y.norm()).item() < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_equals_eager(kind):
    """Graph capture and functionalised buffers change no value, no gradient and no statistic."""
    torch.manual_seed(12)
    layer = make(kind).float()
    twin = copy.deepcopy(layer)
    compiled = torch.compile(twin, backend="aot_eager")
    for T in (8, 16) if kind == "mosa" else (8,):  # a second length compiles for any length
        x = texts(2, T, D_MODEL, 99).float().requires_grad_()
        y, again = layer(x), compiled(x)
        torch.testing.assert_close(again, y)
        by = torch.randn_like(y)
        expected, found = (torch.autograd.grad(out, x, by)[0] for out in (y, again))
        torch.testing.assert_close(found, expected)
    for name, buffer in layer.named_buffers():
        torch.testing.assert_close(twin.get_buffer(name), buffer)


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


@pytest.mark.parametrize("kind", ["mosa", "prefix", "threshold", "token", "routing"])
@pytest.mark.parametrize("with_pads", [False, True])
def test_nan_is_refused(kind, with_pads):
    """NaN ranks first in torch.topk: unrefused, broken weights would select in silence."""
    for T in (3, 12):
        x = texts(2, T, D_MODEL, 9)
        x[1, 1] = math.nan
        mask = torch.ones(2, T, dtype=torch.bool) if with_pads else None
        with pytest.raises(ValueError, match="NaN"):
            make(kind, sparsity=3)(x, mask)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_that_fits_no_text_is_refused(kind):
    """Also an additive mask: it means the opposite, and would swap pads and tokens in silence."""
    x = texts(2, 6, D_MODEL, 9)
    empty = torch.tensor([[True] * 6, [False] * 6])
    additive = torch.zeros(2, 6).masked_fill(~empty, -math.inf)
    for mask in (empty, empty[:1], torch.ones(2, 5, dtype=torch.bool), additive):
        with pytest.raises(ValueError, match="attention_mask must be"):
            make(kind)(x, mask)


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_of_another_shape_are_refused(kind):
    layer = make(kind)
    for shape in [(2, 6, D_MODEL + 1), (6, D_MODEL), (2, 0, D_MODEL), (1, 2, 6, D_MODEL)]:
        with pytest.raises(ValueError, match=r"^x must be \(B, T, \d+\) in shape"):
            layer(torch.zeros(shape, dtype=torch.float64))
    with pytest.raises(ValueError, match="x must be of floating-point numbers"):
        layer(torch.zeros(2, 6, D_MODEL, dtype=torch.long))


def test_rotary_width_is_even():
    assert [rotary_width(d, 1.0) for d in (1, 2, 5)] == [0, 2, 4]


def test_unselected_tokens_receive_nothing():
    """A token in no head lives on in the residual stream alone."""
    torch.manual_seed(13)
    layer = make("mosa", n_heads=2, sparsity=6)
    x = texts(1, 24, D_MODEL, 99)
    picked = set(layer.selector(x).indices.flatten().tolist())
    rows = layer(x)[0].abs().sum(-1)
    assert {t for t in range(24) if rows[t] > 0} == picked


def test_any_selector_makes_a_layer():
    """The head and the rule are separate: a selector of one's own needs no base class."""

    class LastTwo(torch.nn.Module):
        n_heads, causal = 1, False

        def forward(self, x, attention_mask=None, record=None):
            from mosa_edu.selection import Selection

            indices = torch.arange(x.shape[1] - 2, x.shape[1]).expand(len(x), 1, 2).contiguous()
            return Selection(indices, x.new_ones(indices.shape))

    y = SparseAttention(LastTwo(), D_MODEL, 4).double()(texts(2, 5, D_MODEL, 9))
    assert (y[:, :3] == 0).all()
    assert (y[:, 3:] != 0).any(dim=-1).all()
