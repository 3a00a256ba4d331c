"""Checks of chapter 1: weights, scale, and heads that add up."""

from collections.abc import Callable

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, named

TOLERANCE = 1e-5


def check_weights(attention_weights: Callable[[Tensor], Tensor] | None) -> Verdict:
    """Check a function from scaled matches (T, S) to attention weights (T, S)."""
    matches = torch.randn(5, 7, generator=torch.Generator().manual_seed(0)) * 3

    def rows_sum_to_one(f: Answer) -> Mistake:
        weights = f(matches)
        if weights.shape != matches.shape:
            return f"The result has shape {tuple(weights.shape)}, not {tuple(matches.shape)}."
        if torch.allclose(weights.sum(0), torch.ones(7), atol=TOLERANCE):
            return (
                "Your columns sum to 1: you summed over queries. Each query shares out its own 1."
            )
        if not torch.allclose(weights.sum(1), torch.ones(5), atol=TOLERANCE):
            return "The rows do not sum to 1: divide by the sum of the row's strengths."
        return None

    def in_proportion(f: Answer) -> Mistake:
        otherwise = "The rows sum to 1, but not in proportion to exp(match)."
        return named(f(matches), matches.softmax(1), otherwise)

    def large_matches(f: Answer) -> Mistake:
        weights = f(matches + 500)
        if torch.isfinite(weights).all():
            return None
        return "Matches of 500 overflow exp: subtract the row's largest match first."

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
    queries, keys = torch.randn(4, 9, generator=generator), torch.randn(6, 9, generator=generator)
    products = queries @ keys.T

    def scale(f: Answer) -> Mistake:
        found = f(queries, keys)
        if found.shape == (6, 4):
            return "The axes are swapped: rows belong to queries, columns to keys."
        root = "The division by the square root of d_head is missing: 12 would become 14.13."
        whole = "You divided by d_head; the deviation of a dot product grows as its root."
        otherwise = "The numbers are not the dot products over the root of d_head."
        return named(found, products / 3, otherwise, [(products, root), (products / 9, whole)])

    return examine(scaled_matches, [("dot products over the root of d_head", scale)])


def check_split_output(
    summed_heads: Callable[[Tensor, Tensor], Tensor] | None,
) -> Verdict:
    """Check that heads written one by one equal concatenation followed by W_O."""
    generator = torch.Generator().manual_seed(2)
    heads = torch.randn(3, 5, 4, generator=generator)
    w_out = torch.randn(12, 8, generator=generator)
    whole = heads.transpose(0, 1).reshape(5, 12) @ w_out

    def equal(f: Answer) -> Mistake:
        found = f(heads, w_out)
        if found.shape != whole.shape:
            return f"The result has shape {tuple(found.shape)}, not {tuple(whole.shape)}."
        every_third = torch.einsum("htd,dhm->tm", heads, w_out.view(4, 3, 8))
        rows = "Head h owns the rows h * d_head to (h + 1) * d_head - 1, not every H-th row."
        mean = "You took the mean of the heads; the product with W_O is their sum."
        mistakes = [(whole / 3, mean), (every_third, rows)]
        return named(found, whole, "Not equal to concatenation.", mistakes, atol=1e-4)

    return examine(summed_heads, [("equal to concatenation and W_O", equal)])
