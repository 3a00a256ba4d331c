"""Checks of chapter 7: perplexity, bits per byte, and gains paired by seed."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, named, number_of


def check_perplexity(perplexity: Callable[[Tensor], float] | None) -> Verdict:
    """Check the perplexity of a model that gave the true tokens these probabilities."""
    p = torch.tensor([1 / 2, 1 / 4, 1 / 8])
    loss = -p.log().mean()
    mistakes = [
        ((1 / p).mean(), "That is the mean of 1/p, 4.67. Average the logarithms, then undo it."),
        (1 / p.mean(), "That is one over the mean probability; average the logarithms."),
        (2**loss, "Natural logarithm, but a power of 2: use one base."),
        (loss, "That is the loss; perplexity is its exponential."),
        ((1 / p).prod(), "You added the logarithms up: average them over the tokens."),
    ]

    def value(f: Answer) -> Mistake:
        return named(f(p), 4.0, "1/2, 1/4, 1/8 give exactly 4.", mistakes, rtol=1e-4)

    def others(f: Answer) -> Mistake:
        more = torch.tensor([0.9, 0.5, 0.05, 0.2, 0.2])
        right = float((-more.log()).mean().exp())
        return named(f(more), right, "Other texts: .9, .5, .05, .2, .2.", rtol=1e-4)

    properties = [("4 for 1/2, 1/4, 1/8", value), ("other texts", others)]
    return examine(perplexity, properties, number_of, "one number")


def check_bits_per_byte(bits_per_byte: Callable[[float, int, int], float] | None) -> Verdict:
    """Check the conversion that lets models with different tokenizers be compared."""

    def value(f: Answer) -> Mistake:
        for nats, n_tokens, n_bytes in ((3.0, 100, 320), (1.5, 70, 350)):
            bits = nats / math.log(2)
            mistakes = [
                (nats * n_tokens / n_bytes, "These are nats per byte; a bit is ln 2 nats."),
                (bits * n_bytes / n_tokens, "Upside down: total bits are shared out over bytes."),
                (bits, "These are bits per token; a token stands for several bytes."),
            ]
            otherwise = f"{nats:g} nats, {n_tokens} tokens, {n_bytes} bytes."
            right = bits * n_tokens / n_bytes
            found = f(nats, n_tokens, n_bytes)
            if mistake := named(found, right, otherwise, mistakes, rtol=1e-4):
                return mistake
        return None

    properties = [("total bits over total bytes", value)]
    return examine(bits_per_byte, properties, number_of, "one number")


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
            (0.4, "That is the sum over the seeds; return their mean."),
        ]
        otherwise = "Seeds 0 and 2 are in both; the mean gain is 0.2."
        return named(f(baseline, model), 0.2, otherwise, mistakes, rtol=1e-4)

    def others(f: Answer) -> Mistake:
        before = {7: 3.0, 3: 3.2, 5: 3.4, 9: 9.0, 1: 3.1}
        after = {5: 3.3, 3: 3.1, 1: 2.5, 7: 2.9}
        median = "That is the median of the gains .1, .1, .1, .6; return the mean."
        otherwise = "Gains of .1, .1, .1 and .6: the mean is .225."
        return named(f(before, after), 0.225, otherwise, [(0.1, median)], rtol=1e-4)

    properties = [("mean over shared seeds", value), ("any seeds", others)]
    return examine(paired_gain, properties, number_of, "one number")
