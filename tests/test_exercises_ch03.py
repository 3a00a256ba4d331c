"""Every check of chapter 3 accepts the solution and names each of its known mistakes."""

import pytest
import torch

from mosa_edu.exercises import ch03


def logits_of(x, w):
    return (x @ w.T).transpose(1, 2)


def slopes(z, a, kept, factor):
    gradient = torch.zeros_like(z)
    gradient[kept] = (a * factor(z.sigmoid()))[kept]
    return gradient


SOLUTIONS = {
    ch03.check_scores: lambda x, w: logits_of(x, w).sigmoid(),
    ch03.check_gradient: lambda z, a, kept: slopes(z, a, kept, lambda r: r * (1 - r)),
    ch03.check_margins: lambda z, k: z - z.topk(k, dim=-1).values[:, -1:],
}
MISTAKES = [
    (ch03.check_scores, lambda x, w: (x @ w.T).sigmoid(), "heads come second"),
    (ch03.check_scores, lambda x, w: logits_of(x, w).softmax(2), "softmax over tokens"),
    (ch03.check_scores, lambda x, w: logits_of(x, w).softmax(1), "softmax over heads"),
    (ch03.check_scores, logits_of, "sigmoid is missing"),
    (ch03.check_scores, lambda x, w: (logits_of(x, w) + 1).sigmoid(), "bias"),
    (ch03.check_gradient, lambda z, a, kept: 0 * z, "detached"),
    (
        ch03.check_gradient,
        lambda z, a, kept: a * z.sigmoid() * (1 - z.sigmoid()),
        "the others learn nothing",
    ),
    (ch03.check_gradient, lambda z, a, kept: slopes(z, a, kept, lambda r: r), "factor 1 - r"),
    (ch03.check_margins, lambda z, k: z - z.max(1, keepdim=True).values, "from the best token"),
    (
        ch03.check_margins,
        lambda z, k: z - z.sort(dim=1, descending=True).values[:, min(k, 10) : min(k, 10) + 1],
        "first one left out",
    ),
]


@pytest.mark.parametrize("check", SOLUTIONS, ids=lambda check: check.__name__)
def test_the_solution_passes_and_an_empty_answer_stops_nothing(check):
    assert check(SOLUTIONS[check]), check(SOLUTIONS[check])
    assert repr(check(lambda *args: ...)) == "not tried yet"


@pytest.mark.parametrize(("check", "wrong", "named"), MISTAKES)
def test_known_mistakes_are_named(check, wrong, named):
    verdict = check(wrong)
    assert not verdict.passed
    assert named in verdict.message
