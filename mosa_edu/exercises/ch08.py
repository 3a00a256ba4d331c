"""Checks of chapter 8: seats, overlap against chance, and what a head is worth to the loss."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mosa_edu.analysis.overlap import chance_jaccard, jaccard
from mosa_edu.exercises.verdict import Verdict, examine


def check_counts(heads_per_token: Callable[[np.ndarray, int], np.ndarray] | None) -> Verdict:
    """Check how many heads keep each token."""
    generator = np.random.default_rng(0)
    indices = np.sort(generator.random((12, 20)).argsort(axis=1)[:, :5], axis=1)
    indices[indices == 19] = 0  # nobody keeps the last token

    def length(f: Callable[..., Any]) -> str | None:
        found = np.asarray(f(indices, 20))
        if found.shape == (12,):
            return "That counts by head, where every count is k. Count by token."
        if found.shape[0] < 20:
            return "Tokens that nobody keeps count, too: the result has T entries."
        return None if found.shape == (20,) else f"One number a token: (20,), not {found.shape}."

    def adds_up(f: Callable[..., Any]) -> str | None:
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

    def observed(f: Callable[..., Any]) -> str | None:
        found = f(a, b)
        if np.ndim(found) == 0:
            return "One number alone says nothing: return the overlap and that of blind heads."
        mistakes = {1 / 2: "k, the tokens of one head", 1 / 6: "T, all tokens", 1 / 4: "2k"}
        for wrong, by in mistakes.items():
            if math.isclose(found[0], wrong, abs_tol=1e-6):
                return f"You divided by {by}; Jaccard divides by the tokens that either keeps."
        right = math.isclose(found[0], 1 / 3, abs_tol=1e-6)
        return None if right else "One shared token of three gives 1/3."

    def null(f: Callable[..., Any]) -> str | None:
        found = float(f(a, b)[1])
        if math.isclose(found, 1 / 3, abs_tol=1e-6):
            return "1/3 is k / T, the share of the text; blind heads overlap by less."
        if math.isclose(found, 0.2, abs_tol=5e-3):
            return "That is the ratio of two means, .2. Take the mean of the ratio: .244."
        right = math.isclose(found, chance_jaccard(6, 2), abs_tol=0.01)
        return None if right else "Two blind heads of 2 in 6 overlap by .244 on average."

    def random_heads(f: Callable[..., Any]) -> str | None:
        picked = np.random.default_rng(1).random((2, 30)).argsort(axis=1) < 7
        found, right = f(*picked), (jaccard(picked)[0, 1], chance_jaccard(30, 7))
        same = all(math.isclose(*pair, abs_tol=0.02) for pair in zip(found, right, strict=True))
        return None if same else f"7 of 30 tokens each: {right[0]:.3f} and {right[1]:.3f}."

    def nothing(f: Callable[..., Any]) -> str | None:
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

    def value(f: Callable[..., Any]) -> str | None:
        for head in range(4):
            right = loss(written.sum(axis=0) - written[head]) - loss(written.sum(axis=0))
            found = float(f(written.copy(), head, loss))
            if math.isclose(found, -right, rel_tol=1e-6):
                return "The sign: a head that helps has a positive effect, without minus with."
            if math.isclose(found, loss(written[head]) - loss(written.sum(axis=0)), rel_tol=1e-6):
                return "You kept that head alone. Keep all the others."
            if math.isclose(found, loss(written.sum(axis=0) - written[head]), rel_tol=1e-6):
                return "That is the loss without the head; subtract the loss with all of them."
            if not math.isclose(found, right, rel_tol=1e-6):
                return f"Head {head}: {right:.3f}, not {found:.3f}. Ask the loss, not the output."
        return None

    def keeps(f: Callable[..., Any]) -> str | None:
        own = written.copy()
        f(own, 1, loss)
        return None if (own == written).all() else "You changed `written`: the next head sees it."

    return examine(head_effect, [("loss without minus loss with", value), ("no trace left", keeps)])
