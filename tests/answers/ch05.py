"""Answers to chapter 5: for each check the solution, and mistakes with what is said of them."""

import torch
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises import ch05


def scatter(written, indices, T):
    return torch.zeros(T, 3).index_add_(0, indices.flatten(), written.flatten(0, 1))


def overwrite(written, indices, T):
    output = torch.zeros(T, 3)
    for rows, places in zip(written, indices, strict=True):
        output[places] = rows
    return output


def mean(written, indices, T):
    counts = torch.bincount(indices.flatten(), minlength=T).clamp(min=1)
    return scatter(written, indices, T) / counts[:, None]


def head(x, w_router, w_qkv, w_out, k, sort=True, gate=True, causal=True):
    logits = x @ w_router
    kept = logits.topk(k).indices
    kept = kept.sort().values if sort else kept
    q, key, v = (x[kept] @ w_qkv).chunk(3, dim=-1)
    a = scaled_dot_product_attention(q[None], key[None], v[None], is_causal=causal)[0]
    gates = logits[kept].sigmoid()[:, None]
    a = a * (gate(gates) if callable(gate) else gates if gate else 1)
    return torch.zeros_like(x).index_add(0, kept, a @ w_out)


SOLUTIONS = {
    ch05.check_gate: lambda a, g: a * g[:, None],
    ch05.check_scatter: scatter,
    ch05.check_head: head,
}
MISTAKES = {
    ch05.check_gate: [
        (lambda a, g: a, "gate is missing"),
        (lambda a, g: a * (g / g.sum())[:, None], "sum to 1"),
        (lambda a, g: a * g[:, None] ** 2, "twice"),
    ],
    ch05.check_scatter: [
        (overwrite, "add, do not overwrite"),
        (mean, "not averaged"),
        (lambda w, i, T: scatter(w, i, T) + 1, "exactly 0"),
    ],
    ch05.check_head: [
        (lambda *a: head(*a, sort=False), "Sort the positions"),
        (lambda *a: head(*a, gate=False), "gate is missing"),
        (lambda *a: head(*a, gate=lambda g: g**2), "twice"),
        (lambda *a: head(*a, gate=lambda g: g / g.sum()), "sum to 1"),
        (lambda *a: head(*a, causal=False), "triangle is missing"),
    ],
}
