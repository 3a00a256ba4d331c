"""AdamW with its state laid out as named tensors, so that it saves like weights do."""

from __future__ import annotations

import torch
from torch import nn

from mosa_edu.training.config import TrainingConfig

_MOMENTS = ("exp_avg", "exp_avg_sq")


def build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Return fused AdamW that decays matrices only, with its state already allocated.

    Allocating the moments now instead of at the first update gives a checkpoint of step 0 the
    same names as any other, and gives every process of a distributed run the same tensors.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=config.betas,
        fused=all(p.device.type in ("cpu", "cuda") for p in trained),
    )
    for parameter in trained:
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            **{name: torch.zeros_like(parameter) for name in _MOMENTS},
        }
    return optimizer


def state_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return everything a run consists of, as references: copying into one changes the run.

    Returns
    -------
    dict of str to torch.Tensor
        ``model.NAME`` for parameters and persistent buffers (moving averages among them),
        ``optimizer.NAME.{step,exp_avg,exp_avg_sq}`` for each trained parameter.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for part, tensor in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{name}.{part}"] = tensor
    return tensors


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Give every parameter group the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
