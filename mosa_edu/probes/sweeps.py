"""Which layers and models are probed: more heads, more kept tokens, more layers, other rules."""

from dataclasses import asdict, replace
from typing import Any

import torch

from mosa_edu.attention import HybridAttention
from mosa_edu.config import ModelConfig
from mosa_edu.model import TransformerLM, build_attention
from mosa_edu.probes.jacobian import layer_jacobian, prefix_differences
from mosa_edu.probes.perturbation import LAYER_TRIALS, perturb_future, perturb_layer

CAUSAL_KINDS = ("fixed", "random", "prefix", "threshold", "token")
_LAYER = ModelConfig(
    vocab_size=1, d_model=64, n_layers=1, d_head=16, max_seq_len=64, n_sparse_heads=16
)
_MODEL = ModelConfig(
    vocab_size=256, d_model=128, n_layers=2, d_head=16, max_seq_len=256, n_sparse_heads=8
)


def settled_layer(config: ModelConfig, seed: int = 0) -> HybridAttention:
    """Make the heads of one layer with random weights and running statistics that have settled.

    Parameters
    ----------
    config : ModelConfig
        How many heads of which kind.
    seed : int
        Of weights and of the few random batches that thresholds and biases are set by.

    Returns
    -------
    HybridAttention
        In evaluation mode.
    """
    torch.manual_seed(seed)
    layer = build_attention(config)
    with torch.no_grad():
        for _ in range(10):
            layer(torch.randn(8, config.max_seq_len, config.d_model))
    return layer.eval()


def layer_rows(trials: int = LAYER_TRIALS, seed: int = 0) -> list[dict[str, Any]]:
    """Measure layers with random weights: more heads, more or fewer kept tokens, other rules.

    Parameters
    ----------
    trials : int
        Redrawn tokens for each layer.
    seed : int
        Of weights and sequences.

    Returns
    -------
    list of dict
        What `perturb_layer` found, by kind, heads and sparsity, at T = 64.
    """
    shapes = [("mosa", heads, 0, 8) for heads in (1, 4, 16, 64)]
    shapes += [("mosa", 16, 0, sparsity) for sparsity in (2, 4, 16, 32)]
    shapes += [("mosa", 16, 4, 8), ("dense", 0, 4, 8), ("routing", 4, 0, 8)]
    shapes += [(kind, 16, 0, 8) for kind in CAUSAL_KINDS]
    rows = []
    for kind, n_sparse, n_dense, sparsity in shapes:
        config = _of_kind(_LAYER, kind, n_sparse, n_dense, sparsity)
        layer = settled_layer(config, seed)
        change = perturb_layer(layer, 64, config.d_model, trials=trials, seed=seed)
        rows.append(_described(kind, config) | asdict(change))
    return rows


def model_rows(seed: int = 0, sequences: int = 16) -> list[dict[str, Any]]:
    """Measure untrained models on random tokens: heads, sparsity, depth, other rules.

    Parameters
    ----------
    seed : int
        Of weights and tokens.
    sequences : int
        Texts of T = 256 tokens.

    Returns
    -------
    list of dict
        What `perturb_future` found at each cut, by kind, heads, sparsity and layers.
    """
    shapes = [("mosa", 8, 0, 8, 2), ("mosa", 16, 0, 16, 2), ("dense", 0, 4, 8, 2)]
    shapes += [("mosa", 8, 4, 8, layers) for layers in (1, 2, 4)]
    shapes += [(kind, 8, 4, 8, 2) for kind in CAUSAL_KINDS]
    rows = []
    for kind, n_sparse, n_dense, sparsity, n_layers in shapes:
        config = _of_kind(_MODEL, kind, n_sparse, n_dense, sparsity)
        torch.manual_seed(seed)
        model = TransformerLM(replace(config, n_layers=n_layers))
        tokens = torch.randint(config.vocab_size, (sequences, config.max_seq_len))
        with torch.no_grad():
            model(tokens)  # sets thresholds, as `settled_layer` does
        described = _described(kind, model.config)
        rows += [described | asdict(change) for change in perturb_future(model, tokens, seed=seed)]
    return rows


def jacobian_rows(trials: int = 200, seed: int = 0) -> list[dict[str, Any]]:
    """Put the derivatives of random layers beside what really happens to their past.

    Parameters
    ----------
    trials : int
        Redrawn tokens for each layer, see `perturb_layer`.
    seed : int
        Of weights and sequences.

    Returns
    -------
    list of dict
        ``kind``, heads, ``past`` and ``future`` derivatives, ``prefix_differs`` of ``positions``
        and ``trials_changed``.
    """
    rows, T = [], _LAYER.max_seq_len
    for kind, n_sparse, n_dense in (("mosa", 16, 0), ("mosa", 16, 4), ("prefix", 16, 0)):
        config = replace(_LAYER, sparse=kind, n_sparse_heads=n_sparse, n_dense_heads=n_dense)
        layer = settled_layer(config, seed)
        change = perturb_layer(layer, T, _LAYER.d_model, trials=trials, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(1, T, _LAYER.d_model, generator=generator, dtype=torch.float64)
        layer = layer.double()
        rows.append(
            {
                "kind": kind,
                "n_sparse_heads": n_sparse,
                "n_dense_heads": n_dense,
                "T": T,
                **asdict(layer_jacobian(layer, x)),
                "prefix_differs": prefix_differences(layer, x),
                "positions": T - 1,
                "trials_changed": change.trials_changed,
            }
        )
    return rows


def _of_kind(
    config: ModelConfig, kind: str, n_sparse: int, n_dense: int, sparsity: int
) -> ModelConfig:
    return replace(
        config,
        sparse=config.sparse if kind == "dense" else kind,
        sparsity=sparsity,
        n_sparse_heads=n_sparse,
        n_dense_heads=n_dense,
    )


def _described(kind: str, config: ModelConfig) -> dict[str, Any]:
    return {
        "kind": kind,
        "n_layers": config.n_layers,
        "n_sparse_heads": config.n_sparse_heads,
        "n_dense_heads": config.n_dense_heads,
        "sparsity": config.sparsity,
        "T": config.max_seq_len,
    }
