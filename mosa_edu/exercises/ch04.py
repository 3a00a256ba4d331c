"""Checks of chapter 4: choosing, the k rule, and a batch that is not one long text."""

from collections.abc import Callable

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, misshapen, number_of
from mosa_edu.selection import kept
from mosa_edu.selection.expert_choice import top_k_positions


def check_choose(choose: Callable[[Tensor, int], Tensor] | None) -> Verdict:
    """Check a function from scores (H, T) and k to kept positions (H, k), ascending."""
    generator = torch.Generator().manual_seed(0)
    given = [(torch.rand(H, T, generator=generator), k) for H, T, k in ((3, 12, 4), (2, 6, 1))]

    def best(f: Answer) -> Mistake:
        for scores, k in given:
            found, right = f(scores, k), top_k_positions(scores, k)
            if mistake := misshapen(found, right.shape, "(H, k) = "):
                return mistake
            if torch.equal(found, right):
                continue
            if torch.equal(found.sort(dim=-1).values, right):
                return "The right tokens, in the order of their scores: sort the positions."
            if torch.equal(found.sort(dim=-1).values, top_k_positions(-scores, k)):
                return "These are the tokens with the lowest scores."
            return "Not the k tokens with the highest scores of each head."
        return None

    def ties(f: Answer) -> Mistake:
        for equals in _with_equals():
            found = f(equals, 3)
            if mistake := misshapen(found, (2, 3), "(H, k) = "):
                return f"Equal scores share no place. {mistake}"
            if not torch.equal(found, top_k_positions(equals, 3)):
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
                if (found := f(T, sparsity)) != kept(T, sparsity):
                    given = f"T = {T} at sparsity {sparsity}"
                    return f"{given} gives {kept(T, sparsity)}, not {found:g}."
        return None

    properties = [("rounded down, at least 2, at most T", rule)]
    return examine(k_rule, properties, number_of, "one number")


def check_kept_mask(kept_mask: Callable[[Tensor, int], Tensor] | None) -> Verdict:
    """Check a function from scores (B, H, T) and k to a mask of kept tokens (B, H, T)."""
    generator = torch.Generator().manual_seed(1)
    scores = torch.rand(3, 4, 10, generator=generator)
    given = [(scores, 3), (torch.rand(2, 2, 7, generator=generator), 5)]

    def mask(f: Answer) -> Mistake:
        for some, k in given:
            found, right = f(some, k), _mask_of(some, k)
            if found.shape != some.shape or found.dtype != torch.bool:
                return "The result must be a boolean mask of the shape of the scores."
            if torch.equal(found, right):
                continue
            if (found.sum(-1) != k).any():
                return (
                    "Some heads keep more or fewer than k: is the top-k over the batch or the "
                    "heads?"
                )
            return "Every head keeps k tokens, but not its best ones."
        return None

    def alone(f: Answer) -> Mistake:
        if torch.equal(f(scores[1:2], 3)[0], f(scores, 3)[1]):
            return None
        return "A text's choice changes with the texts beside it."

    def ties(f: Answer) -> Mistake:
        for equals in _with_equals():
            if not torch.equal(f(equals[None], 3), _mask_of(equals[None], 3)):
                return "Among equals the earlier position wins, and no seat is given twice."
        return None

    properties = [("k a head", mask), ("alone as in a batch", alone)]
    return examine(kept_mask, [*properties, ("ties to the earlier", ties)])


def _with_equals() -> list[Tensor]:
    """Return scores (H, T) with ties at the cut, many: a loose sort keeps the order of a few."""
    one_better = torch.zeros(2, 64)
    one_better[:, 40] = 1.0
    two_groups = torch.zeros(2, 64)
    two_groups[:, [9, 20, 33, 50, 61]] = 0.5  # the cut goes through the better group
    return [torch.zeros(2, 64), one_better, two_groups, torch.full((2, 6), 0.25)]


def _mask_of(scores: Tensor, k: int) -> Tensor:
    kept = torch.zeros_like(scores, dtype=torch.bool)
    return kept.scatter_(-1, top_k_positions(scores, k), True)
