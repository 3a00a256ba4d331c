"""What models of equal FLOPs cost at several lengths of the text."""

from collections.abc import Mapping, Sequence
from typing import Any

from mosa_edu.bench.pair import measure_pair
from mosa_edu.bench.paired import torch_threads
from mosa_edu.config import ModelConfig
from mosa_edu.long_context import LENGTHS, long_models

REFERENCE = "routing"
"""The model whose FLOPs the others may spend."""


def long_context_rows(
    models: Mapping[int, Mapping[str, ModelConfig]] | None = None,
    *,
    rounds: int = 7,
    threads: int = 1,
) -> list[dict[str, Any]]:
    """Measure forward passes and training steps of one text at every length.

    Parameters
    ----------
    models : mapping of int to mapping of str to ModelConfig, optional
        By length and name; those of `long_models` at `LENGTHS` if they are not given.
    rounds, threads : int
        See `time_in_turns`.

    Returns
    -------
    list of dict
        By length ``T`` and model, see `measure_pair`; times are divided by those of `REFERENCE`.
    """
    chosen = models or {length: long_models(length) for length in LENGTHS}
    with torch_threads(threads):
        return [
            {"T": length, **row}
            for length, named in chosen.items()
            for row in measure_pair(_reference_first(named), rows=1, rounds=rounds)
        ]


def _reference_first(named: Mapping[str, ModelConfig]) -> dict[str, ModelConfig]:
    order: Sequence[str] = sorted(named, key=lambda name: name != REFERENCE)
    return {name: named[name] for name in order}
