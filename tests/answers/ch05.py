"""Answers to chapter 5: for each check right ones, and mistakes with what is said of them."""

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises import ch05


def gated_in_place(attended, gates):
    for row, gate in zip(attended, gates, strict=True):
        row *= gate
    return attended


def scatter(written, indices, T):
    rows = torch.zeros(T, written.shape[-1])
    return rows.index_add_(0, indices.flatten(), written.flatten(0, 1))


def scatter_in_numpy(written, indices, T):
    rows = np.zeros((T, written.shape[-1]))
    np.add.at(rows, indices.numpy(), written.numpy())
    return rows


def scatter_in_loops(written, indices, T):
    rows = [[0.0] * written.shape[-1] for _ in range(T)]
    for head, places in zip(written.tolist(), indices.tolist(), strict=True):
        for row, t in zip(head, places, strict=True):
            rows[t] = [a + b for a, b in zip(rows[t], row, strict=True)]
    return rows


def overwrite(written, indices, T):
    output = torch.zeros(T, written.shape[-1])
    for rows, places in zip(written, indices, strict=True):
        output[places] = rows
    return output


def mean(written, indices, T):
    counts = torch.bincount(indices.flatten(), minlength=T).clamp(min=1)
    return scatter(written, indices, T) / counts[:, None]


def head(x, w_router, w_qkv, w_out, k, sort=True, gate=True, causal=True, scale=None):
    logits = x @ w_router
    kept = logits.topk(k).indices
    kept = kept.sort().values if sort else kept
    q, key, v = (x[kept] @ w_qkv).chunk(3, dim=-1)
    v = v * logits[kept].sigmoid()[:, None] if gate == "values" else v
    a = scaled_dot_product_attention(q[None], key[None], v[None], is_causal=causal, scale=scale)[0]
    gates = logits[kept].sigmoid()[:, None]
    if gate == "by score":
        gates = logits.topk(k).values.sigmoid()[:, None]
    elif gate == "logits":
        gates = logits[kept][:, None]
    a = a * (gate(gates) if callable(gate) else gates if gate not in (False, "values") else 1)
    return torch.zeros_like(x).index_add(0, kept, a @ w_out)


def head_with_a_mask(x, w_router, w_qkv, w_out, k):
    """Everybody attends, and whoever is not kept is masked."""
    logits = x.double() @ w_router.double()
    kept = torch.zeros(len(x), dtype=torch.bool)
    kept[logits.argsort(descending=True, stable=True)[:k]] = True
    q, key, v = (x.double() @ w_qkv.double()).chunk(3, dim=-1)
    matches = q @ key.T / q.shape[1] ** 0.5
    matches.masked_fill_(~kept | ~torch.ones(len(x), len(x), dtype=torch.bool).tril(), -torch.inf)
    out = matches.softmax(1) @ v * logits.sigmoid()[:, None] @ w_out.double()
    return out.masked_fill(~kept[:, None], 0)


def head_in_place(x, w_router, w_qkv, w_out, k):
    logits = x @ w_router
    kept = sorted(logits.topk(k).indices.tolist())
    qkv = x[kept] @ w_qkv
    gates = logits.sigmoid_()[kept]
    x.zero_()
    for i, t in enumerate(kept):
        q, key, v = qkv[: i + 1].chunk(3, dim=-1)
        weights = (key @ q[i] / len(q[i]) ** 0.5).softmax(0)
        x[t] = (gates[i] * (weights @ v)) @ w_out
    return x


def keeps_all_equals(x, w_router, w_qkv, w_out, k):
    cut = (x @ w_router).topk(k).values[-1]
    return head(x, w_router, w_qkv, w_out, int(((x @ w_router) >= cut).sum()))


SOLUTIONS = {
    ch05.check_gate: [
        lambda a, g: a * g[:, None],
        gated_in_place,
        lambda a, g: np.diag(g.double().numpy()) @ a.double().numpy(),
    ],
    ch05.check_scatter: [scatter, scatter_in_numpy, scatter_in_loops],
    ch05.check_head: [head, head_with_a_mask, head_in_place],
}
MISTAKES = {
    ch05.check_gate: [
        (lambda a, g: a, "gate is missing"),
        (lambda a, g: a * (g / g.sum())[:, None], "sum to 1"),
        (lambda a, g: a * g.softmax(0)[:, None], "No softmax"),
        (lambda a, g: a * g[:, None] ** 2, "twice"),
        (lambda a, g: a * g[:, None] if len(g) != a.shape[1] else a * g, "one factor a row"),
        (lambda a, g: a * g.mean(), "by its own gate"),
    ],
    ch05.check_scatter: [
        (overwrite, "add, do not overwrite"),
        (mean, "not averaged"),
        (lambda w, i, T: scatter(w, i, T) + 1, "exactly 0"),
        (lambda w, i, T: scatter(w, i, T)[:4], "shape"),
        (lambda w, i, T: torch.zeros(6, 3).index_add(0, i.flatten(), w.flatten(0, 1)), "any text"),
    ],
    ch05.check_head: [
        (lambda *a: head(*a, sort=False), "Sort the positions"),
        (lambda *a: head(*a, gate=False), "gate is missing"),
        (lambda *a: head(*a, gate=lambda g: g**2), "twice"),
        (lambda *a: head(*a, gate=lambda g: g / g.sum()), "sum to 1"),
        (lambda *a: head(*a, causal=False), "triangle is missing"),
        (lambda *a: head(*a, gate="by score"), "in the order of the scores"),
        (lambda *a: head(*a, gate="values"), "gate the values"),
        (lambda *a: head(*a, gate="logits"), "raw logit"),
        (lambda *a: head(*a, gate=lambda g: g.logit().softmax(0)), "Softmax for sigmoid"),
        (lambda *a: head(*a, scale=1.0), "root of d_head"),
        (lambda x, *a: x + head(x, *a), "no residual"),
        (keeps_all_equals, "you keep 8"),
        (lambda x, *a: 0 * x, "Not a MoSA head"),
    ],
}
