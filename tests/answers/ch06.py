"""Answers to chapter 6: for each check right ones, and mistakes with what is said of them."""

import math

import numpy as np
import torch

from mosa_edu.exercises import ch06


def dense(h, d, T):
    return 8 * h * d * T + 4 * d * T * T


def mosa(h, d, T, k):
    return 8 * h * d * k + 4 * d * k * k + 2 * h * T + d * k


def heads(dense, mosa, n, kept):
    return (n - kept) * dense // mosa


def product(rows, shared, columns):
    return 2 * rows * shared * columns


SOLUTIONS = {
    ch06.check_dense_flops: [
        dense,
        lambda h, d, T: 4 * product(T, h, d) + product(T, d, T) + product(T, T, d),
        lambda h, d, T: torch.tensor(4.0 * d * T * (2 * h + T), dtype=torch.float64),
    ],
    ch06.check_mosa_flops: [
        mosa,
        lambda h, d, T, k: 2.0 * h * (4 * d * k + T) + d * k * (4 * k + 1),
        lambda h, d, T, k: np.int64(
            4 * product(k, h, d) + 2 * product(k, d, k) + 2 * h * T + d * k
        ),
    ],
    ch06.check_head_count: [
        heads,
        lambda dense, mosa, n, kept: math.floor((n - kept) * dense / mosa),
        lambda dense, mosa, n, kept: len(range(mosa, (n - kept) * dense + 1, mosa)),
    ],
}
MISTAKES = {
    ch06.check_dense_flops: [
        (lambda h, d, T: dense(h, d, T) // 2, "Half of it"),
        (lambda h, d, T: 8 * h * d * T + 2 * d * T * T, "Half of the attent"),
        (lambda h, d, T: 8 * h * d * T + 2 * d * T * (T + 1), "causal half"),
        (lambda h, d, T: 6 * h * d * T + 4 * d * T * T, "W^O is missing"),
        (lambda h, d, T: 2 * h * d * T + 4 * d * T * T, "four projections"),
        (lambda h, d, T: 8 * h * d * T + 4 * d * T, "T², not T"),
        (lambda h, d, T: 4 * d * T * T, "projections are missing"),
        (lambda h, d, T: 8 * h * d * T, "Attention itself"),
        (lambda h, d, T: h + d + T, "costs 8192, not 28"),
        (lambda h, d, T: 8192, "costs 1254400, not 8192"),
        (lambda h, d, T: (8 * h * d * T, 4 * d * T * T), "one number"),
    ],
    ch06.check_mosa_flops: [
        (lambda h, d, T, k: mosa(h, d, T, k) - 2 * h * T, "2 d_model T is miss"),
        (lambda h, d, T, k: mosa(h, d, k, k), "all T tokens"),
        (lambda h, d, T, k: dense(h, d, T) + 2 * h * T + d * T, "T for k"),
        (
            lambda h, d, T, k: 8 * h * d * T + 4 * d * k * k + 2 * h * T + d * k,
            "only the k kept tokens are projected",
        ),
        (
            lambda h, d, T, k: 8 * h * d * k + 4 * d * k * T + 2 * h * T + d * k,
            "the keys are the k kept",
        ),
        (lambda h, d, T, k: 8 * h * d * k + 4 * d * T * T + 2 * h * T + d * k, "k by k"),
        (lambda h, d, T, k: mosa(h, d, T, k) - d * k, "gates are missing"),
        (lambda h, d, T, k: mosa(h, d, T, k) + d * k, "adds nothing"),
        (lambda h, d, T, k: mosa(h, d, T, k) + d * (T - k), "outputs are gated"),
        (lambda h, d, T, k: mosa(h, d, T, k) // 2, "Half of it"),
        (lambda h, d, T, k: 1, "costs 1552, not 1"),
    ],
    ch06.check_head_count: [
        (lambda a, b, n, kept: round((n - kept) * a / b), "You rounded"),
        (lambda a, b, n, kept: math.ceil((n - kept) * a / b), "over the budget"),
        (lambda a, b, n, kept: n * a // b, "4 of the 9 dense heads stay"),
        (lambda a, b, n, kept: (n - kept) * (a // b), "Divide last"),
        (lambda a, b, n, kept: ((n - kept) * a - 1) // b, "exactly 24"),
        (lambda a, b, n, kept: 1, "buy 21 of 1552"),
        (lambda a, b, n, kept: 21, "buy 505 of"),
        (lambda a, b, n, kept: (n - kept) * a / b, "buy 21"),
    ],
}
