"""Answers to chapter 4: for each check right ones, and mistakes with what is said of them."""

import math

import numpy as np
import torch

from mosa_edu.exercises import ch04


def choose(scores, k):
    return scores.sort(dim=-1, descending=True, stable=True).indices[..., :k].sort(dim=-1).values


def choose_in_numpy(scores, k):
    return np.sort(np.argsort(-scores.numpy(), axis=-1, kind="stable")[..., :k], axis=-1)


def choose_in_lists(scores, k):
    rows = scores.tolist()
    return [sorted(sorted(range(len(r)), key=lambda t: (-r[t], t))[:k]) for r in rows]


def one_after_the_other(scores, k):
    kept = torch.zeros(scores.shape, dtype=torch.bool)
    for _ in range(k):
        best = scores.argmax(dim=-1, keepdim=True)  # the first of equals
        kept.scatter_(-1, best, True)
        scores.scatter_(-1, best, -torch.inf)
    return kept


def mask_of(scores, indices):
    return torch.zeros_like(scores, dtype=torch.bool).scatter(-1, indices, True)


def by_rank(scores, k):
    order = scores.argsort(dim=-1, descending=True, stable=True)
    return (order.argsort(dim=-1) < k).numpy()


def over_the_batch(scores, k):
    flat = scores.transpose(0, 1).reshape(scores.shape[1], -1)  # (H, B T)
    best = mask_of(flat, flat.topk(k * len(scores)).indices)
    return best.view(scores.shape[1], len(scores), -1).transpose(0, 1)


def later_of_equals(scores, k):
    last = scores.shape[-1] - 1
    return (last - choose(scores.flip(-1), k)).sort(dim=-1).values


def as_good_as_the_cut(scores, k):
    cut = scores.topk(k).values[..., -1:]
    return torch.stack([(row >= c).nonzero()[:, 0] for row, c in zip(scores, cut, strict=True)])


SOLUTIONS = {
    ch04.check_choose: [choose, choose_in_numpy, choose_in_lists],
    ch04.check_k_rule: [
        lambda T, sparsity: min(max(T // sparsity, 2), T),
        lambda T, sparsity: float(np.clip(T // sparsity, min(2, T), T)),
        lambda T, sparsity: torch.tensor(T // sparsity if 2 * sparsity <= T else min(2, T)),
    ],
    ch04.check_kept_mask: [
        lambda s, k: mask_of(s, choose(s, k)),
        one_after_the_other,
        by_rank,
    ],
}
MISTAKES = {
    ch04.check_choose: [
        (lambda s, k: s.topk(k).indices, "sort the positions"),
        (lambda s, k: choose(-s, k), "lowest scores"),
        (later_of_equals, "earlier position wins"),
        (lambda s, k: s.topk(k).indices.sort().values, "earlier position wins"),
        (as_good_as_the_cut, "share no place"),
        (lambda s, k: s, "shape"),
        (lambda s, k: choose(s, 4), "shape"),
    ],
    ch04.check_k_rule: [
        (lambda T, rho: min(max(T // rho, 1), T), "at least 2"),
        (lambda T, rho: min(max(math.ceil(T / rho), 2), T), "rounded down"),
        (lambda T, rho: max(T // rho, 2), "only one to keep"),
        (lambda T, rho: 2, "only one to keep"),
        (lambda T, rho: min(2, T), "gives 3, not 2"),
        (lambda T, rho: min(max(round(T / rho), 2), T), "not"),
        (lambda T, rho: [2, 2], "Return one number"),
    ],
    ch04.check_kept_mask: [
        (over_the_batch, "over the batch"),
        (lambda s, k: mask_of(s, (-s).topk(k).indices), "not its best"),
        (lambda s, k: s > 0.7, "more or fewer"),
        (lambda s, k: s >= s.topk(k).values[..., -1:], "earlier position wins"),
        (lambda s, k: mask_of(s, later_of_equals(s, k)), "earlier position wins"),
        (lambda s, k: mask_of(s, s.topk(k).indices), "earlier position wins"),
        (lambda s, k: mask_of(s, choose(s, 3)), "more or fewer"),
        (lambda s, k: mask_of(s, choose(s, k)).float(), "boolean mask"),
    ],
}
