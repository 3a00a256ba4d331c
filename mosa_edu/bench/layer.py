"""One layer against the straight way to compute it: forward, and forward with backward."""

from collections.abc import Callable
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
        "forward" (without gradient) and "forward + backward", each with the calls "naive" and
        "mosa". The gradient of the output is dense and random: that of a sum is one number
        expanded, which hides copies.
    """
    torch.manual_seed(0)
    layer = MosaAttention(case.d_model, case.d_head, case.n_heads, case.sparsity)
    contestants = {"naive": NaiveMosa(layer), "mosa": layer}
    x = torch.randn(case.batch, case.seq_len, case.d_model)
    by = torch.randn_like(x)
    forward = {name: _forward(module, x) for name, module in contestants.items()}
    both = {name: _forward_backward(module, x, by) for name, module in contestants.items()}
    return {
        "forward": time_in_turns(forward, rounds, threads),
        "forward + backward": time_in_turns(both, rounds, threads),
    }


def _forward(module: nn.Module, x: Tensor) -> Callable[[], None]:
    @torch.no_grad()
    def call() -> None:
        module(x)

    return call


def _forward_backward(module: nn.Module, x: Tensor, by: Tensor) -> Callable[[], None]:
    inputs = [x.clone().requires_grad_(), *module.parameters()]

    def call() -> None:
        torch.autograd.grad(module(inputs[0]), inputs, by)

    return call
