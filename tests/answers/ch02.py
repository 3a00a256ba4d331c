"""Answers to chapter 2: for each check the solution, and mistakes with what is said of them."""

import torch

from mosa_edu.exercises import ch02


def ones(*shape):
    return torch.ones(*shape, dtype=torch.bool)


def weights(matches, may_attend, forbidden=-torch.inf):
    return matches.masked_fill(~may_attend, forbidden).softmax(1)


def attend(q, k, v, scale=None):
    matches = q @ k.T / (scale or q.shape[1] ** 0.5)
    return weights(matches, ones(len(q), len(k)).tril()) @ v


def renormalised(matches, may_attend):
    zeroed = matches.softmax(1) * may_attend
    return zeroed / zeroed.sum(1, keepdim=True)


def zeroed_after(q, k, v):
    return (q @ k.T / 2).softmax(1).tril() @ v


SOLUTIONS = {
    ch02.check_may_attend: lambda T: ones(T, T).tril(),
    ch02.check_masked_weights: weights,
    ch02.check_causal_attention: attend,
    ch02.check_cached_mask: lambda n, S: ones(n, S).tril(S - n),
}
MISTAKES = {
    ch02.check_may_attend: [
        (lambda T: ones(T, T).tril(-1), "diagonal is off"),
        (lambda T: ones(T, T).triu(1), "Inverted"),
        (lambda T: ones(T, T).triu(), "later keys"),
        (lambda T: torch.ones(T, T).tril(), "torch.float32"),
        (lambda T: ones(T, T), "and nowhere else"),
        (lambda T: ones(T), "shape"),
    ],
    ch02.check_masked_weights: [
        (lambda m, a: (m * a).softmax(1), "8: a match"),
        (lambda m, a: m.softmax(1) * a, "2: the forbidden"),
        (lambda m, a: weights(m, ~a), "16: inverted"),
        (lambda m, a: m.softmax(1), "12: the mask did nothing"),
        (renormalised, "0/0: the forbidden"),
        (lambda m, a: weights(m, a, -1e4), "only -inf"),
        (lambda m, a: weights(m, a, -1e9), "only -inf"),
        (lambda m, a: m * 0, "0.00, not 5.33"),
    ],
    ch02.check_causal_attention: [
        (lambda q, k, v: (q @ k.T / 2).softmax(1) @ v, "no mask"),
        (zeroed_after, "text goes on after token 0"),
        (lambda q, k, v: attend(q, k, v, scale=1), "1/sqrt(d)"),
        (lambda q, k, v: v * 2, "its own value"),
    ],
    ch02.check_cached_mask: [
        (lambda n, S: ones(n, S).tril(), "top left"),
        (lambda n, S: ones(n, S), "another's future"),
        (lambda n, S: ones(n, S).tril(S - n - 1), "read itself"),
        (lambda n, S: ones(n, S).tril(S - n).flip(0), "stands at position"),
        (lambda n, S: ones(S, n), "booleans of shape"),
    ],
}
