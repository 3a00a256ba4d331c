"""Checks of chapter 1: weights, scale, and heads that add up."""

from collections.abc import Callable

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, misshapen, named, near


def check_weights(attention_weights: Callable[[Tensor], Tensor] | None) -> Verdict:
    """Check a function from scaled matches (T, S) to attention weights (T, S)."""
    generator = torch.Generator().manual_seed(0)
    matches = torch.randn(5, 7, generator=generator) * 3

    def rows_sum_to_one(f: Answer) -> Mistake:
        weights = f(matches)
        if mistake := misshapen(weights, matches.shape, "that of the matches, "):
            return mistake
        if near(weights.sum(0), torch.ones(7)):
            return (
                "Your columns sum to 1: you summed over queries. Each query shares out its own 1."
            )
        if not near(weights.sum(1), torch.ones(5)):
            return "The rows do not sum to 1: divide by the sum of the row's strengths."
        return None

    def in_proportion(f: Answer) -> Mistake:
        otherwise = "The rows sum to 1, but not in proportion to exp(match)."
        for some in (matches, torch.randn(2, 6, generator=generator)):
            if mistake := named(f(some), some.softmax(1), otherwise):
                return mistake
        return None

    def large_matches(f: Answer) -> Mistake:
        far = matches + 500.0 * torch.tensor([1.0, -1, 0, 2, -2])[:, None]
        weights, row = f(far), f(matches + 500)
        if not bool(row.isfinite().all()):
            return "Matches of 500 overflow exp: subtract the row's largest match first."
        if not near(row, matches.softmax(1)):
            return "Matches of 500 are capped or lost: what counts is their distance in the row."
        if not near(weights, matches.softmax(1), atol=1e-4):
            return "Rows of -1000 and 1000 side by side: subtract each row's own largest match."
        return None

    return examine(
        attention_weights,
        [
            ("rows sum to 1", rows_sum_to_one),
            ("in proportion to exp", in_proportion),
            ("large matches", large_matches),
        ],
    )


def check_scale(scaled_matches: Callable[[Tensor, Tensor], Tensor] | None) -> Verdict:
    """Check a function from queries (T, d) and keys (S, d) to scaled matches (T, S)."""
    generator = torch.Generator().manual_seed(1)

    def scale(f: Answer) -> Mistake:
        root = "The division by the square root of d_head is missing: 12 would become 14.13."
        whole = "You divided by d_head; the deviation of a dot product grows as its root."
        otherwise = "The numbers are not the dot products over the root of d_head."
        fixed = "Right at d_head = 9 alone: take the width from the queries."
        for d in (9, 5):
            queries = torch.randn(4, d, generator=generator)
            keys = torch.randn(6, d, generator=generator)
            found, products = f(queries, keys), queries @ keys.T
            if tuple(found.shape) == (6, 4):
                return "The axes are swapped: rows belong to queries, columns to keys."
            mistakes = [(products, root), (products / d, whole), (products / 3, fixed)]
            if mistake := named(found, products / d**0.5, otherwise, mistakes):
                return mistake
        return None

    return examine(scaled_matches, [("dot products over the root of d_head", scale)])


def check_split_output(
    summed_heads: Callable[[Tensor, Tensor], Tensor] | None,
) -> Verdict:
    """Check that heads written one by one equal concatenation followed by W_O."""
    generator = torch.Generator().manual_seed(2)

    def equal(f: Answer) -> Mistake:
        for H, T, d_head, d_model in ((3, 5, 4, 8), (2, 6, 3, 5)):
            heads = torch.randn(H, T, d_head, generator=generator)
            w_out = torch.randn(H * d_head, d_model, generator=generator)
            whole = heads.transpose(0, 1).reshape(T, -1) @ w_out
            every_hth = torch.einsum("htd,dhm->tm", heads, w_out.view(d_head, H, d_model))
            rows = "Head h owns the rows h * d_head to (h + 1) * d_head - 1, not every H-th row."
            mean = "You took the mean of the heads; the product with W_O is their sum."
            mistakes = [(whole / H, mean), (every_hth, rows)]
            if mistake := named(f(heads, w_out), whole, "Not equal.", mistakes, atol=1e-4):
                return mistake
        return None

    return examine(summed_heads, [("equal to concatenation and W_O", equal)])
