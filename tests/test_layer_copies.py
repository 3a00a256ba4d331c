"""A layer that is copied, stored, rounded or compiled gives what it gave, and learns as it did."""

import copy

import pytest
import torch
from layer_toys import D_MODEL, KINDS, make
from loops import texts


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


@pytest.mark.parametrize(
    ("kind", "name"),
    [("threshold", "selector.threshold"), ("token", "selector.bias"), ("routing", "centroids")],
)
def test_statistics_keep_float32(kind, name):
    """In bfloat16 a moving average with decay 0.99 would never move again."""
    layer = make(kind).to(torch.bfloat16).train()
    before = layer.get_buffer(name).clone()
    assert before.dtype == torch.float32
    assert layer(torch.randn(2, 24, D_MODEL, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert (layer.get_buffer(name) != before).any()
