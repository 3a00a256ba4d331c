"""Answers to chapter 1: for each check right ones, and mistakes with what is said of them."""

import numpy as np
import torch

from mosa_edu.exercises import ch01


def in_place(matches):
    matches -= matches.amax(dim=1, keepdim=True)
    matches.exp_()
    matches /= matches.sum(dim=1, keepdim=True)
    return matches


def in_numpy(matches):
    strengths = np.exp(matches.numpy() - matches.numpy().max(axis=1, keepdims=True))
    return strengths / strengths.sum(axis=1, keepdims=True)


def right_sum(heads, w_out):
    return sum(head @ block for head, block in zip(heads, w_out.chunk(len(heads)), strict=True))


def written_in_place(heads, w_out):
    out = torch.zeros(heads.shape[1], w_out.shape[1], dtype=torch.float64)
    for h in range(len(heads)):
        out += heads[h].double() @ w_out[h * heads.shape[2] :][: heads.shape[2]].double()
    return out


def every_hth(heads, w_out):
    return torch.einsum("htd,dhm->tm", heads, w_out.view(heads.shape[2], len(heads), -1))


SOLUTIONS = {
    ch01.check_weights: [lambda m: m.softmax(1), in_place, in_numpy],
    ch01.check_scale: [
        lambda q, k: q @ k.T / q.shape[1] ** 0.5,
        lambda q, k: q.mul_(q.shape[-1] ** -0.5) @ k.T,
        lambda q, k: [[float(a @ b) / len(a) ** 0.5 for b in k] for a in q],
    ],
    ch01.check_split_output: [
        right_sum,
        written_in_place,
        lambda h, w: torch.einsum("htd,hdm->tm", h, w.view(len(h), h.shape[2], -1)),
    ],
}
MISTAKES = {
    ch01.check_weights: [
        (lambda m: m.softmax(0), "summed over queries"),
        (lambda m: m.exp(), "do not sum to 1"),
        (lambda m: m.exp() / m.exp().sum(1, keepdim=True), "overflow"),
        (lambda m: m.abs() / m.abs().sum(1, keepdim=True), "in proportion"),
        (lambda m: m.clamp(max=50).softmax(1), "capped"),
        (lambda m: m.clamp(-50, 50).softmax(1), "capped"),
        (lambda m: (m.exp() / m.exp().sum(1, keepdim=True)).nan_to_num(), "capped or lost"),
        (lambda m: (m - m.max()).exp() / (m - m.max()).exp().sum(1, keepdim=True), "each row's"),
        (lambda m: m.softmax(1)[:4], "shape"),
        (lambda m: "softmax", "not a str"),
    ],
    ch01.check_scale: [
        (lambda q, k: q @ k.T, "14.13"),
        (lambda q, k: q @ k.T / q.shape[1], "divided by d_head"),
        (lambda q, k: k @ q.T / 3, "swapped"),
        (lambda q, k: q @ k.T / 3, "at d_head = 9 alone"),
        (lambda q, k: q @ k.T / len(k) ** 0.5, "not the dot products"),
    ],
    ch01.check_split_output: [
        (lambda h, w: right_sum(h, w) / len(h), "mean of the heads"),
        (every_hth, "not every H-th row"),
        (lambda h, w: right_sum(h[:1], w[: h.shape[2]]), "Not equal"),
        (lambda h, w: sum(h[i] @ w[4 * i : 4 * i + 4] for i in range(3)), "RuntimeError"),
    ],
}
