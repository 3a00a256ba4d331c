"""Checks of chapter 9: a test of causality, and the score that takes a seat."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mosa_edu.attention import DenseAttention, MosaAttention
from mosa_edu.exercises.verdict import (
    Answer,
    Mistake,
    Verdict,
    examine,
    named,
    number_of,
    truth_of,
)


class _Reads(nn.Module):
    """Adds one token to one row, or to all: the plainest way not to be causal."""

    def __init__(self, row: int | None, token: int) -> None:
        super().__init__()
        self.rows = slice(None) if row is None else slice(row, row + 1)
        self.token = token

    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[:, self.rows] += x[:, self.token, None]
        return y


class _LooksOneAhead(nn.Module):
    """Adds the next token to every row: only the edit of one token shows it at a position."""

    def forward(self, x: Tensor) -> Tensor:
        return x + x.roll(-1, dims=1)


def check_causality(is_causal_at: Callable[[nn.Module, Tensor, int], bool] | None) -> Verdict:
    """Check a test of causality on layers whose answer is known."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dense = DenseAttention(d_model=16, d_head=8, n_heads=4)
        mosa = MosaAttention(d_model=16, d_head=8, n_heads=16, sparsity=8)
        x = torch.randn(1, 48, 16)

    def dense_passes(f: Answer) -> Mistake:
        if all(f(dense, x, s) for s in (1, 17, 40)):
            return None
        return "A dense causal layer must pass: do you compare rows from s on?"

    def plain_leak(f: Answer) -> Mistake:
        if not f(_Reads(None, -1), x, 24):
            return None
        return "A layer that adds the last token to every row passes: it must not."

    def next_token_fails(f: Answer) -> Mistake:
        if not any(f(_LooksOneAhead(), x, s) for s in (8, 24, 40)):
            return None
        return "A layer whose rows read the next token passes: redraw every token from s on."

    def any_token_fails(f: Answer) -> Mistake:
        for row in (0, 11, 23):
            for token in range(24, 48):
                if f(_Reads(row, token), x, 24):
                    return (
                        f"s = 24: a layer whose row {row} reads token {token} alone passes. Redraw "
                        "every token from s on, and compare every row before s."
                    )
        return None

    def mosa_fails(f: Answer) -> Mistake:
        if not any(f(mosa, x, s) for s in (16, 24, 32)):
            return None
        return "A MoSA layer passes: gradients are blind to a change of selection; redraw tokens."

    return examine(
        is_causal_at,
        [
            ("dense passes", dense_passes),
            ("a plain leak fails", plain_leak),
            ("a leak of the next token fails", next_token_fails),
            ("a leak of any token fails", any_token_fails),
            ("MoSA fails", mosa_fails),
        ],
        truth_of,
        "True or False",
    )


def check_flip(score_to_enter: Callable[[Tensor, int, int], float] | None) -> Verdict:
    """Check the score that a token without a seat must exceed."""
    scores = torch.tensor([0.20, 0.80, 0.25, 0.90, 0.50, 0.60])

    def flip(f: Answer) -> Mistake:
        outside = "That is a token without a seat; it must beat one that has a seat."
        mistakes = [
            (0.90, "That is the best score; the weakest seat goes first."),
            (0.60, outside),
            (0.50, outside),
        ]
        return named(f(scores, 2, 5), 0.80, "It is the k-th best score, .80.", mistakes)

    def other_k(f: Answer) -> Mistake:
        many = torch.rand(20, generator=torch.Generator().manual_seed(0))
        for k in (1, 3, 7):
            right = many.topk(k).values[-1]
            otherwise = f"With k = {k} it is the score of rank {k}, in any text."
            if mistake := named(f(many, k, int(many.argmin())), right, otherwise, atol=1e-6):
                return mistake
        return None

    def equals(f: Answer) -> Mistake:
        tied = torch.tensor([0.5, 0.75, 0.5, 0.25, 0.75, 0.5])
        return named(f(tied, 2, 3), 0.75, "Equal scores hold a seat each: .75, .75, k = 2.")

    properties = [("the k-th best", flip), ("for every k", other_k), ("equal scores", equals)]
    return examine(score_to_enter, properties, number_of, "one number")
