"""What a new future did to the past of one text: the leak probe's stored example."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mosa_edu.checks import require
from mosa_edu.records.codec import plain
from mosa_edu.records.trace import TextRecord

VERSION = 1


class Piece(NamedTuple):
    """A token: its id and its text, empty where it is no whole character."""

    id: int
    text: str


class Forecast(NamedTuple):
    """What a model finds likeliest after a position, with and without the old future."""

    before: str
    before_probability: float
    after: str
    after_probability: float


@dataclass(frozen=True)
class LeakExample(TextRecord):
    """One text, the same text with another future, and all that moved before the cut.

    Parameters
    ----------
    model : dict
        `{"name": str, "sha256": str or None}` of the weights.
    tokens, future : sequence of Piece
        The T tokens of the text; the T - cut tokens that take the place of its last ones.
    cut : int
        How many tokens come before the cut, in [1, T).
    seed : int
        What the future was drawn with.
    layers, heads : int
        L layers of H sparse heads.
    before, after : sequence of sequence of int
        Picks of the L H heads over all T tokens, ascending, layer after layer: of the text, and
        with the new future.
    divergence : sequence of float
        Kullback-Leibler divergence in nats of the two predictions at each of the `cut` positions.
    changed : sequence of bool
        Whether a logit at the position moved by more than rounding would explain.
    forecasts : sequence of Forecast
        The likeliest next tokens there.
    provenance : dict
        Where the example comes from, as plain JSON values.
    version : int
        Version of this format; only 1 is known.
    """

    model: dict[str, Any]
    tokens: Sequence[Piece]
    future: Sequence[Piece]
    cut: int
    seed: int
    layers: int
    heads: int
    before: Sequence[Sequence[int]]
    after: Sequence[Sequence[int]]
    divergence: Sequence[float]
    changed: Sequence[bool]
    forecasts: Sequence[Forecast]
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION

    def __post_init__(self) -> None:
        require(self.version == VERSION, "LeakExample.version", self.version, f"{VERSION}")
        for name in ("model", "provenance"):
            object.__setattr__(self, name, plain(getattr(self, name), name))
        for name, kind in (("tokens", Piece), ("future", Piece), ("forecasts", Forecast)):
            object.__setattr__(self, name, tuple(kind(*row) for row in getattr(self, name)))
        for name in ("before", "after"):
            object.__setattr__(self, name, tuple(tuple(row) for row in getattr(self, name)))
        T, rows = len(self.tokens), self.layers * self.heads
        require(1 <= self.cut < T, "cut", self.cut, f"in [1, {T})")
        require(
            len(self.future) == T - self.cut, "future", len(self.future), f"{T - self.cut} long"
        )
        for name in ("divergence", "changed", "forecasts"):
            require(
                len(getattr(self, name)) == self.cut,
                name,
                len(getattr(self, name)),
                f"{self.cut} long",
            )
        for name in ("before", "after"):
            picks = getattr(self, name)
            require(len(picks) == rows, name, len(picks), f"{rows} heads")
            inside = all(0 <= t < T for row in picks for t in row)
            require(inside, name, "another position", f"positions in [0, {T})")

    def rewritten(self) -> tuple[int, int]:
        """Count the picks before the cut that only one future has: (new, lost)."""
        new = lost = 0
        for before, after in zip(self.before, self.after, strict=True):
            own, other = ({t for t in row if t < self.cut} for row in (before, after))
            new, lost = new + len(other - own), lost + len(own - other)
        return new, lost
