"""Answers to chapter 4: for each check the solution, and mistakes with what is said of them."""

import math

import torch

from mosa_edu.exercises import ch04


def choose(scores, k):
    return scores.sort(dim=-1, descending=True, stable=True).indices[..., :k].sort(dim=-1).values


def mask_of(scores, indices):
    return torch.zeros_like(scores, dtype=torch.bool).scatter(-1, indices, True)


def over_the_batch(scores, k):
    flat = scores.transpose(0, 1).reshape(scores.shape[1], -1)  # (H, B T)
    best = mask_of(flat, flat.topk(k * len(scores)).indices)
    return best.view(scores.shape[1], len(scores), -1).transpose(0, 1)


def later_of_equals(scores, k):
    last = scores.shape[-1] - 1
    return (last - choose(scores.flip(-1), k)).sort(dim=-1).values


SOLUTIONS = {
    ch04.check_choose: choose,
    ch04.check_k_rule: lambda T, sparsity: min(max(T // sparsity, 2), T),
    ch04.check_kept_mask: lambda s, k: mask_of(s, choose(s, k)),
}
MISTAKES = {
    ch04.check_choose: [
        (lambda s, k: s.topk(k).indices, "sort the positions"),
        (lambda s, k: choose(-s, k), "lowest scores"),
        (later_of_equals, "earlier position wins"),
        (lambda s, k: s, "shape"),
    ],
    ch04.check_k_rule: [
        (lambda T, rho: min(max(T // rho, 1), T), "at least 2"),
        (lambda T, rho: min(max(math.ceil(T / rho), 2), T), "rounded down"),
        (lambda T, rho: max(T // rho, 2), "only one to keep"),
    ],
    ch04.check_kept_mask: [
        (over_the_batch, "over the batch"),
        (lambda s, k: mask_of(s, (-s).topk(k).indices), "not its best"),
        (lambda s, k: s > 0.7, "more or fewer"),
        (lambda s, k: s >= s.topk(k).values[..., -1:], "earlier position wins"),
        (lambda s, k: mask_of(s, later_of_equals(s, k)), "earlier position wins"),
    ],
}
