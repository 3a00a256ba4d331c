"""Every check of chapter 7 accepts the solution and names each of its known mistakes."""

import math

import pytest

from mosa_edu.exercises import ch07


def mean(values):
    values = list(values)
    return sum(values) / len(values)


SOLUTIONS = {
    ch07.check_perplexity: lambda p: float((-p.log()).mean().exp()),
    ch07.check_bits_per_byte: lambda loss, tokens, n: loss / math.log(2) * tokens / n,
    ch07.check_paired_gain: lambda a, b: mean(a[seed] - b[seed] for seed in a.keys() & b.keys()),
}
MISTAKES = [
    (ch07.check_perplexity, lambda p: float((1 / p).mean()), "mean of 1/p"),
    (ch07.check_perplexity, lambda p: float(1 / p.mean()), "mean probability"),
    (ch07.check_perplexity, lambda p: 2 ** float(-p.log().mean()), "one base"),
    (ch07.check_perplexity, lambda p: float(-p.log().mean()), "is the loss"),
    (ch07.check_perplexity, lambda p: float((1 / p).median()), ".9, .5, .05"),
    (ch07.check_bits_per_byte, lambda loss, tokens, n: loss * tokens / n, "nats per byte"),
    (ch07.check_bits_per_byte, lambda loss, tokens, n: loss / math.log(2) * n / tokens, "Upside"),
    (ch07.check_bits_per_byte, lambda loss, tokens, n: loss / math.log(2), "bits per token"),
    (
        ch07.check_paired_gain,
        lambda a, b: mean(b[seed] - a[seed] for seed in a.keys() & b.keys()),
        "The sign",
    ),
    (ch07.check_paired_gain, lambda a, b: mean(a.values()) - mean(b.values()), "pair them"),
    (ch07.check_paired_gain, lambda a, b: a[0] - b[0], "one seed"),
    (ch07.check_paired_gain, lambda a, b: sum(a[s] - b[s] for s in a if s in b) / 3, "by 2, not"),
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
