"""Every layer equals its loop specification, padded or not, and leaks only where it must."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_toys import D_MODEL, KINDS, make, padded
from loops import assert_equals_loops, close, texts

from mosa_edu.attention import HybridAttention
from mosa_edu.head_kinds import kinds
from mosa_edu.selection import ActivationCache


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
    mask = padded(B, T) if rest["with_pads"] else None
    if mask is not None:
        x = x.masked_fill(~mask[..., None], 1e3)  # as loud as a pad can be
        mask = mask.long() if seed % 2 else mask
    assert_equals_loops(layer, x, mask)


@pytest.mark.parametrize("kind", ["mosa", "prefix", "routing", "dense", "local"])
@pytest.mark.parametrize(("T", "sparsity"), [(1, 1), (1, 9), (2, 9), (8, 1), (24, 12)])
def test_edges_equal_the_loops(kind, T, sparsity):
    """k = T, T = 1, T below the sparsity, and k = 2: the corners of the quota, and no rotation."""
    torch.manual_seed(T)
    assert_equals_loops(make(kind, sparsity=sparsity, fraction=0.0), texts(2, T, D_MODEL, 99))


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("with_pads", [False, True])
def test_recording_changes_nothing(kind, with_pads):
    """The recorded weights are those of the output: rows of used slots sum to 1."""
    torch.manual_seed(9)
    layer = make(kind).eval()
    x, mask = texts(2, 13, D_MODEL, 9), padded(2, 13) if with_pads else None
    cache = ActivationCache()
    close(layer(x, mask, cache), layer(x, mask), "output")
    stage = {"dense": "dense", "local": "local", "routing": "routing"}.get(kind, "sparse")
    weights = cache.tensors[0, stage]["attention_weights"]
    close(weights.sum(-1), torch.ones_like(weights[..., 0]), "row sums")
    assert (weights.triu(diagonal=1) == 0).all()
    if kind in kinds(routed=True):
        assert cache.tensors[0, "router"]["router_logits"].shape == (2, 3, 13)
    assert ("wanted" in cache.tensors.get((0, "router"), {})) == (
        kind in kinds(capacity="variable")
    )


@pytest.mark.parametrize("kind", [*kinds(in_config=True, routed=True), "routing"])
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
    """By a selector alone, too, which asks for a width only if it scores tokens."""
    layer = make(kind)
    selector = getattr(layer, "selector", layer)
    for shape in [(2, 6, D_MODEL + 1), (6, D_MODEL), (2, 0, D_MODEL), (1, 2, 6, D_MODEL)]:
        x = torch.zeros(shape, dtype=torch.float64)
        with pytest.raises(ValueError, match=r"^x must be \(B, T, \d+\) in shape"):
            layer(x)
        if shape[-1] == D_MODEL or getattr(selector, "d_model", None):
            with pytest.raises(ValueError, match=r"^x must be \(B, T, \w+\) in shape"):
                selector(x)
    with pytest.raises(ValueError, match="x must be of floating-point numbers"):
        layer(torch.zeros(2, 6, D_MODEL, dtype=torch.long))
