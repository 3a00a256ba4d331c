"""Answers to chapter 1: for each check the solution, and mistakes with what is said of them."""

import torch

from mosa_edu.exercises import ch01


def right_sum(heads, w_out):
    return sum(head @ block for head, block in zip(heads, w_out.chunk(len(heads)), strict=True))


SOLUTIONS = {
    ch01.check_weights: lambda m: (m - m.max(1, keepdim=True).values).softmax(1),
    ch01.check_scale: lambda q, k: q @ k.T / q.shape[1] ** 0.5,
    ch01.check_split_output: right_sum,
}
MISTAKES = {
    ch01.check_weights: [
        (lambda m: m.softmax(0), "summed over queries"),
        (lambda m: m.exp(), "do not sum to 1"),
        (lambda m: m.exp() / m.exp().sum(1, keepdim=True), "overflow"),
        (lambda m: m.abs() / m.abs().sum(1, keepdim=True), "in proportion"),
    ],
    ch01.check_scale: [
        (lambda q, k: q @ k.T, "14.13"),
        (lambda q, k: q @ k.T / q.shape[1], "divided by d_head"),
        (lambda q, k: k @ q.T / 3, "swapped"),
    ],
    ch01.check_split_output: [
        (lambda h, w: right_sum(h, w) / 3, "mean of the heads"),
        (lambda h, w: torch.einsum("htd,dhm->tm", h, w.view(4, 3, 8)), "not every H-th row"),
    ],
}
