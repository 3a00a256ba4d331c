"""Checks of chapter 4: choosing, the k rule, and a batch that is not one long text."""

from collections.abc import Callable

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine
from mosa_edu.selection import kept
from mosa_edu.selection.expert_choice import top_k_positions


def check_choose(choose: Callable[[Tensor, int], Tensor] | None) -> Verdict:
    """Check a function from scores (H, T) and k to kept positions (H, k), ascending."""
    scores = torch.rand(3, 12, generator=torch.Generator().manual_seed(0))

    def best(f: Answer) -> Mistake:
        found, right = f(scores, 4), top_k_positions(scores, 4)
        if tuple(found.shape) != (3, 4):
            return f"The shape is {tuple(found.shape)}, not (H, k) = (3, 4)."
        if torch.equal(found, right):
            return None
        if torch.equal(found.sort(dim=-1).values, right):
            return "The right tokens, in the order of their scores: sort the positions."
        if torch.equal(found.sort(dim=-1).values, top_k_positions(-scores, 4)):
            return "These are the tokens with the lowest scores."
        return "Not the k tokens with the highest scores of each head."

    def ties(f: Answer) -> Mistake:
        for equals in _with_equals():  # many: a sort that is not stable keeps the order of a few
            if not torch.equal(f(equals, 3).sort(dim=-1).values, top_k_positions(equals, 3)):
                return "Among equals the earlier position wins: use a stable sort."
        return None

    return examine(choose, [("k best, ascending", best), ("ties to the earlier", ties)])


def check_k_rule(k_rule: Callable[[int, int], int] | None) -> Verdict:
    """Check the number of tokens that a head keeps."""

    def rule(f: Answer) -> Mistake:
        if f(64, 64) == 1:
            return "T = 64 at sparsity 64 gives 1: a head keeps at least 2."
        if f(1, 64) > 1:
            return "A text of one token has only one to keep."
        if f(100, 8) == 13:
            return "100 / 8 is rounded down, to 12."
        for T in range(1, 130):
            for sparsity in (1, 2, 7, 64):
                if f(T, sparsity) != kept(T, sparsity):
                    return f"T = {T} at sparsity {sparsity} gives {kept(T, sparsity)}."
        return None

    return examine(k_rule, [("rounded down, at least 2, at most T", rule)])


def check_kept_mask(kept_mask: Callable[[Tensor, int], Tensor] | None) -> Verdict:
    """Check a function from scores (B, H, T) and k to a mask of kept tokens (B, H, T)."""
    scores = torch.rand(3, 4, 10, generator=torch.Generator().manual_seed(1))
    right = torch.zeros_like(scores, dtype=torch.bool)
    right.scatter_(-1, scores.topk(3).indices, True)

    def mask(f: Answer) -> Mistake:
        found = f(scores, 3)
        if found.shape != scores.shape or found.dtype != torch.bool:
            return "The result must be a boolean mask of the shape of the scores."
        if torch.equal(found, right):
            return None
        if (found.sum(-1) != 3).any():
            return "Some heads keep more or fewer than k: is the top-k over the batch or the heads?"
        return "Every head keeps k tokens, but not its best ones."

    def alone(f: Answer) -> Mistake:
        if torch.equal(f(scores[1:2], 3)[0], f(scores, 3)[1]):
            return None
        return "A text's choice changes with the texts beside it."

    def ties(f: Answer) -> Mistake:
        for equals in _with_equals():
            if not torch.equal(f(equals[None], 3)[0].nonzero()[:, 1], _flat(equals)):
                return "Among equals the earlier position wins, and no seat is given twice."
        return None

    properties = [("k a head", mask), ("alone as in a batch", alone)]
    return examine(kept_mask, [*properties, ("ties to the earlier", ties)])


def _with_equals() -> list[Tensor]:
    """Return scores (H, 64) that are all equal, and equal but for one token."""
    one_better = torch.zeros(2, 64)
    one_better[:, 40] = 1.0
    return [torch.zeros(2, 64), one_better]


def _flat(scores: Tensor) -> Tensor:
    return top_k_positions(scores, 3).flatten()
