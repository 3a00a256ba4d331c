"""Answers to chapter 3: for each check right ones, and mistakes with what is said of them."""

import numpy as np
import torch

from mosa_edu.exercises import ch03


def logits_of(x, w):
    return (x @ w.T).transpose(1, 2)


def scores_in_numpy(x, w):
    return 1 / (1 + np.exp(-np.einsum("btd,hd->bht", x.double().numpy(), w.double().numpy())))


def slopes(z, a, kept, factor=lambda r: r * (1 - r)):
    gradient = torch.zeros_like(z)
    gradient[kept] = (a * factor(z.sigmoid()))[kept]
    return gradient


def slopes_in_place(z, a, kept):
    z.sigmoid_()
    a.mul_(z).mul_(1 - z)
    return a * torch.zeros_like(a).index_fill(0, kept, 1)


def by_autograd(z, a, kept):
    z.requires_grad_()
    (a * z.sigmoid())[kept].sum().backward()
    return z.grad


SOLUTIONS = {
    ch03.check_scores: [
        lambda x, w: logits_of(x, w).sigmoid(),
        scores_in_numpy,
        lambda x, w: [[(text @ head).sigmoid() for head in w] for text in x],
    ],
    ch03.check_gradient: [slopes, slopes_in_place, by_autograd],
    ch03.check_margins: [
        lambda z, k: z - z.topk(k, dim=-1).values[:, -1:],
        lambda z, k: z.numpy() - np.sort(z.numpy(), axis=1)[:, -k, None],
        lambda z, k: z.sub_(z.kthvalue(z.shape[1] - k + 1, keepdim=True).values),
    ],
}
MISTAKES = {
    ch03.check_scores: [
        (lambda x, w: (x @ w.T).sigmoid(), "heads come second"),
        (lambda x, w: logits_of(x, w).softmax(2), "softmax over tokens"),
        (lambda x, w: logits_of(x, w).softmax(1), "softmax over heads"),
        (logits_of, "sigmoid is missing"),
        (lambda x, w: (logits_of(x, w) + 1).sigmoid(), "bias"),
        (lambda x, w: (x @ w.T).sigmoid().view(2, 3, 7), "bias"),
    ],
    ch03.check_gradient: [
        (lambda z, a, kept: 0 * z, "detached"),
        (lambda z, a, kept: a * z.sigmoid() * (1 - z.sigmoid()), "the others learn nothing"),
        (lambda z, a, kept: slopes(z, a, kept, lambda r: r), "factor 1 - r"),
        (lambda z, a, kept: slopes(z, a, z.topk(3).indices), "You chose the tokens"),
        (lambda z, a, kept: slopes(z, a, kept)[kept], "shape"),
    ],
    ch03.check_margins: [
        (lambda z, k: z - z.max(1, keepdim=True).values, "from the best token"),
        (
            lambda z, k: z - z.sort(dim=1, descending=True).values[:, min(k, 10) : min(k, 10) + 1],
            "first one left out",
        ),
        (lambda z, k: z - sorted(set(z[0].tolist()))[-min(k, len(set(z[0])))], "Wrong at k"),
        (lambda z, k: z - z.unique(dim=1).flip(1)[:, :1], "Wrong at k"),
        (
            lambda z, k: torch.stack([row - sorted(set(row.tolist()))[-k] for row in z]),
            "a place each",
        ),
    ],
}
