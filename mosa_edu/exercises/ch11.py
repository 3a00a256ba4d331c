"""Checks of chapter 11: Amdahl's law, a test of equality, and a fused kernel used rightly."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, named, near


def check_amdahl(speedup: Callable[[float, float], float] | None) -> Verdict:
    """Check how much faster the whole is when a part of it is."""

    def whole(f: Answer) -> Mistake:
        mistakes = [
            (5 / 0.3, "The rest still takes its time: .7 of it."),
            (0.3 * 5, "Add times, not speeds: a part that is faster takes share / factor."),
            (1 / (0.3 + 0.7 / 5), "You sped up the rest; the part with that share is faster."),
            (0.7 + 0.3 / 5, "That is the new time; how many times faster is it?"),
        ]
        otherwise = "30 % of the time, 5 times faster: 1 / (.7 + .06) = 1.32."
        return named(float(f(0.3, 5)), 1 / (0.7 + 0.06), otherwise, mistakes)

    def ends(f: Answer) -> Mistake:
        if not (near(float(f(0.3, 1)), 1) and near(float(f(0, 7)), 1)):
            return "A factor of 1, or a share of 0, changes nothing: 1."
        return named(float(f(1, 7)), 7, "If all of it is faster, so is the whole.")

    return examine(speedup, [("the whole", whole), ("nothing and everything", ends)])


def _cut_gradient(x: Tensor) -> Tensor:
    return x.sigmoid().detach() * x


def _turned_gradient(x: Tensor) -> Tensor:
    """Return x with its gradient in reverse, which a gradient of ones does not show."""
    return x.detach() + x.flip(0) - x.flip(0).detach()


def check_same(same: Callable[..., bool] | None) -> Verdict:
    """Check a test that tells whether two functions are the same in value and gradient."""
    x = torch.randn(8, generator=torch.Generator().manual_seed(0))

    def accepts(f: Answer) -> Mistake:
        slow, fast = (lambda x: x.sigmoid() * x), (lambda x: x / (1 + (-x).exp()))
        return None if f(fast, slow, x.clone()) else "Two ways to write one function must pass."

    def values(f: Answer) -> Mistake:
        wrong = f(lambda x: x + 1e-3, lambda x: x, x.clone())
        return "Values that differ by .001 pass." if wrong else None

    def gradients(f: Answer) -> Mistake:
        if f(_cut_gradient, lambda x: x.sigmoid() * x, x.clone()):
            return "Equal values with another gradient pass: compare the gradients too."
        if f(_turned_gradient, lambda x: x, x.clone()):
            return "A gradient in the wrong order passes: weigh the outputs at random, no .sum()."
        return None

    return examine(same, [("accepts", accepts), ("values", values), ("gradients", gradients)])


def check_fused(fused: Callable[..., Tensor] | None) -> Verdict:
    """Check attention among kept tokens in any order, through the kernel with a plain triangle."""
    generator = torch.Generator().manual_seed(1)
    positions = torch.randperm(40, generator=generator)[:9]
    queries, keys, values = torch.randn(3, 9, 4, generator=generator)

    def attend(order: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (part[order][None] for part in (queries, keys, values))
        return scaled_dot_product_attention(q, k, v, attn_mask=mask)[0]

    def equal(f: Answer) -> Mistake:
        found = f(queries, keys, values, positions)
        given, order = torch.arange(9), positions.argsort()
        triangle = torch.ones(9, 9, dtype=torch.bool).tril()
        mistakes = [
            (attend(given, triangle), "Not sorted: some token reads one that comes later."),
            (attend(order, triangle), "Put the rows back in the order in which they came."),
            (attend(given, torch.ones_like(triangle)), "Without the triangle everybody reads all."),
        ]
        right = attend(given, positions[:, None] >= positions)
        return named(found, right, "Not equal to attention with the mask I_i >= I_j.", mistakes)

    return examine(fused, [("equal to the index mask", equal)])
