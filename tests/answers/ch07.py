"""Answers to chapter 7: for each check the solution, and mistakes with what is said of them."""

import math

from mosa_edu.exercises import ch07


def mean(values):
    values = list(values)
    return sum(values) / len(values)


SOLUTIONS = {
    ch07.check_perplexity: lambda p: float((-p.log()).mean().exp()),
    ch07.check_bits_per_byte: lambda loss, tokens, n: loss / math.log(2) * tokens / n,
    ch07.check_paired_gain: lambda a, b: mean(a[seed] - b[seed] for seed in a.keys() & b.keys()),
}
MISTAKES = {
    ch07.check_perplexity: [
        (lambda p: float((1 / p).mean()), "mean of 1/p"),
        (lambda p: float(1 / p.mean()), "mean probability"),
        (lambda p: 2 ** float(-p.log().mean()), "one base"),
        (lambda p: float(-p.log().mean()), "is the loss"),
        (lambda p: float((1 / p).median()), ".9, .5, .05"),
    ],
    ch07.check_bits_per_byte: [
        (lambda loss, tokens, n: loss * tokens / n, "nats per byte"),
        (lambda loss, tokens, n: loss / math.log(2) * n / tokens, "Upside"),
        (lambda loss, tokens, n: loss / math.log(2), "bits per token"),
    ],
    ch07.check_paired_gain: [
        (lambda a, b: mean(b[seed] - a[seed] for seed in a.keys() & b.keys()), "The sign"),
        (lambda a, b: mean(a.values()) - mean(b.values()), "pair them"),
        (lambda a, b: a[0] - b[0], "one seed"),
        (lambda a, b: sum(a[s] - b[s] for s in a if s in b) / 3, "by 2, not"),
    ],
}
