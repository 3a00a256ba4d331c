"""A layer that is copied, stored, rounded or compiled gives what it gave, and learns as it did."""

import copy
import io
import pickle

import pytest
import torch
from layer_toys import D_MODEL, KINDS, make
from loops import texts


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
