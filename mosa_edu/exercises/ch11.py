"""Checks of chapter 11: Amdahl's law, a test of equality, and a fused kernel used rightly."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises.verdict import (
    Answer,
    Mistake,
    Verdict,
    examine,
    named,
    near,
    number_of,
    truth_of,
)


def check_amdahl(speedup: Callable[[float, float], float] | None) -> Verdict:
    """Check how much faster the whole is when a part of it is."""

    def whole(f: Answer) -> Mistake:
        for share, factor in ((0.3, 5), (0.75, 3)):
            mistakes = [
                (factor / share, "The rest still takes its time: it is no faster."),
                (share * factor, "Add times, not speeds: a part takes share / factor."),
                (
                    1 / (share + (1 - share) / factor),
                    "You sped up the rest; the part with that share is faster.",
                ),
                (1 - share + share / factor, "That is the new time; how many times faster is it?"),
            ]
            otherwise = f"{share:.0%} of the time, {factor} times faster."
            right = 1 / (1 - share + share / factor)
            if mistake := named(f(share, factor), right, otherwise, mistakes):
                return mistake
        return None

    def ends(f: Answer) -> Mistake:
        if not (near(f(0.3, 1), 1) and near(f(0, 7), 1)):
            return "A factor of 1, or a share of 0, changes nothing: 1."
        return named(f(1, 7), 7, "If all of it is faster, so is the whole.")

    properties = [("the whole", whole), ("nothing and everything", ends)]
    return examine(speedup, properties, number_of, "one number")


def _cut_gradient(x: Tensor) -> Tensor:
    return x.sigmoid().detach() * x


def _turned_gradient(x: Tensor) -> Tensor:
    """Return x with its gradient in reverse, which a gradient of ones does not show."""
    return x.detach() + x.flip(0) - x.flip(0).detach()


def _one_off(x: Tensor) -> Tensor:
    """Return x, but for one value."""
    return x + 1e-4 * (torch.arange(len(x)) == 5)


def _one_slope_off(x: Tensor) -> Tensor:
    """Return x, with another slope at one of its values."""
    return x + 0.01 * (x - x.detach()) * (torch.arange(len(x)) == 5)


def check_same(same: Callable[..., bool] | None) -> Verdict:
    """Check a test that tells whether two functions are the same in value and gradient."""
    x = torch.randn(8, generator=torch.Generator().manual_seed(0))

    def plain(x: Tensor) -> Tensor:
        return x * 1

    def accepts(f: Answer) -> Mistake:
        slow, fast = (lambda x: x.sigmoid() * x), (lambda x: x / (1 + (-x).exp()))
        return None if f(fast, slow, x) else "Two ways to write one function must pass."

    def values(f: Answer) -> Mistake:
        if f(lambda x: x + 1e-3, plain, x):
            return "Values that differ by .001 pass."
        if f(lambda x: x.flip(0), plain, x):
            return "Values in another order pass: compare them one by one."
        return "One value of eight is off by .0001, and passes." if f(_one_off, plain, x) else None

    def gradients(f: Answer) -> Mistake:
        if f(_cut_gradient, lambda x: x.sigmoid() * x, x):
            return "Equal values with another gradient pass: compare the gradients too."
        if f(_turned_gradient, plain, x):
            return "A gradient in the wrong order passes: weigh the outputs at random, no .sum()."
        return (
            "One slope of eight is off by .01, and passes." if f(_one_slope_off, plain, x) else None
        )

    properties = [("accepts", accepts), ("values", values), ("gradients", gradients)]
    return examine(same, properties, truth_of, "True or False")


def check_fused(fused: Callable[..., Tensor] | None) -> Verdict:
    """Check attention among kept tokens in any order, through the kernel with a plain triangle."""
    generator = torch.Generator().manual_seed(1)

    def equal(f: Answer) -> Mistake:
        for k, d_head in ((9, 4), (6, 3)):
            positions = torch.randperm(40, generator=generator)[:k]
            rows = torch.randn(3, k, d_head, generator=generator)

            def attend(order: Tensor, mask: Tensor, rows: Tensor = rows) -> Tensor:
                q, keys, v = rows[:, order][:, None]
                return scaled_dot_product_attention(q, keys, v, attn_mask=mask)[0]

            given, order = torch.arange(k), positions.argsort()
            triangle = torch.ones(k, k, dtype=torch.bool).tril()
            everybody = torch.ones_like(triangle)
            mistakes = [
                (attend(given, triangle), "Not sorted: some token reads one that comes later."),
                (attend(order, triangle), "Put the rows back in the order in which they came."),
                (attend(given, everybody), "Without the triangle everybody reads all."),
                (
                    attend(order, triangle)[order],
                    "You sorted twice: rows go back by the inverse order, order.argsort().",
                ),
            ]
            right = attend(given, positions[:, None] >= positions)
            otherwise = "Not equal to attention with the mask I_i >= I_j."
            if mistake := named(f(*rows, positions), right, otherwise, mistakes):
                return mistake
        return None

    return examine(fused, [("equal to the index mask", equal)])
