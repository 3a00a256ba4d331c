"""Checks of chapter 1: weights, scale, and heads that add up."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Verdict, examine

TOLERANCE = 1e-5


def check_weights(attention_weights: Callable[[Tensor], Tensor] | None) -> Verdict:
    """Check a function from scaled matches (T, S) to attention weights (T, S)."""
    matches = torch.randn(5, 7, generator=torch.Generator().manual_seed(0)) * 3

    def rows_sum_to_one(f: Callable[..., Any]) -> str | None:
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

    def in_proportion(f: Callable[..., Any]) -> str | None:
        if torch.allclose(f(matches), matches.softmax(1), atol=TOLERANCE):
            return None
        return "The rows sum to 1, but not in proportion to exp(match)."

    def large_matches(f: Callable[..., Any]) -> str | None:
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

    def scale(f: Callable[..., Any]) -> str | None:
        found = f(queries, keys)
        if found.shape == (6, 4):
            return "The axes are swapped: rows belong to queries, columns to keys."
        if torch.allclose(found, products, atol=TOLERANCE):
            return "The division by the square root of d_head is missing: 12 would become 14.13."
        if torch.allclose(found, products / 9, atol=TOLERANCE):
            return "You divided by d_head; the deviation of a dot product grows as its root."
        if not torch.allclose(found, products / 3, atol=TOLERANCE):
            return "The numbers are not the dot products over the root of d_head."
        return None

    return examine(scaled_matches, [("dot products over the root of d_head", scale)])


def check_split_output(
    summed_heads: Callable[[Tensor, Tensor], Tensor] | None,
) -> Verdict:
    """Check that heads written one by one equal concatenation followed by W_O."""
    generator = torch.Generator().manual_seed(2)
    heads = torch.randn(3, 5, 4, generator=generator)
    w_out = torch.randn(12, 8, generator=generator)
    whole = heads.transpose(0, 1).reshape(5, 12) @ w_out

    def equal(f: Callable[..., Any]) -> str | None:
        found = f(heads, w_out)
        if found.shape != whole.shape:
            return f"The result has shape {tuple(found.shape)}, not {tuple(whole.shape)}."
        if torch.allclose(found * 3, whole, atol=1e-4):
            return "You took the mean of the heads; the product with W_O is their sum."
        if torch.allclose(
            found, torch.einsum("htd,dhm->tm", heads, w_out.view(4, 3, 8)), atol=1e-4
        ):
            return "Head h owns the rows h * d_head to (h + 1) * d_head - 1, not every H-th row."
        return None if torch.allclose(found, whole, atol=1e-4) else "Not equal to concatenation."

    return examine(summed_heads, [("equal to concatenation and W_O", equal)])
