"""Checks of chapter 2: a mask, where it is applied, what it promises, and a mask for a cache."""

from collections.abc import Callable

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, misshapen, named, near


def check_may_attend(may_attend: Callable[[int], Tensor] | None) -> Verdict:
    """Check a function from T to the causal mask (T, T), True where a query may attend."""

    def mask(f: Answer) -> Mistake:
        for T in (5, 1, 8):
            found, right = f(T), torch.ones(T, T, dtype=torch.bool).tril()
            if mistake := misshapen(found, (T, T)):
                return mistake
            if found.dtype != torch.bool:
                return f"The mask holds {found.dtype}: attention adds such a mask to the matches."
            if torch.equal(found, right):
                continue
            if torch.equal(found, ~right):
                return "Inverted: here True means that the query may attend."
            if torch.equal(found, right.T):
                return "Rows are queries: yours look at later keys."
            if torch.equal(found, right.tril(-1)):
                return (
                    "The diagonal is off: the first query has nobody to look at, not even itself."
                )
            return "Row t is True for the keys 0 to t and nowhere else."
        return None

    return examine(may_attend, [("each query itself and those before", mask)])


def check_masked_weights(masked_weights: Callable[[Tensor, Tensor], Tensor] | None) -> Verdict:
    """Check a function from scaled matches and a mask, both (T, S), to attention weights (T, S)."""
    matches = torch.tensor([[1.0, 2.0, 5.0]]).log()
    allowed = torch.tensor([[True, True, False]])
    values = torch.tensor([8.0, 4.0, 16.0])
    mistakes = [
        (8.0, "8: a match that is multiplied by 0 is still exp(0) = 1 strong."),
        (2.0, "2: the forbidden key took its share first, and the row sums to 3/8."),
        (16.0, "16: inverted, the query reads the one key it may not read."),
        (12.0, "12: the mask did nothing."),
    ]

    def worked(f: Answer) -> Mistake:
        found = f(matches, allowed)
        if mistake := misshapen(found, (1, 3), "that of the matches, "):
            return mistake
        output = float(found[0].float() @ values)
        if near(output, 16 / 3, atol=1e-3):
            return None
        said = [words for wrong, words in mistakes if near(output, wrong, atol=1e-3)]
        return f"The chapter's numbers give {[*said, f'{output:.2f}, not 5.33.'][0]}"

    def random(f: Answer) -> Mistake:
        generator = torch.Generator().manual_seed(0)
        many = torch.randn(6, 9, generator=generator) * 3
        mask = torch.rand(6, 9, generator=generator) < 0.5
        mask[:, 4] = True
        right = many.masked_fill(~mask, -torch.inf).softmax(1)
        return named(f(many, mask), right, "Not the softmax over the allowed keys.")

    def no_hole(f: Answer) -> Mistake:
        weights = f(torch.tensor([[-3e9, -3e9, 0.0]]), allowed)
        if weights.isnan().any():
            return (
                "0/0: the forbidden key had taken the whole weight before it was thrown out. Mask "
                "before the softmax."
            )
        lost = "Allowed matches of -3e9 lose to your forbidden one: only -inf is never reached."
        return None if near(weights, torch.tensor([[0.5, 0.5, 0.0]])) else lost

    return examine(
        masked_weights,
        [("5.33", worked), ("softmax over the allowed", random), ("no hole", no_hole)],
    )


def check_causal_attention(
    causal_attention: Callable[[Tensor, Tensor, Tensor], Tensor] | None,
) -> Verdict:
    """Check that attention over a whole text gives every prefix what the prefix alone gives."""
    generator = torch.Generator().manual_seed(1)
    texts = [torch.randn(3, T, d, generator=generator).unbind() for T, d in ((9, 4), (6, 7))]

    def prefix(f: Answer) -> Mistake:
        for q, k, v in texts:
            whole = f(q, k, v)
            if mistake := misshapen(whole, q.shape):
                return mistake
            if near(whole, (q @ k.T / q.shape[1] ** 0.5).softmax(1) @ v):
                return "There is no mask: every query reads the whole text."
            for n in range(1, len(q)):
                if not near(f(q[:n], k[:n], v[:n]), whole[:n]):
                    return (
                        f"The first {n} outputs change when the text goes on after token {n - 1}."
                    )
        return None

    def equal(f: Answer) -> Mistake:
        for q, k, v in texts:
            found = f(q, k, v)
            if not near(found[0], v[0]):
                return "The first token has only itself to read: its output is its own value."
            mask = torch.ones(len(q), len(q), dtype=torch.bool).tril()
            right = (q @ k.T / q.shape[1] ** 0.5).masked_fill(~mask, -torch.inf).softmax(1) @ v
            otherwise = "Causal, but not softmax attention: is the scale 1/sqrt(d)?"
            if mistake := named(found, right, otherwise):
                return mistake
        return None

    return examine(causal_attention, [("prefix = whole", prefix), ("softmax attention", equal)])


def check_cached_mask(cached_mask: Callable[[int, int], Tensor] | None) -> Verdict:
    """Check the mask of the last n tokens of a text as queries, all S tokens as keys."""

    def corner(f: Answer) -> Mistake:
        for n, S in ((1, 5), (3, 7), (4, 4)):
            found, ones = f(n, S), torch.ones(n, S, dtype=torch.bool)
            if tuple(found.shape) != (n, S) or found.dtype != torch.bool:
                return f"The result must be booleans of shape ({n}, {S})."
            if torch.equal(found, ones.tril(S - n)):
                continue
            if torch.equal(found, ones.tril()):
                return "Your triangle starts top left: a single query would read key 0 alone."
            if torch.equal(found, ones):
                return "The queries may read one another's future: only the last may read all."
            if torch.equal(found, ones.tril(S - n - 1)):
                return "Each query stands among the keys too: it may read itself."
            return f"Query i of {n} stands at position S - {n} + i, and reads up to there."
        return None

    return examine(cached_mask, [("the triangle ends bottom right", corner)])
