"""The padding mask, checked once and the same way by every selector."""

import torch
from torch import Tensor

from mosa_edu.checks import require


def real_tokens(attention_mask: Tensor, x: Tensor) -> Tensor:
    """Return the mask as booleans, refusing one that fits no text.

    Parameters
    ----------
    attention_mask : Tensor, shape (B, T), bool or int
        True (or 1) for real tokens.
    x : Tensor, shape (B, T, d_model), float
        The tokens.

    Returns
    -------
    Tensor, shape (B, T), bool
        True for real tokens.

    Raises
    ------
    ValueError
        If the shapes differ, if the mask holds fractions (an additive mask means the opposite:
        there 0 is a real token), or if a row has no real token.

    Examples
    --------
    >>> real_tokens(torch.tensor([[1, 1, 0]]), torch.zeros(1, 3, 8)).tolist()
    [[True, True, False]]
    """
    shape = tuple(attention_mask.shape)
    require(shape == tuple(x.shape[:2]), "attention_mask", shape, f"{tuple(x.shape[:2])} in shape")
    kind = attention_mask.dtype
    require(not kind.is_floating_point, "attention_mask", kind, "of booleans or integers")
    real = attention_mask.bool()
    if not torch.compiler.is_compiling():
        filled = bool(real.any(dim=1).all())
        require(filled, "attention_mask", "a row without any", "True somewhere in every row")
    return real


def places(real: Tensor) -> Tensor:
    """Place of every token among the real ones of its row, so that padding moves nothing.

    Parameters
    ----------
    real : Tensor, shape (B, T), bool
        True for real tokens.

    Returns
    -------
    Tensor, shape (B, T), int64
        0 for the first real token of a row; pads repeat the place before them (-1 at the start).

    Examples
    --------
    >>> places(torch.tensor([[False, True, True, False]])).tolist()
    [[-1, 0, 1, 1]]
    """
    return real.cumsum(dim=1) - 1
