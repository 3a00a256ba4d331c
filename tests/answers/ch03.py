"""Answers to chapter 3: for each check the solution, and mistakes with what is said of them."""

import torch

from mosa_edu.exercises import ch03


def logits_of(x, w):
    return (x @ w.T).transpose(1, 2)


def slopes(z, a, kept, factor):
    gradient = torch.zeros_like(z)
    gradient[kept] = (a * factor(z.sigmoid()))[kept]
    return gradient


SOLUTIONS = {
    ch03.check_scores: lambda x, w: logits_of(x, w).sigmoid(),
    ch03.check_gradient: lambda z, a, kept: slopes(z, a, kept, lambda r: r * (1 - r)),
    ch03.check_margins: lambda z, k: z - z.topk(k, dim=-1).values[:, -1:],
}
MISTAKES = {
    ch03.check_scores: [
        (lambda x, w: (x @ w.T).sigmoid(), "heads come second"),
        (lambda x, w: logits_of(x, w).softmax(2), "softmax over tokens"),
        (lambda x, w: logits_of(x, w).softmax(1), "softmax over heads"),
        (logits_of, "sigmoid is missing"),
        (lambda x, w: (logits_of(x, w) + 1).sigmoid(), "bias"),
    ],
    ch03.check_gradient: [
        (lambda z, a, kept: 0 * z, "detached"),
        (lambda z, a, kept: a * z.sigmoid() * (1 - z.sigmoid()), "the others learn nothing"),
        (lambda z, a, kept: slopes(z, a, kept, lambda r: r), "factor 1 - r"),
    ],
    ch03.check_margins: [
        (lambda z, k: z - z.max(1, keepdim=True).values, "from the best token"),
        (
            lambda z, k: z - z.sort(dim=1, descending=True).values[:, min(k, 10) : min(k, 10) + 1],
            "first one left out",
        ),
    ],
}
