"""Checks of chapter 8: seats, overlap against chance, and what a head is worth to the loss."""

import math
from collections.abc import Callable

import numpy as np

from mosa_edu.analysis.overlap import chance_jaccard, jaccard
from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, named, near


def check_counts(heads_per_token: Callable[[np.ndarray, int], np.ndarray] | None) -> Verdict:
    """Check how many heads keep each token."""
    generator = np.random.default_rng(0)
    indices = np.sort(generator.random((12, 20)).argsort(axis=1)[:, :5], axis=1)
    indices[indices == 19] = 0  # nobody keeps the last token

    def length(f: Answer) -> Mistake:
        found = np.asarray(f(indices, 20))
        if found.shape == (12,):
            return "That counts by head, where every count is k. Count by token."
        if found.shape[0] < 20:
            return "Tokens that nobody keeps count, too: the result has T entries."
        return None if found.shape == (20,) else f"One number a token: (20,), not {found.shape}."

    def adds_up(f: Answer) -> Mistake:
        found = np.asarray(f(indices, 20)).astype(int)
        if found.max() <= 1:
            return "A token in two heads counts twice. `counts[indices] += 1` adds once a token."
        if found.sum() != indices.size:
            return f"Every head fills k seats: {indices.size} in all, not {found.sum()}."
        right = np.bincount(indices.ravel(), minlength=20)
        return None if (found == right).all() else "The seats add up, but sit at other tokens."

    return examine(heads_per_token, [("one number a token", length), ("H times k seats", adds_up)])


def check_overlap(
    overlap_and_chance: Callable[[np.ndarray, np.ndarray], tuple[float, float]] | None,
) -> Verdict:
    """Check the overlap of two heads and the overlap of two blind ones."""
    a, b = np.zeros((2, 6), dtype=bool)
    a[[1, 3]] = b[[2, 3]] = True

    def observed(f: Answer) -> Mistake:
        found = f(a, b)
        if np.ndim(found) == 0:
            return "One number alone says nothing: return the overlap and that of blind heads."
        divisors = [(1 / 2, "k, the tokens of one head"), (1 / 6, "T, all tokens"), (1 / 4, "2k")]
        words = "You divided by {}; Jaccard divides by the tokens that either keeps."
        mistakes = [(wrong, words.format(by)) for wrong, by in divisors]
        return named(found[0], 1 / 3, "One shared token of three gives 1/3.", mistakes)

    def null(f: Answer) -> Mistake:
        found = float(f(a, b)[1])
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
        try:
            found = float(f(empty, empty)[0])
        except ZeroDivisionError:
            found = math.nan
        return None if found == 0 else "Two heads that keep nothing: 0 / 0 is to be 0."

    properties = [("shared over either", observed), ("the mean of blind heads", null)]
    properties += [("random heads", random_heads), ("0 for heads that keep nothing", nothing)]
    return examine(overlap_and_chance, properties)


def check_ablation(
    head_effect: Callable[[np.ndarray, int, Callable[[np.ndarray], float]], float] | None,
) -> Verdict:
    """Check what the removal of a head does to the loss."""
    written = np.random.default_rng(2).normal(size=(4, 8, 3))
    written[2] *= 5  # writes most, and the loss below does not read it
    target = written[[0, 1, 3]].sum(axis=0)

    def loss(total: np.ndarray) -> float:
        return float(np.abs(total - target).mean())

    def value(f: Answer) -> Mistake:
        total = written.sum(axis=0)
        for head in range(4):
            found = float(f(written.copy(), head, loss))
            alone, without, whole = map(loss, (written[head], total - written[head], total))
            right = without - whole
            mistakes = [
                (-right, "The sign: a head that helps has a positive effect, without minus with."),
                (alone - whole, "You kept that head alone. Keep all the others."),
                (without, "That is the loss without the head; subtract the loss with all of them."),
            ]
            other = f"Head {head}: {right:.3f}, not {found:.3f}. Ask the loss, not the output."
            if mistake := named(found, right, other, mistakes, atol=0, rtol=1e-6):
                return mistake
        return None

    def keeps(f: Answer) -> Mistake:
        own = written.copy()
        f(own, 1, loss)
        return None if (own == written).all() else "You changed `written`: the next head sees it."

    return examine(head_effect, [("loss without minus loss with", value), ("no trace left", keeps)])
