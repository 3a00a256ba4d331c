"""Checks of chapter 8: seats, overlap against chance, and what a head is worth to the loss."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from mosa_edu.analysis.overlap import chance_jaccard, jaccard
from mosa_edu.exercises.verdict import (
    Answer,
    Mistake,
    Verdict,
    examine,
    misshapen,
    named,
    near,
    number_of,
)


def check_counts(heads_per_token: Callable[[np.ndarray, int], np.ndarray] | None) -> Verdict:
    """Check how many heads keep each token."""
    generator = np.random.default_rng(0)

    def keep(H: int, T: int, k: int) -> np.ndarray:
        """Positions of k tokens in each head; nobody keeps the last one."""
        return np.sort(generator.random((H, T - 1)).argsort(axis=1)[:, :k], axis=1)

    first, second = keep(12, 20, 5), keep(3, 6, 2)

    def length(f: Answer) -> Mistake:
        found = f(first, 20)
        if tuple(found.shape) == (12,):
            return "That counts by head, where every count is k. Count by token."
        if found.dim() == 1 and len(found) < 20:
            return "Tokens that nobody keeps count, too: the result has T entries."
        return misshapen(found, (20,), "one number a token, ")

    def adds_up(f: Answer) -> Mistake:
        for indices, T in ((first, 20), (second, 6)):
            found, right = f(indices, T), np.bincount(indices.ravel(), minlength=T)
            if near(found, right):
                continue
            if found.max() <= 1:
                return (
                    "A token in two heads counts twice. `counts[indices] += 1` adds once a token."
                )
            if found.sum() != indices.size:
                return f"Every head fills k seats: {indices.size} in all, not {found.sum():g}."
            return named(found, right, "The seats add up, but sit at other tokens.")
        return None

    return examine(heads_per_token, [("one number a token", length), ("H times k seats", adds_up)])


def _two_numbers(answer: Any) -> tuple[float, float]:
    first, second = answer
    return number_of(first), number_of(second)


def check_overlap(
    overlap_and_chance: Callable[[np.ndarray, np.ndarray], tuple[float, float]] | None,
) -> Verdict:
    """Check the overlap of two heads and the overlap of two blind ones."""
    a, b = np.zeros((2, 6), dtype=bool)
    a[[1, 3]] = b[[2, 3]] = True

    def observed(f: Answer) -> Mistake:
        divisors = [(1 / 2, "k, the tokens of one head"), (1 / 6, "T, all tokens"), (1 / 4, "2k")]
        words = "You divided by {}; Jaccard divides by the tokens that either keeps."
        mistakes = [(wrong, words.format(by)) for wrong, by in divisors]
        return named(f(a, b)[0], 1 / 3, "One shared token of three gives 1/3.", mistakes)

    def null(f: Answer) -> Mistake:
        found = f(a, b)[1]
        if near(found, 0.2, atol=5e-3):
            return "That is the ratio of two means, .2. Take the mean of the ratio: .244."
        mistake = "1/3 is k / T, the share of the text; blind heads overlap by less."
        otherwise = "Two blind heads of 2 in 6 overlap by .244 on average."
        return named(found, chance_jaccard(6, 2), otherwise, [(1 / 3, mistake)], atol=0.01)

    def random_heads(f: Answer) -> Mistake:
        picked = np.random.default_rng(1).random((2, 30)).argsort(axis=1) < 7
        right = jaccard(picked)[0, 1], chance_jaccard(30, 7)
        otherwise = f"7 of 30 tokens each: {right[0]:.3f} and {right[1]:.3f}."
        return named(f(*picked), right, otherwise, atol=0.02)

    def nothing(f: Answer) -> Mistake:
        empty = np.zeros(6, dtype=bool)
        found = f(empty, empty)[0]
        return (
            None if found == 0 else f"Two heads that keep nothing: 0 / 0 is to be 0, not {found}."
        )

    properties = [("shared over either", observed), ("the mean of blind heads", null)]
    properties += [("random heads", random_heads), ("0 / 0 is 0 if nobody is kept", nothing)]
    wanted = "two numbers, the overlap and that of blind heads: one alone says nothing"
    return examine(overlap_and_chance, properties, _two_numbers, wanted)


def check_ablation(
    head_effect: Callable[[np.ndarray, int, Callable[[np.ndarray], float]], float] | None,
) -> Verdict:
    """Check what the removal of a head does to the loss."""
    written = np.random.default_rng(2).normal(size=(4, 8, 3))
    written[2] *= 5  # writes most, and the loss below does not read it
    target = written[[0, 1, 3]].sum(axis=0)

    def loss(total: np.ndarray | Tensor) -> float:
        return float(np.abs(np.asarray(total) - target).mean())

    def value(f: Answer) -> Mistake:
        total = written.sum(axis=0)
        for head in range(4):
            alone, without, whole = map(loss, (written[head], total - written[head], total))
            right = without - whole
            mistakes = [
                (-right, "The sign: a head that helps has a positive effect, without minus with."),
                (alone - whole, "You kept that head alone. Keep all the others."),
                (without, "That is the loss without the head; subtract the loss with all of them."),
            ]
            otherwise = f"Head {head}. Ask the loss, not the output."
            found = f(written, head, loss)
            if mistake := named(found, right, otherwise, mistakes, atol=1e-6, rtol=1e-5):
                return mistake
        return None

    return examine(head_effect, [("loss without minus loss with", value)], number_of, "one number")
