"""What a token costs: the attention of one layer, decoding with a sparse cache or a dense one."""

import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median, quantiles
from typing import Any

import torch

from mosa_edu.checks import require
from mosa_edu.config import ModelConfig
from mosa_edu.generation.cache import FullHeads, Heads, decoding_heads
from mosa_edu.generation.decoder import Cache
from mosa_edu.head_kinds import kinds
from mosa_edu.model import build_attention
from mosa_edu.progress import track
from mosa_edu.records import provenance
from mosa_edu.records.probe import ProbeRecord

KINDS = kinds(sparse=True, in_config=True, causal=True)
SPARSITIES = (8, 16, 64)
LENGTHS = (512, 1024, 2048, 4096, 8192)
SHAPE = ModelConfig(
    vocab_size=1, d_model=512, n_layers=1, d_head=64, max_seq_len=512, n_dense_heads=16
)
"""Sixteen heads of width 64; every kind has as many."""


@torch.no_grad()
def decoding_rows(
    kinds: Sequence[str] = KINDS,
    sparsities: Sequence[int] = SPARSITIES,
    lengths: Sequence[int] = LENGTHS,
    *,
    shape: ModelConfig = SHAPE,
    rounds: int = 7,
    steps: int = 64,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Time the last tokens of texts of several lengths.

    Processor time does not count the time that other programs took. The ratio is formed within
    a round, so that a slow moment slows both of its sides.
    """
    require(rounds >= 2, "rounds", rounds, "at least 2")
    measured = rounds * steps
    require(min(lengths) > measured, "lengths", tuple(lengths), f"above {measured}")
    whole = all(steps % sparsity == 0 for sparsity in sparsities)
    require(whole, "steps", steps, f"a multiple of each sparsity in {tuple(sparsities)}")
    configs = {("dense", 1): shape}
    for kind in kinds:
        sparse = replace(shape, n_dense_heads=0, n_sparse_heads=shape.n_dense_heads, sparse=kind)
        configs |= {(kind, sparsity): replace(sparse, sparsity=sparsity) for sparsity in sparsities}
    rows = []
    for length in track(lengths, "decoding", "lengths"):
        decoders = {
            name: _filled(replace(config, max_seq_len=length), length - measured, seed)
            for name, config in configs.items()
        }
        seconds: dict[tuple[str, int], list[float]] = {name: [] for name in decoders}
        for turn in track(range(rounds), "timing", "rounds"):
            start = length - measured + turn * steps
            for name in list(decoders)[:: 1 if turn % 2 == 0 else -1]:
                seconds[name].append(_time(decoders[name], shape.d_model, start, steps) / steps)
        rows += [
            {"kind": kind, "sparsity": sparsity, "T": length}
            | _summary(seconds[kind, sparsity], seconds["dense", 1])
            | {"slots": Cache(heads).slots(), "bytes": Cache(heads).bytes()}
            for (kind, sparsity), heads in decoders.items()
        ]
    return rows


def _filled(config: ModelConfig, tokens: int, seed: int) -> list[Heads]:
    """Make heads that have read some random tokens."""
    torch.manual_seed(seed)
    layer = build_attention(config)
    layer(torch.randn(4, min(config.max_seq_len, 1024), config.d_model))  # thresholds settle
    heads = decoding_heads(layer.eval(), 1, config.max_seq_len)
    for position in track(range(tokens), f"reading with {config.sparse} heads", "tokens"):
        for part in heads:
            if isinstance(part, FullHeads):  # what is stored does not change the time
                keys, values = torch.randn(2, 1, part.layer.n_heads, config.d_head)
                part.slots.put(keys, values, position)
            else:
                part.step(torch.randn(1, config.d_model), position)
    return heads


def _time(heads: list[Heads], d_model: int, start: int, steps: int) -> float:
    """Return the seconds of processor time that some tokens take."""
    tokens = torch.randn(steps, 1, d_model)
    began = time.process_time()
    for step in range(steps):
        for part in heads:
            part.step(tokens[step], start + step)
    return time.process_time() - began


def _summary(seconds: list[float], dense: list[float]) -> dict[str, float]:
    ratios = [slow / fast for slow, fast in zip(dense, seconds, strict=True)]
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return {
        "milliseconds": round(1e3 * median(seconds), 4),
        "ratio": round(median(ratios), 2),
        "ratio_low": round(low, 2),
        "ratio_high": round(high, 2),
    }


def decoding_records(seed: int, command: str) -> list[ProbeRecord]:
    """Record `decoding_rows` with the sizes of the layer."""
    settings = {
        "seed": seed,
        "threads": torch.get_num_threads(),
        "n_heads": SHAPE.n_dense_heads,
        "d_head": SHAPE.d_head,
        "d_model": SHAPE.d_model,
    }
    origin = provenance(torch.__version__, command=command)
    rows = decoding_rows(seed=seed)
    return [ProbeRecord("decoding", f"decoding-seed{seed}", settings, rows, {}, origin)]
