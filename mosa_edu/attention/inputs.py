"""What every attention layer is given, checked once and the same way."""

from torch import Tensor

from mosa_edu.checks import require


def require_tokens(x: Tensor, d_model: int) -> None:
    """Refuse what is no batch of token vectors.

    Parameters
    ----------
    x : Tensor, shape (B, T, d_model), float
        The tokens, at least one in a row.
    d_model : int
        Width that the layer was made for.

    Raises
    ------
    ValueError
        If `x` has another shape, or integers in it.

    Examples
    --------
    >>> import torch
    >>> require_tokens(torch.zeros(2, 5, 8), d_model=16)
    Traceback (most recent call last):
        ...
    ValueError: x must be (B, T, 16) in shape with T at least 1, got (2, 5, 8)
    """
    shape = tuple(x.shape)
    fits = len(shape) == 3 and shape[1] >= 1 and shape[2] == d_model
    require(fits, "x", shape, f"(B, T, {d_model}) in shape with T at least 1")
    require(x.is_floating_point(), "x", x.dtype, "of floating-point numbers")
