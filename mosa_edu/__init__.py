"""Mixture of Sparse Attention, taught and examined: layers, training, traces and pictures.

The public names load on first use, so that costs, records and pictures need no torch.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "DenseAttention": "attention",
    "FixedAttention": "attention",
    "HybridAttention": "attention",
    "LocalAttention": "attention",
    "ModelConfig": "config",
    "MosaAttention": "attention",
    "RoutingAttention": "attention",
    "SparseAttention": "attention",
    "TransformerLM": "model",
    "assert_causal": "probes.prefix_invariance",
    "check_causality": "probes.prefix_invariance",
    "load_pretrained": "pretrained",
    "load_reference": "interop",
    "trace": "tracing",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
