"""Answers to chapter 11: for each check right ones, and mistakes with what is said of them."""

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises import ch11


def same(fast, slow, x, gradient=True, ones=False, values=True):
    x.requires_grad_()
    y, z = fast(x), slow(x)
    by = torch.ones_like(y) if ones else torch.randn_like(y)
    (dy,), (dz,) = torch.autograd.grad(y, x, by), torch.autograd.grad(z, x, by)
    agree = torch.allclose(y, z, atol=1e-6) or not values
    return agree and (torch.allclose(dy, dz, atol=1e-6) or not gradient)


def fused(queries, keys, values, positions, sort=True, back=True, causal=True):
    order = positions.argsort() if sort else torch.arange(len(positions))
    rows = (part[order][None] for part in (queries, keys, values))
    attended = scaled_dot_product_attention(*rows, is_causal=causal)[0]
    return attended[order.argsort()] if back else attended


def same_one_by_one(fast, slow, x):
    """The gradient of every output by itself."""
    found = []
    for f in (fast, slow):
        own = x.clone().requires_grad_()
        y = f(own)
        rows = [torch.autograd.grad(one, own, retain_graph=True)[0] for one in y]
        found.append((y.detach(), torch.stack(rows)))
    (y, dy), (z, dz) = found
    return (y - z).abs().max() < 1e-6 and bool((dy - dz).abs().max() < 1e-6)


def same_in_double(fast, slow, x):
    x = x.double()
    (y, dy), (z, dz) = (torch.func.vjp(f, x) for f in (fast, slow))
    by = torch.linspace(1, 2, len(x), dtype=x.dtype)
    return np.allclose(y, z, atol=1e-6) and np.allclose(dy(by)[0], dz(by)[0], atol=1e-6)


def fused_in_place(queries, keys, values, positions):
    order = positions.argsort()
    attended = scaled_dot_product_attention(
        queries[order][None], keys[order][None], values[order][None], is_causal=True
    )[0]
    values[order] = attended
    return values.double()


def by_index_mask(queries, keys, values, positions):
    matches = (queries @ keys.T / queries.shape[1] ** 0.5).numpy()
    matches = np.where(positions[:, None].numpy() >= positions.numpy(), matches, -np.inf)
    strengths = np.exp(matches)
    return strengths / strengths.sum(axis=1, keepdims=True) @ values.numpy()


SOLUTIONS = {
    ch11.check_amdahl: [
        lambda share, factor: 1 / (1 - share + share / factor),
        lambda share, factor: np.float64(factor) / (factor * (1 - share) + share),
        lambda share, factor: torch.tensor([1 / (share / factor + (1 - share))]),
    ],
    ch11.check_same: [same, same_one_by_one, same_in_double],
    ch11.check_fused: [fused, fused_in_place, by_index_mask],
}
MISTAKES = {
    ch11.check_amdahl: [
        (lambda share, factor: factor / share if share else 1, "rest still takes"),
        (lambda share, factor: share * factor, "Add times"),
        (lambda share, factor: 1 / (share + (1 - share) / factor), "the rest;"),
        (lambda share, factor: 1 - share + share / factor, "the new time"),
        (lambda share, factor: 1 / (0.7 + 0.3 / factor), "75% of the time, 3 times"),
        (lambda share, factor: 1 + share * (factor - 1), "30% of the time"),
    ],
    ch11.check_same: [
        (lambda *a: same(*a, gradient=False), "compare the gradients too"),
        (lambda *a: same(*a, ones=True), "no .sum()"),
        (lambda *a: same(*a, values=False), "differ by .001"),
        (lambda *a: False, "must pass"),
        (lambda *a: True, "differ by .001"),
        (lambda fast, slow, x: torch.equal(fast(x), slow(x)), "must pass"),
        (lambda fast, slow, x: abs(float((fast(x) - slow(x)).sum())) < 1e-6, "another order"),
        (lambda fast, slow, x: abs(float((fast(x) - slow(x)).mean())) < 1e-4, "another order"),
        (lambda fast, slow, x: float((fast(x) - slow(x)).abs().mean()) < 1e-4, "off by .0001"),
    ],
    ch11.check_fused: [
        (lambda *a: fused(*a, sort=False), "Not sorted"),
        (lambda *a: fused(*a, back=False), "Put the rows back"),
        (lambda *a: fused(*a, causal=False), "everybody reads all"),
        (lambda q, k, v, p: v, "I_i >= I_j"),
        (lambda q, k, v, p: fused(q, k, v, p, back=False)[p.argsort()], "sorted twice"),
    ],
}
