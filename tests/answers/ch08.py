"""Answers to chapter 8: for each check right ones, and mistakes with what is said of them."""

from math import comb

import numpy as np
import torch

from mosa_edu.exercises import ch08


def counts(indices, T):
    return np.bincount(indices.ravel(), minlength=T)


def union(indices, T):
    found = np.zeros(T, dtype=int)
    found[indices] += 1
    return found


def blind(T, k, over=lambda shared, k: 2 * k - shared):
    ways = [comb(k, s) * comb(T - k, k - s) / comb(T, k) for s in range(k + 1)]
    return sum(way * s / over(s, k) for s, way in enumerate(ways) if s)


def overlap(a, b):
    either = (a | b).sum()
    return ((a & b).sum() / either if either else 0.0), blind(len(a), int(a.sum()))


def with_null(null):
    return lambda a, b: (overlap(a, b)[0], null(len(a), int(a.sum())))


def with_divisor(divisor):
    return lambda a, b: ((a & b).sum() / divisor(a, b), blind(len(a), int(a.sum())))


def divides_by_nothing(a, b):
    return int((a & b).sum()) / int((a | b).sum()), blind(len(a), int(a.sum()))


def effect(written, head, loss):
    whole = written.sum(axis=0)
    return loss(whole - written[head]) - loss(whole)


def in_place(written, head, loss):
    before = loss(written.sum(axis=0))
    written[head] = 0
    return loss(written.sum(axis=0)) - before


def by_mask(indices, T):
    """Right, if no head keeps a token twice: and none does."""
    kept = np.zeros((len(indices), T), dtype=bool)
    np.put_along_axis(kept, indices, True, axis=1)
    return kept.sum(axis=0).astype(float)


def drawn(a, b):
    masks = np.random.default_rng(0).random((4000, 2, len(a))).argsort(axis=-1) < a.sum()
    either = masks.any(axis=1).sum(axis=-1)
    null = (masks.all(axis=1).sum(axis=-1) / np.maximum(either, 1)).mean()
    return overlap(a, b)[0], null


def overlap_in_sets(a, b):
    one, other = set(np.flatnonzero(a)), set(np.flatnonzero(b))
    null = blind(len(a), len(one))
    return [len(one & other) / max(len(one | other), 1), np.float64(null)]


SOLUTIONS = {
    ch08.check_counts: [
        counts,
        by_mask,
        lambda indices, T: [int((indices == t).sum()) for t in range(T)],
        lambda indices, T: torch.from_numpy(indices).flatten().bincount(minlength=T),
    ],
    ch08.check_overlap: [overlap, overlap_in_sets, drawn],
    ch08.check_ablation: [
        effect,
        in_place,
        lambda w, h, loss: loss(np.delete(w, h, axis=0).sum(axis=0)) - loss(w.sum(axis=0)),
    ],
}
MISTAKES = {
    ch08.check_counts: [
        (union, "counts twice"),
        (lambda i, T: np.bincount(i.ravel()), "nobody keeps"),
        (lambda i, T: np.full(len(i), i.shape[1]), "by head"),
        (lambda i, T: 2 * counts(i, T), "fills k seats"),
        (lambda i, T: counts(i, T)[::-1], "other tokens"),
        (lambda i, T: counts(i, T)[:, None], "one number a token"),
        (lambda i, T: np.full(T, i.size / T), "other tokens"),
    ],
    ch08.check_overlap: [
        (lambda a, b: overlap(a, b)[0], "says nothing"),
        (lambda a, b: (1 / 3, overlap(a, b)[1]), "7 of 30"),
        (with_divisor(lambda a, b: a.sum()), "one head"),
        (with_divisor(lambda a, b: len(a)), "all tokens"),
        (with_divisor(lambda a, b: a.sum() + b.sum()), "by 2k"),
        (with_null(lambda T, k: k / T), "share of the text"),
        (with_null(lambda T, k: k * k / T / (2 * k - k * k / T)), "two means"),
        (with_null(lambda T, k: 0.244), "7 of 30"),
        (divides_by_nothing, "0 / 0"),
    ],
    ch08.check_ablation: [
        (lambda *args: -effect(*args), "The sign"),
        (lambda w, h, loss: loss(w[h]) - loss(w.sum(axis=0)), "alone"),
        (lambda w, h, loss: loss(w.sum(axis=0) - w[h]), "subtract"),
        (lambda w, h, loss: np.abs(w[h]).mean(), "Ask the loss"),
        (lambda w, h, loss: effect(w, 0, loss), "Head 1"),
        (lambda *args: abs(effect(*args)), "The sign"),
    ],
}
