"""The kinds of heads and the shape that the cost of one head is a function of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mosa_edu.checks import require, require_integer
from mosa_edu.costs.quotas import capacity, kept_tokens

KINDS = (
    "dense",
    "local",
    "fixed",
    "routing",
    "mosa",
    "random",
    "prefix",
    "threshold",
    "token",
    "predictor",
)
ROUTED = frozenset({"mosa", "prefix", "threshold", "token", "predictor"})
"""Kinds that score every token and scale their output by the score."""
RAGGED = frozenset({"prefix", "threshold", "token"})
"""Kinds whose number of tokens depends on the text: they are charged for all their slots."""


def require_kind(kind: str, allowed: tuple[str, ...] = KINDS) -> None:
    """Refuse a kind of head that has no cost here."""
    require(kind in allowed, "kind", kind, "one of " + ", ".join(allowed))


@dataclass(frozen=True, kw_only=True)
class HeadShape:
    """What the cost of one head on one sequence depends on.

    Parameters
    ----------
    d_model : int
        Width of the residual stream, h.
    d_head : int
        Width of the head, h'.
    seq_len : int
        Tokens in the sequence, T.
    sparsity : int
        T / k, the paper's rho.
    window : int, optional
        Keys that a query of a local head sees, itself included; if it is not given,
        ``max_seq_len // sparsity``, as in the authors' hybrid.
    capacity_factor : float
        Slots for each expected token of a ragged head.
    max_seq_len : int, optional
        Longest sequence of the model, which sets those slots; `seq_len` if it is not given.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `max_seq_len` is below `seq_len`.

    Examples
    --------
    >>> shape = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=64)
    >>> shape.kept, shape.capacity
    (16, 32)
    """

    d_model: int
    d_head: int
    seq_len: int
    sparsity: int = 1
    window: int | None = None
    capacity_factor: float = 2.0
    max_seq_len: int | None = None

    def __post_init__(self) -> None:
        for name in ("d_model", "d_head", "seq_len", "sparsity"):
            require_integer(name, getattr(self, name), 1)
        if self.window is not None:
            require_integer("window", self.window, 1)
        capacity(self.seq_len, self.sparsity, self.capacity_factor, self.max_seq_len)

    @property
    def span(self) -> int:
        """Keys that a query of a local head sees, at most T."""
        longest = self.max_seq_len or self.seq_len
        window = max(longest // self.sparsity, 1) if self.window is None else self.window
        return min(window, self.seq_len)

    @property
    def kept(self) -> int:
        """Tokens of a head with a fixed quota, k."""
        return kept_tokens(self.seq_len, self.sparsity)

    @property
    def capacity(self) -> int:
        """Slots of a ragged head, C."""
        return capacity(self.seq_len, self.sparsity, self.capacity_factor, self.max_seq_len)

    def slots(self, kind: str) -> int:
        """Tokens that a head of this kind projects, which is what it is charged for.

        Parameters
        ----------
        kind : str
            One of `KINDS`.

        Returns
        -------
        int
            T for dense, local and routing heads, ceil(T / rho) for fixed and random ones, which
            take one token of every run of rho, C for ragged ones, k for the others.

        Examples
        --------
        >>> shape = HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=64)
        >>> [shape.slots(kind) for kind in ("dense", "mosa", "prefix")]
        [1024, 16, 32]
        """
        require_kind(kind)
        if kind in ("dense", "local", "routing"):
            return self.seq_len
        if kind in ("fixed", "random"):
            return -(-self.seq_len // self.sparsity)
        return self.capacity if kind in RAGGED else self.kept

    def expected_tokens(self, kind: str) -> float:
        """Tokens that stand in those slots on average, for scores that carry no order.

        Parameters
        ----------
        kind : str
            One of `KINDS`.

        Returns
        -------
        float
            Expected number of tokens in the head, before any is refused for want of a slot.

        Notes
        -----
        A prefix head takes token t if its score is among the best ``ceil((t + 1) / rho)`` of the
        t + 1 scores so far. For exchangeable scores that has probability
        ``ceil((t + 1) / rho) / (t + 1)``, and the expectation is the sum over t: above T / rho,
        since early tokens meet few rivals. A threshold and a balanced token choice aim at T / rho.

        Examples
        --------
        >>> shape = HeadShape(d_model=8, d_head=4, seq_len=6, sparsity=3)
        >>> round(shape.expected_tokens("prefix"), 2), shape.expected_tokens("threshold")
        (3.07, 2.0)
        """
        require_kind(kind)
        if kind == "prefix":
            seen = range(1, self.seq_len + 1)
            return math.fsum(-(-n // self.sparsity) / n for n in seen)
        if kind in RAGGED or kind == "random":
            return self.seq_len / self.sparsity
        return float(self.slots(kind))
