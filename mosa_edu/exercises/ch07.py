"""Checks of chapter 7: perplexity, bits per byte, and gains paired by seed."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, named


def check_perplexity(perplexity: Callable[[Tensor], float] | None) -> Verdict:
    """Check the perplexity of a model that gave the true tokens these probabilities."""
    p = torch.tensor([1 / 2, 1 / 4, 1 / 8])
    loss = -p.log().mean()
    mistakes = [
        ((1 / p).mean(), "That is the mean of 1/p, 4.67. Average the logarithms, then undo it."),
        (1 / p.mean(), "That is one over the mean probability; average the logarithms."),
        (2**loss, "Natural logarithm, but a power of 2: use one base."),
        (loss, "That is the loss; perplexity is its exponential."),
    ]

    def value(f: Answer) -> Mistake:
        otherwise = "Probabilities 1/2, 1/4, 1/8 give exactly 4."
        return named(float(f(p)), 4.0, otherwise, mistakes, rtol=1e-4)

    def others(f: Answer) -> Mistake:
        more = torch.tensor([0.9, 0.5, 0.05, 0.2, 0.2])
        right = float((-more.log()).mean().exp())
        return named(float(f(more)), right, f".9, .5, .05, .2, .2 give {right:.3f}.", rtol=1e-4)

    return examine(perplexity, [("4 for 1/2, 1/4, 1/8", value), ("other texts", others)])


def check_bits_per_byte(bits_per_byte: Callable[[float, int, int], float] | None) -> Verdict:
    """Check the conversion that lets models with different tokenizers be compared."""

    def value(f: Answer) -> Mistake:
        bits = 3.0 / math.log(2)
        right = bits * 100 / 320
        mistakes = [
            (3.0 * 100 / 320, "These are nats per byte; a bit is ln 2 nats."),
            (bits * 320 / 100, "Upside down: total bits are shared out over the bytes."),
            (bits, "These are bits per token; a token stands for several bytes."),
        ]
        otherwise = f"3 nats, 100 tokens, 320 bytes give {right:.3f}."
        return named(float(f(3.0, 100, 320)), right, otherwise, mistakes, rtol=1e-4)

    return examine(bits_per_byte, [("total bits over total bytes", value)])


Losses = Mapping[int, float]


def check_paired_gain(paired_gain: Callable[[Losses, Losses], float] | None) -> Verdict:
    """Check the mean gain of a model over a baseline, seed by seed."""
    baseline, model = {0: 4.0, 1: 4.4, 2: 3.9}, {0: 3.9, 2: 3.6, 3: 3.0}

    def value(f: Answer) -> Mistake:
        one = "That is one seed; average over all that both have."
        mistakes = [
            (-0.2, "The sign: lower loss is better, so baseline minus model."),
            (4.1 - 3.5, "These are means over different seeds: pair them first."),
            (0.1, one),
            (0.3, one),
            (0.4 / 3, "Two seeds are in both: divide their sum by 2, not by 3."),
        ]
        otherwise = "Seeds 0 and 2 are in both; the mean gain is 0.2."
        return named(float(f(baseline, model)), 0.2, otherwise, mistakes, rtol=1e-4)

    return examine(paired_gain, [("mean over shared seeds", value)])
