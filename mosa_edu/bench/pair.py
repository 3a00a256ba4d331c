"""Two trained models of equal loss: what a step, the backward pass and a cache cost each."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mosa_edu.bench.layer import saved_bytes
from mosa_edu.checks import require
from mosa_edu.costs import kv_bytes, kv_slots, model_flops, model_parameters
from mosa_edu.model import ModelConfig, TransformerLM


def measure_pair(
    configs: Mapping[str, ModelConfig],
    rows: int,
    *,
    rounds: int = 7,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> list[dict[str, Any]]:
    """Measure training steps of untrained models side by side.

    Parameters
    ----------
    configs : mapping of str to ModelConfig
        The first is the reference. What is measured does not depend on the weights.
    rows : int
        Texts of the longest length in a batch.
    rounds : int
        Steps of each, in turns, after two that are not counted.
    dtype : torch.dtype
        Of autocast; float32 stands for none.
    device : torch.device, optional
        The CPU if it is not given.

    Returns
    -------
    list of dict
        By ``model``: heads, parameters, FLOPs of a text, ``step_ms`` (median), ``time`` (this over
        the reference, median of the ratios within rounds, with quartiles), ``saved_bytes`` for
        the backward pass of one text in float32, ``peak_bytes`` of a step (None on a CPU),
        ``kv_slots`` of a layer and ``kv_bytes`` of all layers after the longest text.
    """
    require(rounds >= 3, "rounds", rounds, "at least 3")
    device = device or torch.device("cpu")
    steps, peaks, saved = {}, {}, {}
    for name, config in configs.items():
        torch.manual_seed(0)
        model = TransformerLM(config).to(device)
        tokens = torch.randint(config.vocab_size, (rows, config.max_seq_len + 1), device=device)
        saved[name] = saved_bytes(model, tokens[:1, :-1])
        steps[name] = _step(model, tokens, dtype)
        peaks[name] = _peak(steps[name], device)
    seconds = _in_turns(steps, rounds, device)
    reference = next(iter(configs))
    return [
        {"model": name, **_sizes(config)}
        | _times(seconds[name], seconds[reference])
        | {"saved_bytes": saved[name], "peak_bytes": peaks[name]}
        for name, config in configs.items()
    ]


def _step(model: TransformerLM, tokens: Tensor, dtype: torch.dtype) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)
    device = tokens.device

    def step() -> None:
        with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
            logits = model(tokens[:, :-1])
        F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return step


def _peak(step: Callable[[], None], device: torch.device) -> int | None:
    """Return the bytes that a device has allocated at most during one step, above the start."""
    step()
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    step()
    return int(torch.cuda.max_memory_allocated(device) - before)


def _in_turns(
    steps: Mapping[str, Callable[[], None]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Return seconds by name: processor time on one CPU thread, else the clock on the wall."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(-2, rounds):
        for name in list(steps)[:: 1 if turn % 2 == 0 else -1]:
            start = clock()
            steps[name]()
            if turn >= 0:
                seconds[name].append(clock() - start)
    return seconds


def _sizes(config: ModelConfig) -> dict[str, Any]:
    return {
        "n_dense_heads": config.n_dense_heads,
        "n_sparse_heads": config.n_sparse_heads,
        "sparsity": config.sparsity,
        "parameters": model_parameters(config).total,
        "flops": model_flops(config).total,
        "kv_slots": kv_slots(config),
        "kv_bytes": kv_bytes(config),
    }


def _times(own: list[float], reference: list[float]) -> dict[str, float]:
    ratios = [mine / other for mine, other in zip(own, reference, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return {
        "step_ms": round(1e3 * statistics.median(own), 3),
        "time": round(middle, 4),
        "time_low": round(low, 4),
        "time_high": round(high, 4),
    }
