"""How many tokens a sparse head keeps: a fixed quota, or slots for a varying number."""

import math

from mosa_edu.checks import require, require_integer


def kept_tokens(seq_len: int, sparsity: int) -> int:
    """Tokens that a head with a fixed quota keeps.

    Parameters
    ----------
    seq_len : int
        Tokens in the sequence, T.
    sparsity : int
        T / k, the paper's rho.

    Returns
    -------
    int
        k.

    Notes
    -----
    ``k = min(max(floor(T / rho), 2), T)``: the floor of two is the paper's rule for short inputs,
    the ceiling of T that of the authors' code.

    Examples
    --------
    >>> kept_tokens(1024, 64), kept_tokens(10, 64), kept_tokens(1, 64)
    (16, 2, 1)
    """
    require_integer("seq_len", seq_len, 1)
    require_integer("sparsity", sparsity, 1)
    return min(max(seq_len // sparsity, 2), seq_len)


def capacity(
    seq_len: int, sparsity: int, capacity_factor: float = 2.0, max_seq_len: int | None = None
) -> int:
    """Slots of a head whose number of tokens depends on the text.

    Parameters
    ----------
    seq_len : int
        Tokens in the sequence, T.
    sparsity : int
        Target of T / k.
    capacity_factor : float
        Slots for each token that the head is expected to keep.
    max_seq_len : int, optional
        Longest sequence of the model; `seq_len` if it is not given.

    Returns
    -------
    int
        C. It follows the longest sequence, not the current one: a limit that shrank with the
        current length would let the length of the text decide about its earlier tokens.

    Examples
    --------
    >>> capacity(1024, 64), capacity(16, 64, max_seq_len=1024), capacity(512, 64, max_seq_len=1024)
    (32, 16, 32)
    """
    longest = seq_len if max_seq_len is None else max_seq_len
    require_integer("seq_len", seq_len, 1)
    require_integer("sparsity", sparsity, 1)
    require_integer("max_seq_len", longest, seq_len)
    finite = math.isfinite(capacity_factor) and capacity_factor > 0
    require(finite, "capacity_factor", capacity_factor, "a positive number")
    return min(seq_len, math.ceil(capacity_factor * longest / sparsity))
