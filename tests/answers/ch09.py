"""Answers to chapter 9: for each check the solution, and mistakes with what is said of them."""

import torch

from mosa_edu.exercises import ch09


def is_causal_at(layer, x, s, rows="before", tries=20):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for _ in range(tries):
            edited = x.clone()
            edited[:, s:] = torch.randn_like(x[:, s:])
            difference = (layer(x) - layer(edited)).abs()
            if (difference[:, :s] if rows == "before" else difference[:, s:]).max() > 1e-6:
                return False
    return True


def by_gradient(layer, x, s):
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x)[:, :s].square().sum(), x)
    return gradient[:, s:].abs().max().item() == 0


def last_token_alone(layer, x, s):
    edited = x.clone()
    edited[:, -1] += 1
    return bool((layer(x) - layer(edited))[:, :s].abs().max() < 1e-6)


SOLUTIONS = {
    ch09.check_causality: is_causal_at,
    ch09.check_flip: lambda scores, k, s: float(scores.topk(k).values[-1]),
}
MISTAKES = {
    ch09.check_causality: [
        (lambda *a: is_causal_at(*a, rows="after"), "rows from s on"),
        (by_gradient, "gradients are blind"),
        (lambda *a: True, "it must not"),
        (last_token_alone, "every token from s on"),
    ],
    ch09.check_flip: [
        (lambda scores, k, s: float(scores.max()), "weakest seat"),
        (lambda scores, k, s: float(scores[s]), "without a seat"),
        (lambda *a: 0.80, "With k = 1"),
        (lambda scores, k, s: float(scores.sort().values[-2]), "With k = 1"),
    ],
}
