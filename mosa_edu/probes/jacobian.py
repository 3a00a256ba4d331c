"""The test that sees no leak: derivatives of earlier outputs with respect to later tokens.

A selection has no gradient. The indices of the kept tokens jump when scores cross and stand still
in between, so a derivative, which looks at steps too small to make anything cross, is exactly 0
wherever the only way from the future to the past leads through who was selected. Tests of
causality by automatic differentiation pass; the layer leaks all the same.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mosa_edu.checks import require

_DIFFERENT = 1e-6


@dataclass(frozen=True)
class Jacobian:
    """Derivatives of a layer's outputs at one sequence.

    Attributes
    ----------
    past : float
        Largest absolute derivative with respect to an earlier token or the token itself.
    future : float
        Largest absolute derivative with respect to a later token.
    """

    past: float
    future: float


def layer_jacobian(layer: nn.Module, x: Tensor, every: int = 3) -> Jacobian:
    """Differentiate every third output of a layer with respect to all tokens.

    Parameters
    ----------
    layer : nn.Module
        ``layer(x (1, T, d_model)) -> (1, T, d_model)``.
    x : Tensor, shape (1, T, d_model), float
        The tokens.
    every : int
        Outputs 0, every, 2 every, ... are differentiated.

    Returns
    -------
    Jacobian
        The largest of all entries.
    """
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
    """Count the positions whose output is another when the later tokens are cut off.

    Parameters
    ----------
    layer : nn.Module
        As in `layer_jacobian`.
    x : Tensor, shape (1, T, d_model), float
        The tokens.

    Returns
    -------
    int
        Of the T - 1 positions that have a future. For expert choice k shrinks with the prefix
        too, so this mixes two effects; for a causal layer it is 0.
    """
    full = layer(x)[0]
    ends = range(1, x.shape[1])
    return sum(
        bool((layer(x[:, :end])[0, -1] - full[end - 1]).abs().max() > _DIFFERENT) for end in ends
    )
