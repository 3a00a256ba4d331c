"""What every selector returns: who sits in each head, and with which gate."""

from dataclasses import dataclass

from torch import Tensor

from mosa_edu.checks import require


@dataclass(frozen=True, eq=False)
class Selection:
    """The tokens that each head kept.

    Attributes
    ----------
    indices : Tensor, shape (B, H, k), int64
        Original positions, ascending. Ascending order turns the paper's index mask
        ``I_i >= I_j`` into the ordinary lower triangle.
    scores : Tensor, shape (B, H, k), float
        Gate of each kept token; the router learns through these alone.
    valid : Tensor or None, shape (B, H, k), bool
        None when all k slots are used. Otherwise unused slots are False, stand after the
        used ones and hold index 0.
    """

    indices: Tensor
    scores: Tensor
    valid: Tensor | None = None


def kept(seq_len: int, sparsity: int) -> int:
    """Tokens that a head keeps of `seq_len`: T / sparsity, at least 2, at most T.

    Parameters
    ----------
    seq_len : int
        Tokens in the sequence, T >= 1.
    sparsity : int
        The paper's rho >= 1.

    Returns
    -------
    int
        k, counted in tokens.

    Notes
    -----
    arXiv:2505.00315 gives the floor of 2 on short inputs.

    Examples
    --------
    >>> kept(1024, 64), kept(10, 64), kept(1, 64)
    (16, 2, 1)
    """
    require(seq_len >= 1, "seq_len", seq_len, "at least 1")
    require(sparsity >= 1, "sparsity", sparsity, "at least 1")
    return min(max(seq_len // sparsity, 2), seq_len)
