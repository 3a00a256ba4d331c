"""One head's router against chance, a search and no head at all: the stored frame of a game."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mosa_edu.checks import require
from mosa_edu.records.codec import plain
from mosa_edu.records.leak import Piece
from mosa_edu.records.trace import TextRecord

VERSION = 1


@dataclass(frozen=True)
class RouterContest(TextRecord):
    """What the loss of one text is when one head keeps this or that.

    Parameters
    ----------
    model : dict
        `{"name": str, "sha256": str or None}` of the weights.
    tokens : sequence of Piece
        The T tokens of the text.
    layer, head : int
        The sparse head whose selection was replaced.
    gates : sequence of float
        What the head's router scores each of the T tokens, in [0, 1]: with this gate a token
        enters, whoever picks it.
    trained, found : sequence of int
        Ascending positions: those of the trained router; the best that swaps have found.
    trained_loss, found_loss, off_loss : float
        Mean losses of the text in nats per token: with either, and with the head switched off.
    random_losses : sequence of float
        With random selections of the same size, drawn with the seeds 1, 2, ...
    tries : int
        Swaps that were tried to get from `trained` to `found`.
    provenance : dict
        Where the record comes from, as plain JSON values.
    version : int
        Version of this format; only 1 is known.
    """

    model: dict[str, Any]
    tokens: Sequence[Piece]
    layer: int
    head: int
    gates: Sequence[float]
    trained: Sequence[int]
    trained_loss: float
    random_losses: Sequence[float]
    found: Sequence[int]
    found_loss: float
    tries: int
    off_loss: float
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION

    def __post_init__(self) -> None:
        require(self.version == VERSION, "RouterContest.version", self.version, f"{VERSION}")
        for name in ("model", "provenance"):
            object.__setattr__(self, name, plain(getattr(self, name), name))
        object.__setattr__(self, "tokens", tuple(Piece(*row) for row in self.tokens))
        for name in ("random_losses", "gates"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        T, k = len(self.tokens), len(self.trained)
        require(len(self.gates) == T, "gates", len(self.gates), f"{T} long")
        for name in ("trained", "found"):
            picks = tuple(getattr(self, name))
            object.__setattr__(self, name, picks)
            good = list(picks) == sorted({t for t in picks if 0 <= t < T}) and len(picks) == k
            require(good, name, list(picks), f"{k} ascending positions in [0, {T})")
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
