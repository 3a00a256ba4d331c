"""What a new future did to the past of one text: the leak probe's stored example."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mosa_edu.checks import require
from mosa_edu.records.codec import Piece, TextRecord, pieces


class Forecast(NamedTuple):
    """What a model finds likeliest after a position, with and without the old future."""

    before: str
    before_probability: float
    after: str
    after_probability: float


@dataclass(frozen=True)
class LeakExample(TextRecord):
    """One text, the same text with another future, and all that moved before the cut.

    `before` and `after` are the selected positions of the L H heads, layer after layer: of the
    text, and with the new future. At each of the `cut` positions, `divergence` is that of
    Kullback and Leibler between the two predictions, in nats, and `changed` says whether a logit
    moved by more than rounding would explain.
    """

    model: dict[str, Any]
    tokens: Sequence[Piece]
    future: Sequence[Piece]  # of the T - cut tokens that take the place of the last ones
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
    version: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settle(
            future=pieces,
            forecasts=lambda rows: tuple(Forecast(*row) for row in rows),
            before=lambda rows: tuple(map(tuple, rows)),
            after=lambda rows: tuple(map(tuple, rows)),
        )
        T, cut = len(self.tokens), self.cut
        require(1 <= cut < T, "cut", cut, f"in [1, {T})")
        heads = self.layers * self.heads
        lengths = {"future": T - cut, "before": heads, "after": heads}
        for name in (*lengths, "divergence", "changed", "forecasts"):
            found, right = len(getattr(self, name)), lengths.get(name, cut)
            require(found == right, name, found, f"{right} long")
        for name in ("before", "after"):
            inside = all(0 <= t < T for row in getattr(self, name) for t in row)
            require(inside, name, "another position", f"positions in [0, {T})")

    def rewritten(self) -> tuple[int, int]:
        """Count the selected positions before the cut that only one future has: (new, lost)."""
        new = lost = 0
        for before, after in zip(self.before, self.after, strict=True):
            own, other = ({t for t in row if t < self.cut} for row in (before, after))
            new, lost = new + len(other - own), lost + len(own - other)
        return new, lost
