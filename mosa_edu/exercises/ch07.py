"""Checks of chapter 7: perplexity, bits per byte, and gains paired by seed."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Verdict, examine


def _near(found: Any, right: float) -> bool:
    return math.isclose(float(found), right, rel_tol=1e-4, abs_tol=1e-6)


def check_perplexity(perplexity: Callable[[Tensor], float] | None) -> Verdict:
    """Check the perplexity of a model that gave the true tokens these probabilities."""
    p = torch.tensor([1 / 2, 1 / 4, 1 / 8])
    wrong = {
        float(
            (1 / p).mean()
        ): "That is the mean of 1/p, 4.67. Average the logarithms, then undo it.",
        float(1 / p.mean()): "That is one over the mean probability; average the logarithms.",
        2 ** float(-p.log().mean()): "Natural logarithm, but a power of 2: use one base.",
        float(-p.log().mean()): "That is the loss; perplexity is its exponential.",
    }

    def value(f: Callable[..., Any]) -> str | None:
        found = f(p)
        for number, mistake in wrong.items():
            if _near(found, number):
                return mistake
        return None if _near(found, 4.0) else "Probabilities 1/2, 1/4, 1/8 give exactly 4."

    def others(f: Callable[..., Any]) -> str | None:
        more = torch.tensor([0.9, 0.5, 0.05, 0.2, 0.2])
        right = float((-more.log()).mean().exp())
        return None if _near(f(more), right) else f".9, .5, .05, .2, .2 give {right:.3f}."

    return examine(perplexity, [("4 for 1/2, 1/4, 1/8", value), ("other texts", others)])


def check_bits_per_byte(bits_per_byte: Callable[[float, int, int], float] | None) -> Verdict:
    """Check the conversion that lets models with different tokenizers be compared."""

    def value(f: Callable[..., Any]) -> str | None:
        found, right = f(3.0, 100, 320), 3.0 / math.log(2) * 100 / 320
        if _near(found, right * math.log(2)):
            return "These are nats per byte; a bit is ln 2 nats."
        if _near(found, 3.0 / math.log(2) * 320 / 100):
            return "Upside down: total bits are shared out over the bytes."
        if _near(found, 3.0 / math.log(2)):
            return "These are bits per token; a token stands for several bytes."
        return None if _near(found, right) else f"3 nats, 100 tokens, 320 bytes give {right:.3f}."

    return examine(bits_per_byte, [("total bits over total bytes", value)])


Losses = Mapping[int, float]


def check_paired_gain(paired_gain: Callable[[Losses, Losses], float] | None) -> Verdict:
    """Check the mean gain of a model over a baseline, seed by seed."""
    baseline, model = {0: 4.0, 1: 4.4, 2: 3.9}, {0: 3.9, 2: 3.6, 3: 3.0}

    def value(f: Callable[..., Any]) -> str | None:
        found, right = f(baseline, model), 0.2
        if _near(found, -right):
            return "The sign: lower loss is better, so baseline minus model."
        if _near(found, 4.1 - 3.5):
            return "These are means over different seeds: pair them first."
        if _near(found, 0.1) or _near(found, 0.3):
            return "That is one seed; average over all that both have."
        if _near(found, 0.4 / 3):
            return "Two seeds are in both: divide their sum by 2, not by 3."
        return None if _near(found, right) else "Seeds 0 and 2 are in both; the mean gain is 0.2."

    return examine(paired_gain, [("mean over shared seeds", value)])
