"""What a training step costs under each rule of selection, in twins of equal FLOPs."""

from collections.abc import Mapping
from typing import Any

from mosa_edu.bench.pair import measure_pair
from mosa_edu.bench.paired import torch_threads
from mosa_edu.config import ModelConfig

RULES = ("mosa", "prefix", "threshold", "token", "dense")
"""The paper's rule first: the others are compared with it."""

TEXTS = 4
"""Of a timed batch."""


def rule_rows(
    models: Mapping[str, ModelConfig], *, rounds: int = 7, threads: int = 1
) -> list[dict[str, Any]]:
    """Measure forward passes and training steps of twins that differ in their rule.

    Parameters
    ----------
    models : mapping of str to ModelConfig
        By rule, the reference first.
    rounds, threads : int
        See `time_in_turns`.

    Returns
    -------
    list of dict
        By rule, see `measure_pair`.
    """
    with torch_threads(threads):
        return measure_pair(models, TEXTS, rounds=rounds)
