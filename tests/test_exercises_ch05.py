"""Every check of chapter 5 accepts the solution and names each of its known mistakes."""

import pytest
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
MISTAKES = [
    (ch05.check_gate, lambda a, g: a, "gate is missing"),
    (ch05.check_gate, lambda a, g: a * (g / g.sum())[:, None], "sum to 1"),
    (ch05.check_gate, lambda a, g: a * g[:, None] ** 2, "twice"),
    (ch05.check_scatter, overwrite, "add, do not overwrite"),
    (ch05.check_scatter, mean, "not averaged"),
    (ch05.check_scatter, lambda w, i, T: scatter(w, i, T) + 1, "exactly 0"),
    (ch05.check_head, lambda *a: head(*a, sort=False), "Sort the positions"),
    (ch05.check_head, lambda *a: head(*a, gate=False), "gate is missing"),
    (ch05.check_head, lambda *a: head(*a, gate=lambda g: g**2), "twice"),
    (ch05.check_head, lambda *a: head(*a, gate=lambda g: g / g.sum()), "sum to 1"),
    (ch05.check_head, lambda *a: head(*a, causal=False), "triangle is missing"),
]


@pytest.mark.parametrize("check", SOLUTIONS, ids=lambda check: check.__name__)
def test_the_solution_passes_and_an_empty_answer_stops_nothing(check):
    assert check(SOLUTIONS[check]), check(SOLUTIONS[check])
    assert repr(check(lambda *args: ...)) == "not tried yet"


@pytest.mark.parametrize(("check", "wrong", "named"), MISTAKES)
def test_known_mistakes_are_named(check, wrong, named):
    verdict = check(wrong)
    assert not verdict.passed
    assert named in verdict.message
