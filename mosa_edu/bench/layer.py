"""One layer against the straight way to compute it: forward, and forward with backward."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mosa_edu.attention import MosaAttention
from mosa_edu.bench.naive import NaiveMosa
from mosa_edu.bench.paired import Timing, time_in_turns

BAR = 1.3
"""Times that the layer must be faster than the straight way, forward and backward."""


@dataclass(frozen=True)
class LayerCase:
    """Sizes of a timed layer.

    Attributes
    ----------
    batch, seq_len, d_model, n_heads, d_head, sparsity : int
        Texts, tokens of each, width, heads, width of a head, the paper's rho.
    """

    batch: int = 1
    seq_len: int = 2048
    d_model: int = 512
    n_heads: int = 16
    d_head: int = 64
    sparsity: int = 8

    def layer(self) -> MosaAttention:
        """Make the layer, with the weights of seed 0."""
        torch.manual_seed(0)
        return MosaAttention(self.d_model, self.d_head, self.n_heads, self.sparsity)

    def tokens(self) -> Tensor:
        """Draw tokens, (batch, seq_len, d_model)."""
        return torch.randn(self.batch, self.seq_len, self.d_model)


def bench_layer(case: LayerCase, rounds: int, threads: int) -> dict[str, Timing]:
    """Time `MosaAttention` and `NaiveMosa` with the same weights and tokens.

    Parameters
    ----------
    case : LayerCase
        Sizes.
    rounds, threads : int
        See `time_in_turns`.

    Returns
    -------
    dict of str to Timing
        Of `time_passes`, each with the calls "naive" and "mosa".
    """
    layer = case.layer()
    return time_passes({"naive": NaiveMosa(layer), "mosa": layer}, case.tokens(), rounds, threads)


def time_passes(
    modules: Mapping[str, nn.Module], x: Tensor, rounds: int, threads: int
) -> dict[str, Timing]:
    """Time layers that share their weights, in turns.

    Parameters
    ----------
    modules : mapping of str to nn.Module
        By name.
    x : Tensor, shape (B, T, d_model), float
        The tokens.
    rounds, threads : int
        See `time_in_turns`.

    Returns
    -------
    dict of str to Timing
        "forward" (without gradient) and "forward + backward". The gradient of the output is dense
        and random: that of a sum is one number expanded, which hides copies.
    """
    by = torch.randn_like(x)
    calls = {name: forward(module, x) for name, module in modules.items()}
    both = {name: _forward_backward(module, x, by) for name, module in modules.items()}
    return {
        "forward": time_in_turns(calls, rounds, threads),
        "forward + backward": time_in_turns(both, rounds, threads),
    }


def forward(module: nn.Module, x: Tensor) -> Callable[[], None]:
    """Make a call of a module without gradient.

    Parameters
    ----------
    module : nn.Module
        What to call.
    x : Tensor
        Its input.

    Returns
    -------
    callable
        Takes and returns nothing.
    """

    @torch.no_grad()
    def call() -> None:
        module(x)

    return call


def saved_bytes(module: nn.Module, x: Tensor) -> int:
    """Bytes that a forward pass keeps for the backward pass.

    Parameters
    ----------
    module : nn.Module
        What to call.
    x : Tensor
        Its input, vectors or token ids; neither it nor the parameters count.

    Returns
    -------
    int
        Sum over storages, each counted once.
    """
    given = {tensor.untyped_storage().data_ptr() for tensor in (x, *module.parameters())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in given:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = module(x.requires_grad_(x.is_floating_point()))
    total = sum(kept.values())
    del output  # what is kept lives as long as the graph
    x.requires_grad_(False)
    return total


def _forward_backward(module: nn.Module, x: Tensor, by: Tensor) -> Callable[[], None]:
    inputs = [x.clone().requires_grad_(), *module.parameters()]

    def call() -> None:
        torch.autograd.grad(module(inputs[0]), inputs, by)

    return call
