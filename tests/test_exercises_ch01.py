"""Every check of chapter 1 accepts the solution and names each of its known mistakes."""

import pytest
import torch

from mosa_edu.exercises import ch01


def right_sum(heads, w_out):
    return sum(head @ block for head, block in zip(heads, w_out.chunk(len(heads)), strict=True))


SOLUTIONS = {
    ch01.check_weights: lambda m: (m - m.max(1, keepdim=True).values).softmax(1),
    ch01.check_scale: lambda q, k: q @ k.T / q.shape[1] ** 0.5,
    ch01.check_split_output: right_sum,
}
MISTAKES = [
    (ch01.check_weights, lambda m: m.softmax(0), "summed over queries"),
    (ch01.check_weights, lambda m: m.exp(), "do not sum to 1"),
    (ch01.check_weights, lambda m: m.exp() / m.exp().sum(1, keepdim=True), "overflow"),
    (ch01.check_weights, lambda m: m.abs() / m.abs().sum(1, keepdim=True), "in proportion"),
    (ch01.check_scale, lambda q, k: q @ k.T, "14.13"),
    (ch01.check_scale, lambda q, k: q @ k.T / q.shape[1], "divided by d_head"),
    (ch01.check_scale, lambda q, k: k @ q.T / 3, "swapped"),
    (ch01.check_split_output, lambda h, w: right_sum(h, w) / 3, "mean of the heads"),
    (
        ch01.check_split_output,
        lambda h, w: torch.einsum("htd,dhm->tm", h, w.view(4, 3, 8)),
        "not every H-th row",
    ),
]


@pytest.mark.parametrize("check", SOLUTIONS, ids=lambda check: check.__name__)
def test_the_solution_passes_and_an_empty_answer_stops_nothing(check):
    assert check(SOLUTIONS[check]), check(SOLUTIONS[check])
    assert repr(check(None)) == "not tried yet"
    assert repr(check(lambda *args: ...)) == "not tried yet"


@pytest.mark.parametrize(("check", "wrong", "named"), MISTAKES)
def test_known_mistakes_are_named(check, wrong, named):
    verdict = check(wrong)
    assert not verdict.passed
    assert named in verdict.message


def test_a_function_that_raises_is_told_so():
    """The notebook goes on: a check reports, it never raises."""
    assert "ZeroDivisionError" in repr(ch01.check_weights(lambda m: 1 / 0))
