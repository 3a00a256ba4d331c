"""Who shares tokens with whom, and how much of it chance alone would give. No torch."""

from math import comb

import numpy as np

from mosa_edu.checks import require


def jaccard(selected: np.ndarray) -> np.ndarray:
    """Overlap of every pair of heads: shared tokens over tokens that either keeps.

    Parameters
    ----------
    selected : ndarray of bool, shape (H, T)
        What each head keeps.

    Returns
    -------
    ndarray of float64, shape (H, H)
        1 on the diagonal; 0 between two heads that keep nothing.

    Examples
    --------
    Head A keeps tokens 1 and 3 of six, head B keeps 2 and 3.

    >>> selected = np.zeros((2, 6), dtype=bool)
    >>> selected[0, [1, 3]] = selected[1, [2, 3]] = True
    >>> round(float(jaccard(selected)[0, 1]), 3)
    0.333
    """
    require(selected.ndim == 2, "selected", selected.shape, "of shape (H, T)")
    counts = selected.astype(np.int64)
    shared = counts @ counts.T
    sizes = counts.sum(axis=1)
    either = sizes[:, None] + sizes - shared
    overlap = np.divide(shared, either, out=np.zeros(shared.shape), where=either > 0)
    np.fill_diagonal(overlap, 1.0)
    return overlap


def mean_jaccard(selected: np.ndarray) -> float:
    """Average the overlap over all pairs of different heads, two or more: bool (H, T)."""
    require(len(selected) >= 2, "selected", len(selected), "of at least 2 heads")
    pairs = np.triu_indices(len(selected), 1)
    return float(jaccard(selected)[pairs].mean())


def chance_jaccard(T: int, k: int) -> float:
    """Overlap that two heads have on average if each keeps k of T tokens blindly.

    Parameters
    ----------
    T, k : int
        Tokens; tokens kept, 1 <= k <= T.

    Returns
    -------
    float
        Expected shared tokens over tokens that either keeps.

    Notes
    -----
    The number of shared tokens is hypergeometric.

    Examples
    --------
    Two of six: an overlap of a third, as above, is little more than this.

    >>> round(chance_jaccard(6, 2), 3)
    0.244
    """
    require(1 <= k <= T, "k", k, f"in [1, T={T}]")
    ways = comb(T, k)
    return sum(
        comb(k, shared) * comb(T - k, k - shared) / ways * shared / (2 * k - shared)
        for shared in range(k + 1)
    )


def orphans(selected: np.ndarray) -> np.ndarray:
    """Return the positions that no head keeps, of all leading axes: bool (..., T)."""
    return np.flatnonzero(~selected.reshape(-1, selected.shape[-1]).any(axis=0))


def chance_orphans(T: int, k: int, n_heads: int) -> float:
    """Tokens that no head would keep, on average, if all chose blindly.

    >>> round(chance_orphans(6, 2, 2), 2)
    2.67
    """
    require(1 <= k <= T, "k", k, f"in [1, T={T}]")
    return float(T * (1 - k / T) ** n_heads)
