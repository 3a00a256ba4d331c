"""Answers to chapter 2: for each check right ones, and mistakes with what is said of them."""

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises import ch02


def ones(*shape):
    return torch.ones(*shape, dtype=torch.bool)


def weights(matches, may_attend, forbidden=-torch.inf):
    return matches.masked_fill(~may_attend, forbidden).softmax(1)


def weights_in_place(matches, may_attend):
    matches[~may_attend] = -torch.inf
    matches -= matches.max(dim=1, keepdim=True).values
    return matches.exp_() / matches.sum(dim=1, keepdim=True)


def weights_in_numpy(matches, may_attend):
    allowed = np.where(may_attend.numpy(), matches.numpy().astype(float), -np.inf)
    strengths = np.exp(allowed - allowed.max(axis=1, keepdims=True))
    return strengths / strengths.sum(axis=1, keepdims=True)


def attend(q, k, v, scale=None):
    matches = q @ k.T / (scale or q.shape[1] ** 0.5)
    return weights(matches, ones(len(q), len(k)).tril()) @ v


def token_by_token(q, k, v):
    return [(q[t] @ k[: t + 1].T / len(q[t]) ** 0.5).softmax(0) @ v[: t + 1] for t in range(len(q))]


def by_kernel(q, k, v):
    return scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0].double()


def renormalised(matches, may_attend):
    zeroed = matches.softmax(1) * may_attend
    return zeroed / zeroed.sum(1, keepdim=True)


def zeroed_after(q, k, v):
    return (q @ k.T / 2).softmax(1).tril() @ v


SOLUTIONS = {
    ch02.check_may_attend: [
        lambda T: ones(T, T).tril(),
        lambda T: np.tri(T, dtype=bool),
        lambda T: [[s <= t for s in range(T)] for t in range(T)],
    ],
    ch02.check_masked_weights: [weights, weights_in_place, weights_in_numpy],
    ch02.check_causal_attention: [attend, token_by_token, by_kernel],
    ch02.check_cached_mask: [
        lambda n, S: ones(n, S).tril(S - n),
        lambda n, S: np.tri(S, dtype=bool)[S - n :],
        lambda n, S: torch.arange(S) <= torch.arange(S - n, S)[:, None],
    ],
}
MISTAKES = {
    ch02.check_may_attend: [
        (lambda T: ones(T, T).tril(-1), "diagonal is off"),
        (lambda T: ones(T, T).triu(1), "Inverted"),
        (lambda T: ones(T, T).triu(), "later keys"),
        (lambda T: torch.ones(T, T).tril(), "torch.float32"),
        (lambda T: ones(T, T), "and nowhere else"),
        (lambda T: ones(T), "shape"),
        (lambda T: ones(5, 5).tril(), "shape"),
    ],
    ch02.check_masked_weights: [
        (lambda m, a: (m * a).softmax(1), "8: a match"),
        (lambda m, a: m.softmax(1) * a, "2: the forbidden"),
        (lambda m, a: weights(m, ~a), "16: inverted"),
        (lambda m, a: m.softmax(1), "12: the mask did nothing"),
        (renormalised, "0/0: the forbidden"),
        (lambda m, a: renormalised(m, a).nan_to_num(), "only -inf"),
        (lambda m, a: weights(m, a, -1e4), "only -inf"),
        (lambda m, a: weights(m, a, -1e9), "only -inf"),
        (lambda m, a: m * 0, "0.00, not 5.33"),
        (lambda m, a: a / a.sum(1, keepdim=True), "6.00, not 5.33"),
    ],
    ch02.check_causal_attention: [
        (lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).softmax(1) @ v, "no mask"),
        (zeroed_after, "text goes on after token 0"),
        (lambda q, k, v: attend(q, k, v, scale=1), "1/sqrt(d)"),
        (lambda q, k, v: attend(q, k, v, scale=2), "1/sqrt(d)"),
        (lambda q, k, v: v * 2, "its own value"),
        (lambda q, k, v: v, "1/sqrt(d)"),
    ],
    ch02.check_cached_mask: [
        (lambda n, S: ones(n, S).tril(), "top left"),
        (lambda n, S: ones(n, S), "another's future"),
        (lambda n, S: ones(n, S).tril(S - n - 1), "read itself"),
        (lambda n, S: ones(n, S).tril(S - n).flip(0), "stands at position"),
        (lambda n, S: ones(S, n), "booleans of shape"),
        (lambda n, S: torch.ones(n, S).tril(S - n), "booleans of shape"),
    ],
}
