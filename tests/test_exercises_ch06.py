"""Every check of chapter 6 accepts the solution and names each of its known mistakes."""

import math

import pytest

from mosa_edu.exercises import ch06


def dense(h, d, T):
    return 8 * h * d * T + 4 * d * T * T


def mosa(h, d, T, k):
    return 8 * h * d * k + 4 * d * k * k + 2 * h * T + d * k


def heads(dense, mosa, n, kept):
    return (n - kept) * dense // mosa


SOLUTIONS = {
    ch06.check_dense_flops: dense,
    ch06.check_mosa_flops: mosa,
    ch06.check_head_count: heads,
}
MISTAKES = [
    (ch06.check_dense_flops, lambda h, d, T: dense(h, d, T) // 2, "Half of it"),
    (ch06.check_dense_flops, lambda h, d, T: 8 * h * d * T + 2 * d * T * T, "Half of the attent"),
    (ch06.check_dense_flops, lambda h, d, T: 8 * h * d * T + 2 * d * T * (T + 1), "causal half"),
    (ch06.check_dense_flops, lambda h, d, T: 6 * h * d * T + 4 * d * T * T, "W^O is missing"),
    (ch06.check_dense_flops, lambda h, d, T: 2 * h * d * T + 4 * d * T * T, "four projections"),
    (ch06.check_dense_flops, lambda h, d, T: 8 * h * d * T + 4 * d * T, "T², not T"),
    (ch06.check_dense_flops, lambda h, d, T: 4 * d * T * T, "projections are missing"),
    (ch06.check_dense_flops, lambda h, d, T: 8 * h * d * T, "Attention itself"),
    (ch06.check_dense_flops, lambda h, d, T: h + d + T, "costs 8192, not 28"),
    (ch06.check_mosa_flops, lambda h, d, T, k: mosa(h, d, T, k) - 2 * h * T, "2 d_model T is miss"),
    (ch06.check_mosa_flops, lambda h, d, T, k: mosa(h, d, k, k), "all T tokens"),
    (ch06.check_mosa_flops, lambda h, d, T, k: dense(h, d, T) + 2 * h * T + d * T, "T for k"),
    (
        ch06.check_mosa_flops,
        lambda h, d, T, k: 8 * h * d * T + 4 * d * k * k + 2 * h * T + d * k,
        "only the k kept tokens are projected",
    ),
    (
        ch06.check_mosa_flops,
        lambda h, d, T, k: 8 * h * d * k + 4 * d * k * T + 2 * h * T + d * k,
        "the keys are the k kept",
    ),
    (
        ch06.check_mosa_flops,
        lambda h, d, T, k: 8 * h * d * k + 4 * d * T * T + 2 * h * T + d * k,
        "k by k",
    ),
    (ch06.check_mosa_flops, lambda h, d, T, k: mosa(h, d, T, k) - d * k, "gates are missing"),
    (ch06.check_mosa_flops, lambda h, d, T, k: mosa(h, d, T, k) + d * k, "adds nothing"),
    (ch06.check_mosa_flops, lambda h, d, T, k: mosa(h, d, T, k) + d * (T - k), "outputs are gated"),
    (ch06.check_mosa_flops, lambda h, d, T, k: mosa(h, d, T, k) // 2, "Half of it"),
    (ch06.check_mosa_flops, lambda h, d, T, k: 1, "costs 1552, not 1"),
    (ch06.check_head_count, lambda a, b, n, kept: round((n - kept) * a / b), "You rounded"),
    (ch06.check_head_count, lambda a, b, n, kept: math.ceil((n - kept) * a / b), "over the budget"),
    (ch06.check_head_count, lambda a, b, n, kept: n * a // b, "4 of the 9 dense heads stay"),
    (ch06.check_head_count, lambda a, b, n, kept: (n - kept) * (a // b), "Divide last"),
    (ch06.check_head_count, lambda a, b, n, kept: ((n - kept) * a - 1) // b, "exactly 24"),
    (ch06.check_head_count, lambda a, b, n, kept: 1, "buy 21 of 1552"),
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
