"""The perturbation test: redraw what comes later, and look whether what came before moves.

Nothing is trained and nothing is estimated. The same model runs twice on inputs that agree up to
a position; outputs up to that position that differ are caused by the future.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mosa_edu.attention import HybridAttention
from mosa_edu.checks import require
from mosa_edu.config import ModelConfig
from mosa_edu.head_kinds import kinds
from mosa_edu.model import TransformerLM, build_attention
from mosa_edu.modes import evaluating
from mosa_edu.progress import track
from mosa_edu.records import provenance
from mosa_edu.records.probe import ProbeRecord

LAYER_TRIALS, LAYER_TOLERANCE = 200, 1e-6
MODEL_CUTS, MODEL_TOLERANCE = (32, 128, 224, 254), 1e-4


@dataclass(frozen=True)
class LayerChange:
    """What redrawing one token did to the outputs before it.

    Attributes
    ----------
    trials_changed : float
        Share of the trials in which an earlier output changed.
    positions_changed : float
        Share of the earlier positions that changed, mean over trials.
    largest : float
        Largest absolute difference of an earlier output; exactly 0 for a causal layer.
    """

    trials_changed: float
    positions_changed: float
    largest: float


@dataclass(frozen=True)
class ModelChange:
    """What redrawing all tokens after a cut did to the logits up to it.

    Attributes
    ----------
    cut : int
        Last position that was left as it was.
    rows_changed : float
        Share of the rows of logits, up to the cut, that changed.
    size : float
        Mean over those rows of the largest change, in standard deviations of the logits.
    argmax_flips : float
        Share of the rows whose likeliest token is another.
    divergence : float
        Mean Kullback-Leibler divergence between the two forecasts, in nats.
    largest : float
        Largest absolute difference of a logit; exactly 0 for a causal model.
    """

    cut: int
    rows_changed: float
    size: float
    argmax_flips: float
    divergence: float
    largest: float


@torch.no_grad()
def perturb_layer(
    layer: nn.Module, seq_len: int, d_model: int, *, trials: int = LAYER_TRIALS, seed: int = 0
) -> LayerChange:
    """Redraw one token of a random sequence, again and again."""
    require(seq_len >= 2, "seq_len", seq_len, "at least 2")
    require(trials >= 1, "trials", trials, "at least 1")
    generator = torch.Generator().manual_seed(seed)
    with evaluating(layer):
        shares, largest = [], 0.0
        for _ in range(trials):
            x = torch.randn(1, seq_len, d_model, generator=generator)
            redrawn = int(torch.randint(1, seq_len, (), generator=generator))
            other = x.clone()
            other[:, redrawn] = torch.randn(d_model, generator=generator)
            before = (layer(x) - layer(other))[0, :redrawn].abs().amax(dim=-1)  # (redrawn,)
            shares.append(float((before > LAYER_TOLERANCE).float().mean()))
            largest = max(largest, float(before.max()))
    changed = [share > 0 for share in shares]
    return LayerChange(sum(changed) / trials, sum(shares) / trials, largest)


@torch.no_grad()
def perturb_future(
    model: TransformerLM, tokens: Tensor, cuts: Sequence[int] = MODEL_CUTS, *, seed: int = 0
) -> list[ModelChange]:
    """Redraw all tokens after a cut."""
    T = tokens.shape[1]
    require(all(0 <= cut < T - 1 for cut in cuts), "cuts", tuple(cuts), f"in [0, T - 1 = {T - 1})")
    generator = torch.Generator().manual_seed(seed)
    with evaluating(model):
        logits = model(tokens)
        changes = []
        for cut in cuts:
            drawn = torch.randint(model.config.vocab_size, tokens.shape, generator=generator)
            other = torch.cat([tokens[:, : cut + 1], drawn.to(tokens.device)[:, cut + 1 :]], dim=1)
            changes.append(_compare(logits, model(other), cut))
    return changes


def _compare(logits: Tensor, other: Tensor, cut: int) -> ModelChange:
    """Compare two forecasts, each (N, T, V), up to the cut."""
    std = float(logits.std())
    logits, other = logits[:, : cut + 1], other[:, : cut + 1]
    differences = (logits - other).abs().amax(dim=-1)  # (N, cut + 1)
    changed = differences > MODEL_TOLERANCE * std
    forecast, changed_forecast = logits.log_softmax(-1), other.log_softmax(-1)
    divergence = (forecast.exp() * (forecast - changed_forecast)).sum(-1).mean()
    return ModelChange(
        cut=cut,
        rows_changed=float(changed.float().mean()),
        size=float(differences[changed].mean() / std) if bool(changed.any()) else 0.0,
        argmax_flips=float((logits.argmax(-1) != other.argmax(-1)).float().mean()),
        divergence=float(divergence),
        largest=float(differences.max()),
    )


@dataclass(frozen=True)
class Jacobian:
    """Largest absolute derivatives of outputs: by the past or the token itself, by the future."""

    past: float
    future: float


def layer_jacobian(layer: nn.Module, x: Tensor, every: int = 3) -> Jacobian:
    """Differentiate every third output of a layer with respect to all tokens (1, T, d_model)."""
    require(x.dim() == 3 and len(x) == 1, "x", tuple(x.shape), "of shape (1, T, d_model)")
    require(every >= 1, "every", every, "at least 1")
    x = x.detach().requires_grad_()
    output = layer(x)[0]  # (T, d_model)
    past = future = 0.0
    for t in range(0, len(output), every):
        for component in output[t]:
            (gradient,) = torch.autograd.grad(component, x, retain_graph=True)  # (1, T, d_model)
            sizes = gradient[0].abs().amax(dim=-1)  # (T,)
            past = max(past, *sizes[: t + 1].tolist())
            future = max(future, 0.0, *sizes[t + 1 :].tolist())
    return Jacobian(past, future)


@torch.no_grad()
def prefix_differences(layer: nn.Module, x: Tensor) -> int:
    """Count the positions whose output is another when the later tokens are cut off."""
    full = layer(x)[0]
    moved = ((layer(x[:, :end])[0, -1] - full[end - 1]).abs().max() for end in range(1, len(full)))
    return sum(bool(largest > LAYER_TOLERANCE) for largest in moved)


CAUSAL_KINDS = kinds(sparse=True, in_config=True, causal=True)
_LAYER = ModelConfig(
    vocab_size=1, d_model=64, n_layers=1, d_head=16, max_seq_len=64, n_sparse_heads=16
)
_MODEL = ModelConfig(
    vocab_size=256, d_model=128, n_layers=2, d_head=16, max_seq_len=256, n_sparse_heads=8
)


def settled_layer(config: ModelConfig, seed: int = 0) -> HybridAttention:
    """Make the heads of one layer for evaluation, running statistics settled on random text."""
    torch.manual_seed(seed)
    layer = build_attention(config)
    with torch.no_grad():
        for _ in range(10):
            layer(torch.randn(8, config.max_seq_len, config.d_model))
    return layer.eval()


def _configs(
    base: ModelConfig, shapes: Iterable[tuple[str, int, int, int, int]]
) -> Iterator[tuple[ModelConfig, dict[str, Any]]]:
    """Give a config of each kind, sparse and dense heads, sparsity and depth, and its columns."""
    for kind, n_sparse, n_dense, sparsity, n_layers in shapes:
        columns: dict[str, Any] = {
            "n_layers": n_layers,
            "n_sparse_heads": n_sparse,
            "n_dense_heads": n_dense,
            "sparsity": sparsity,
        }
        config = replace(base, sparse=base.sparse if kind == "dense" else kind, **columns)
        yield config, {"kind": kind, **columns, "T": base.max_seq_len}


def layer_rows(trials: int = LAYER_TRIALS, seed: int = 0) -> list[dict[str, Any]]:
    """Measure layers with random weights: more heads, more or fewer kept tokens, other rules."""
    shapes = [("mosa", heads, 0, 8, 1) for heads in (1, 4, 16, 64)]
    shapes += [("mosa", 16, 0, sparsity, 1) for sparsity in (2, 4, 16, 32)]
    shapes += [("mosa", 16, 4, 8, 1), ("dense", 0, 4, 8, 1), ("routing", 4, 0, 8, 1)]
    shapes += [(kind, 16, 0, 8, 1) for kind in CAUSAL_KINDS]
    rows = []
    for config, columns in track(_configs(_LAYER, shapes), "layers", total=len(shapes)):
        layer = settled_layer(config, seed)
        change = perturb_layer(layer, 64, config.d_model, trials=trials, seed=seed)
        rows.append(columns | asdict(change))
    return rows


def model_rows(seed: int = 0, sequences: int = 16) -> list[dict[str, Any]]:
    """Measure untrained models on random tokens: heads, sparsity, depth, other rules."""
    shapes = [("mosa", 8, 0, 8, 2), ("mosa", 16, 0, 16, 2), ("dense", 0, 4, 8, 2)]
    shapes += [("mosa", 8, 4, 8, layers) for layers in (1, 2, 4)]
    shapes += [(kind, 8, 4, 8, 2) for kind in CAUSAL_KINDS]
    rows = []
    for config, columns in track(_configs(_MODEL, shapes), "models", total=len(shapes)):
        torch.manual_seed(seed)
        model = TransformerLM(config)
        tokens = torch.randint(config.vocab_size, (sequences, config.max_seq_len))
        with torch.no_grad():
            model(tokens)  # sets thresholds, as `settled_layer` does
        rows += [columns | asdict(change) for change in perturb_future(model, tokens, seed=seed)]
    return rows


def jacobian_rows(trials: int = LAYER_TRIALS, seed: int = 0) -> list[dict[str, Any]]:
    """Put the derivatives of random layers beside what really happens to their past."""
    shapes = [("mosa", 16, 0, 8, 1), ("mosa", 16, 4, 8, 1), ("prefix", 16, 0, 8, 1)]
    rows, told = [], ("kind", "n_sparse_heads", "n_dense_heads", "T")
    for config, columns in track(_configs(_LAYER, shapes), "derivatives", "layers", len(shapes)):
        layer, T = settled_layer(config, seed), config.max_seq_len
        change = perturb_layer(layer, T, config.d_model, trials=trials, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(1, T, config.d_model, generator=generator, dtype=torch.float64)
        layer = layer.double()
        rows.append(
            {
                **{name: columns[name] for name in told},
                **asdict(layer_jacobian(layer, x)),
                "prefix_differs": prefix_differences(layer, x),
                "positions": T - 1,
                "trials_changed": change.trials_changed,
            }
        )
    return rows


def causality_records(what: str, seed: int, command: str) -> list[ProbeRecord]:
    """Measure layers by their derivatives (jacobian), or layers and models by new futures."""
    if what == "jacobian":
        tables = {"jacobian": jacobian_rows(seed=seed)}
    else:
        tables = {"perturbation-layer": layer_rows(seed=seed)}
        tables["perturbation-model"] = model_rows(seed)
    return [
        ProbeRecord(
            name,
            f"{name}-seed{seed}",
            {"seed": seed},
            rows,
            {},
            provenance(torch.__version__, command=command),
        )
        for name, rows in tables.items()
    ]
