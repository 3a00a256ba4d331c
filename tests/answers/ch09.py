"""Answers to chapter 9: for each check right ones, and mistakes with what is said of them."""

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


def one_by_one(layer, x, s):
    """Edits every token by itself, in place, and then all of them."""
    before = layer(x)[:, :s].clone()
    with torch.random.fork_rng():
        torch.manual_seed(2)
        for _ in range(5):
            for t in range(s, x.shape[1]):
                x[:, t] = 3 * torch.randn(x.shape[-1])
                if not torch.allclose(layer(x)[:, :s], before, atol=1e-6):
                    return torch.tensor(False)
    return torch.tensor(True)


def by_many_rows(layer, x, s):
    """Edits in a batch of rows."""
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(3)
        rows = x.repeat(30, 1, 1)
        rows[:, s:] = torch.randn(rows[:, s:].shape) * 2
        return ((layer(rows) - layer(x))[:, :s].abs() < 1e-5).all().numpy()


def two_tokens(layer, x, s):
    with torch.random.fork_rng():
        torch.manual_seed(4)
        for _ in range(30):
            edited = x.clone()
            edited[:, [s, -1]] = 3 * torch.randn(1, 2, x.shape[-1])
            if (layer(x) - layer(edited))[:, :s].abs().max() > 1e-6:
                return False
    return True


def last_row(layer, x, s):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for _ in range(30):
            edited = x.clone()
            edited[:, s:] = torch.randn_like(x[:, s:])
            if (layer(x) - layer(edited))[:, s - 1].abs().max() > 1e-6:
                return False
    return True


SOLUTIONS = {
    ch09.check_causality: [is_causal_at, one_by_one, by_many_rows],
    ch09.check_flip: [
        lambda scores, k, s: float(scores.topk(k).values[-1]),
        lambda scores, k, s: sorted(scores.tolist(), reverse=True)[k - 1],
        lambda scores, k, s: scores.double().sort(descending=True).values[k - 1 : k],
    ],
}
MISTAKES = {
    ch09.check_causality: [
        (lambda *a: is_causal_at(*a, rows="after"), "rows from s on"),
        (by_gradient, "gradients are blind"),
        (lambda *a: True, "it must not"),
        (last_token_alone, "every token from s on"),
        (two_tokens, "reads token 25 alone"),
        (last_row, "row 0 reads"),
        (lambda *a: False, "must pass"),
        (lambda *a: "yes", "True or False, not a str"),
    ],
    ch09.check_flip: [
        (lambda scores, k, s: float(scores.max()), "weakest seat"),
        (lambda scores, k, s: float(scores[s]), "without a seat"),
        (lambda *a: 0.80, "With k = 1"),
        (lambda scores, k, s: float(scores.sort().values[-2]), "With k = 1"),
        (lambda scores, k, s: sorted(set(scores.tolist()))[-k], "hold a seat each"),
    ],
}
