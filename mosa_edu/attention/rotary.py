"""Rotary positions (RoPE), half-split, on the first part of a head's dimensions."""

import torch
from torch import Tensor

from mosa_edu.checks import require, require_integer


def rotary_width(d_head: int, rotate_fraction: float) -> int:
    """Dimensions of a head that are rotated: an even number, the paper's half by default.

    >>> rotary_width(64, 0.5), rotary_width(10, 0.5)
    (32, 4)
    """
    require_integer("d_head", d_head, 1)
    require(0.0 <= rotate_fraction <= 1.0, "rotate_fraction", rotate_fraction, "in [0, 1]")
    return int(rotate_fraction * d_head) // 2 * 2


def rotary_table(
    seq_len: int,
    n_rotate: int,
    base: float = 10000.0,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every position's angle in every rotated pair.

    Frequencies are rounded to float32 first, as in the authors' code, so that float64 runs of
    both agree to rounding.
    """
    require(0 < base < float("inf"), "rope_base", base, "positive and finite")
    require(n_rotate >= 0 and n_rotate % 2 == 0, "n_rotate", n_rotate, "even and at least 0")
    exponents = torch.arange(0, n_rotate, 2, device=device).float() / max(n_rotate, 1)
    frequencies = 1.0 / (base**exponents)  # (n_rotate / 2,) float32
    exact = torch.promote_types(dtype, torch.float32)
    positions = torch.arange(seq_len, device=device, dtype=exact)
    angles = positions[:, None] * frequencies.to(exact)  # (T, n_rotate / 2)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the first dimensions of every vector by its position's angles."""
    half = cos.shape[-1]
    if half == 0:
        return x
    first, second, rest = x.split([half, half, x.shape[-1] - 2 * half], dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], dim=-1)
