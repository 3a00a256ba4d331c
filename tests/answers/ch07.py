"""Answers to chapter 7: for each check right ones, and mistakes with what is said of them."""

import math
import statistics

import numpy as np

from mosa_edu.exercises import ch07


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def in_place(p):
    p.log_().neg_()
    return p.mean().exp()


def median_gain(a, b):
    return statistics.median(a[seed] - b[seed] for seed in a.keys() & b.keys())


SOLUTIONS = {
    ch07.check_perplexity: [
        lambda p: float((-p.log()).mean().exp()),
        in_place,
        lambda p: np.prod(p.double().numpy()) ** (-1 / len(p)),
    ],
    ch07.check_bits_per_byte: [
        lambda loss, tokens, n: loss / math.log(2) * tokens / n,
        lambda loss, tokens, n: np.float32(math.log2(math.exp(loss * tokens / n))),
        lambda loss, tokens, n: [loss * tokens / (math.log(2) * n)],
    ],
    ch07.check_paired_gain: [
        lambda a, b: mean(a[seed] - b[seed] for seed in a.keys() & b.keys()),
        lambda a, b: -np.mean([b[seed] - a.pop(seed) for seed in b if seed in a]),
        lambda a, b: mean(a[s] for s in a if s in b) - mean(b[s] for s in b if s in a),
    ],
}
MISTAKES = {
    ch07.check_perplexity: [
        (lambda p: float((1 / p).mean()), "mean of 1/p"),
        (lambda p: float(1 / p.mean()), "mean probability"),
        (lambda p: 2 ** float(-p.log().mean()), "one base"),
        (lambda p: float(-p.log().mean()), "is the loss"),
        (lambda p: float((1 / p).median()), ".9, .5, .05"),
        (lambda p: 4.0, "You return 4, not"),
        (lambda p: float((1 / p).prod()), "average them"),
        (lambda p: (-p.log()).exp(), "one number"),
    ],
    ch07.check_bits_per_byte: [
        (lambda loss, tokens, n: loss * tokens / n, "nats per byte"),
        (lambda loss, tokens, n: loss / math.log(2) * n / tokens, "Upside"),
        (lambda loss, tokens, n: loss / math.log(2), "bits per token"),
        (lambda loss, tokens, n: 3 / math.log(2) * 100 / 320, "1.5 nats, 70 tokens"),
    ],
    ch07.check_paired_gain: [
        (lambda a, b: mean(b[seed] - a[seed] for seed in a.keys() & b.keys()), "The sign"),
        (lambda a, b: mean(a.values()) - mean(b.values()), "pair them"),
        (lambda a, b: a[0] - b[0], "one seed"),
        (lambda a, b: sum(a[s] - b[s] for s in a if s in b) / 3, "by 2, not"),
        (lambda a, b: sum(a[s] - b[s] for s in a if s in b), "the sum"),
        (lambda a, b: sum(a[s] - b[s] for s in a if s in b) / 2, "not 0.225"),
        (median_gain, "the median"),
        (lambda a, b: 0.2, "the mean is .225"),
    ],
}
