"""Answers to chapter 11: for each check the solution, and mistakes with what is said of them."""

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


SOLUTIONS = {
    ch11.check_amdahl: lambda share, factor: 1 / (1 - share + share / factor),
    ch11.check_same: same,
    ch11.check_fused: fused,
}
MISTAKES = {
    ch11.check_amdahl: [
        (lambda share, factor: factor / share if share else 1, "rest still takes"),
        (lambda share, factor: share * factor, "Add times"),
        (lambda share, factor: 1 / (share + (1 - share) / factor), "the rest;"),
        (lambda share, factor: 1 - share + share / factor, "the new time"),
    ],
    ch11.check_same: [
        (lambda *a: same(*a, gradient=False), "compare the gradients too"),
        (lambda *a: same(*a, ones=True), "no .sum()"),
        (lambda *a: same(*a, values=False), "differ by .001"),
        (lambda *a: False, "must pass"),
    ],
    ch11.check_fused: [
        (lambda *a: fused(*a, sort=False), "Not sorted"),
        (lambda *a: fused(*a, back=False), "Put the rows back"),
        (lambda *a: fused(*a, causal=False), "everybody reads all"),
        (lambda q, k, v, p: v, "I_i >= I_j"),
    ],
}
