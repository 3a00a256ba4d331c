"""One head's router against chance, a search and no head at all: the stored frame of a game."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mosa_edu.checks import require
from mosa_edu.records.codec import Piece, TextRecord, ascending


@dataclass(frozen=True)
class RoutingGameRecord(TextRecord):
    """What the loss of one text is when one head keeps this or that.

    Losses are means over the text, in nats per token; they are written to six decimals.
    """

    model: dict[str, Any]
    tokens: Sequence[Piece]
    layer: int
    head: int  # whose selection was replaced
    gates: Sequence[float]  # with which a token enters, whoever selects it
    trained: Sequence[int]  # selected by the trained router
    trained_loss: float
    random_losses: Sequence[float]  # of as many positions, drawn with the seeds 1, 2, ...
    found: Sequence[int]  # the best that `tries` swaps have found
    found_loss: float
    tries: int
    off_loss: float  # with the head switched off
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settle(random_losses=tuple, gates=tuple, trained=tuple, found=tuple)
        T, k = len(self.tokens), len(self.trained)
        require(len(self.gates) == T, "gates", len(self.gates), f"{T} long")
        for name in ("trained", "found"):
            selected = getattr(self, name)
            good = ascending(selected, T) and len(selected) == k
            require(good, name, list(selected), f"{k} ascending positions in [0, {T})")
        require(len(self.random_losses) > 0, "random_losses", "none", "at least one")
        lower = self.found_loss <= self.trained_loss + 1e-6
        require(lower, "found_loss", self.found_loss, f"at most {self.trained_loss}")

    def random_loss(self) -> float:
        """Return the mean over the random selections, in nats per token."""
        return sum(self.random_losses) / len(self.random_losses)

    def values(self) -> dict[str, Any]:
        """Return the fields as they are written: losses to six decimals."""
        values = super().values()
        for name in ("trained_loss", "found_loss", "off_loss"):
            values[name] = round(values[name], 6)
        values["random_losses"] = [round(loss, 6) for loss in self.random_losses]
        return values
