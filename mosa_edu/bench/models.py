"""Models side by side: what a forward pass, a training step and a cache cost each."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mosa_edu.bench.layer import saved_bytes
from mosa_edu.bench.paired import peak_bytes, take_turns, torch_threads
from mosa_edu.checks import require
from mosa_edu.config import ModelConfig
from mosa_edu.costs import kv_bytes, kv_slots, model_flops, model_parameters
from mosa_edu.model import TransformerLM
from mosa_edu.progress import track
from mosa_edu.training.evaluate import mean_loss
from mosa_edu.training.optimizer import autocast


def measure_pair(
    configs: Mapping[str, ModelConfig],
    rows: int,
    *,
    rounds: int = 7,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> list[dict[str, Any]]:
    """Measure forward passes and training steps of untrained models side by side."""
    require(rounds >= 3, "rounds", rounds, "at least 3")
    device = device or torch.device("cpu")
    passes, steps, peaks, saved = {}, {}, {}, {}
    for name, config in track(configs.items(), "bytes of a training step", "models"):
        torch.manual_seed(0)
        model = TransformerLM(config).to(device)
        tokens = torch.randint(config.vocab_size, (rows, config.max_seq_len + 1), device=device)
        saved[name] = saved_bytes(model, tokens[:1, :-1])
        passes[name] = _finished(_forward(model, tokens, dtype))
        steps[name] = _finished(_step(model, tokens, dtype))
        steps[name]()  # the optimizer's averages stay
        peaks[name] = peak_bytes(steps[name], device)
    reference = next(iter(configs))
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    by_step, by_pass = (take_turns(calls, rounds, clock) for calls in (steps, passes))
    return [
        {"model": name, **_sizes(config)}
        | _times("", "step_ms", by_step[name], by_step[reference])
        | _times("forward_", "forward_ms", by_pass[name], by_pass[reference])
        | {"saved_bytes": saved[name], "peak_bytes": peaks[name]}
        for name, config in configs.items()
    ]


def _forward(model: TransformerLM, tokens: Tensor, dtype: torch.dtype) -> Callable[[], None]:
    @torch.no_grad()
    def call() -> None:
        with autocast(dtype, tokens.device):
            model(tokens[:, :-1])

    return call


def _step(model: TransformerLM, tokens: Tensor, dtype: torch.dtype) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)

    def call() -> None:
        with autocast(dtype, tokens.device):
            logits = model(tokens[:, :-1])
        mean_loss(logits, tokens[:, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return call


def _finished(call: Callable[[], None]) -> Callable[[], None]:
    """Make a call that ends when a GPU has."""

    def timed() -> None:
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return timed


def _sizes(config: ModelConfig) -> dict[str, Any]:
    return {
        "n_dense_heads": config.n_dense_heads,
        "n_local_heads": config.n_local_heads,
        "n_sparse_heads": config.n_sparse_heads,
        "sparsity": config.sparsity,
        "parameters": model_parameters(config).total,
        "flops": model_flops(config).total,
        "kv_slots": kv_slots(config),
        "kv_bytes": kv_bytes(config),
    }


def _times(prefix: str, median: str, own: list[float], reference: list[float]) -> dict[str, float]:
    ratios = [mine / other for mine, other in zip(own, reference, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return {
        median: round(1e3 * statistics.median(own), 3),
        f"{prefix}time": round(middle, 4),
        f"{prefix}time_low": round(low, 4),
        f"{prefix}time_high": round(high, 4),
    }


RULES = ("mosa", "prefix", "threshold", "token", "dense")
"""The paper's rule first: the others are compared with it."""

TEXTS = 4
"""Of a timed batch."""


def rule_rows(
    models: Mapping[str, ModelConfig], *, rounds: int = 7, threads: int = 1
) -> list[dict[str, Any]]:
    """Measure forward passes and training steps of models that differ in their rule."""
    with torch_threads(threads):
        return measure_pair(models, TEXTS, rounds=rounds)


LENGTHS = (1024, 2048, 4096, 8192)
"""Tokens of the long texts."""

REFERENCE = "routing"
"""The model whose FLOPs the others may spend."""


def long_context_rows(
    models: Mapping[int, Mapping[str, ModelConfig]],
    *,
    rounds: int = 7,
    threads: int = 1,
) -> list[dict[str, Any]]:
    """Measure forward passes and training steps of one text at every length."""
    with torch_threads(threads):
        return [
            {"T": length, **row}
            for length, named in track(models.items(), "long texts", "lengths")
            for row in measure_pair(_reference_first(named), rows=1, rounds=rounds)
        ]


def _reference_first(named: Mapping[str, ModelConfig]) -> dict[str, ModelConfig]:
    order: Sequence[str] = sorted(named, key=lambda name: name != REFERENCE)
    return {name: named[name] for name in order}
