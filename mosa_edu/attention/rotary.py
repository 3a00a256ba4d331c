"""What dense, sparse and routing heads share: rotary positions (RoPE), widths, one signature."""

import torch
from torch import Tensor, nn

from mosa_edu.checks import require, require_integer
from mosa_edu.selection.selection import Mask, Record


class RotaryHeads(nn.Module):
    """Heads whose queries and keys turn with their positions.

    Parameters
    ----------
    d_model, d_head, n_heads : int
        Width of the tokens, width of a head, heads; n_heads * d_head need not equal d_model.
    rotate_fraction : float
        Share of each head's dimensions that carry the position.
    rope_base : float
        Base of the rotary frequencies.
    """

    causal: bool = True
    """Whether no later token can change an earlier output."""

    def __init__(
        self,
        d_model: int,
        d_head: int,
        n_heads: int,
        rotate_fraction: float = 0.5,
        rope_base: float = 10000.0,
    ) -> None:
        super().__init__()
        require_integer("d_model", d_model, 1)
        require_integer("n_heads", n_heads, 1)
        self.d_model, self.d_head, self.n_heads = d_model, d_head, n_heads
        self.n_rotate = rotary_width(d_head, rotate_fraction)
        self.rope_base = rope_base

    def forward(self, x: Tensor, attention_mask: Mask = None, record: Record = None) -> Tensor:
        """Attend.

        Parameters
        ----------
        x : Tensor, shape (B, T, d_model), float
            The tokens.
        attention_mask : Tensor or None, shape (B, T), bool
            True for real tokens; pads are no keys and are never selected.
        record : ActivationCache or None
            Receives router logits, selection and attention weights.

        Returns
        -------
        Tensor, shape (B, T, d_model)
            Sum over heads; the layer adds no residual.
        """
        raise NotImplementedError

    def rotations(self, seq_len: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine of positions 0 .. seq_len - 1, in the type of some tensor."""
        return rotary_table(seq_len, self.n_rotate, self.rope_base, like.device, like.dtype)


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
    """Cosine and sine of every position's angle in every rotated pair, (T, n_rotate / 2).

    Frequencies are rounded to float32 first, as in the authors' code, so that float64 runs of
    both agree to rounding.
    """
    if not 0 < base < float("inf"):
        require(False, "rope_base", base, "positive and finite")
    if n_rotate < 0 or n_rotate % 2:
        require(False, "n_rotate", n_rotate, "even and at least 0")
    exponents = torch.arange(0, n_rotate, 2, device=device).float() / max(n_rotate, 1)
    frequencies = 1.0 / (base**exponents)  # (n_rotate / 2,) float32
    exact = torch.promote_types(dtype, torch.float32)
    positions = torch.arange(seq_len, device=device, dtype=exact)
    angles = positions[:, None] * frequencies.to(exact)  # (T, n_rotate / 2)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the first dimensions of every vector by its position's angles, in half-split pairs."""
    half = cos.shape[-1]
    if half == 0:
        return x
    first, second, rest = x.split([half, half, x.shape[-1] - 2 * half], dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], dim=-1)


def weights_and_values(
    queries: Tensor, keys: Tensor, values: Tensor, may_attend: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attend the long way, causally if nothing else is said, and keep the weights for a cache."""
    if may_attend is None:
        T = queries.shape[-2]
        may_attend = torch.ones(T, T, dtype=torch.bool, device=queries.device).tril()
    logits = queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5
    attention_weights = logits.masked_fill(~may_attend, -torch.inf).softmax(dim=-1)
    return attention_weights, attention_weights @ values
