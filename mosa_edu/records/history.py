"""How the routing of fixed texts changed while a model trained: the training scrubber's data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records.codec import JsonRecord


@dataclass(frozen=True, eq=False)
class RoutingHistory(JsonRecord):
    """Picks of every sparse head on one text, at every recorded step of a training run.

    Parameters
    ----------
    name : str
        Name of the run.
    pieces : sequence of str
        The text's T tokens, as written.
    steps : sequence of int
        Recorded steps, ascending.
    tokens_seen : sequence of int
        Tokens trained on at each step.
    losses : sequence of float
        Mean loss on this text at each step, in nats per token; full-sequence routing.
    indices : ndarray of uint8 or uint16, shape (S, L, H, k)
        Positions each head kept, ascending.
    provenance : dict
        Where the history comes from, as plain JSON values.

    Raises
    ------
    ValueError
        If the fields do not fit together.
    """

    name: str
    pieces: Sequence[str]
    steps: Sequence[int]
    tokens_seen: Sequence[int]
    losses: Sequence[float]
    indices: np.ndarray
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settle(pieces=tuple, steps=tuple, tokens_seen=tuple, losses=tuple)
        require(self.indices.ndim == 4, "indices", self.indices.shape, "of shape (S, L, H, k)")
        S = self.indices.shape[0]
        for name in ("steps", "tokens_seen", "losses"):
            require(len(getattr(self, name)) == S, name, len(getattr(self, name)), f"{S} long")
        require(list(self.steps) == sorted(set(self.steps)), "steps", self.steps, "ascending")
        T = len(self.pieces)
        top = int(self.indices.max(initial=0))
        require(top < max(T, 1), "indices", top, f"positions below T={T}")

    @property
    def text(self) -> str:
        """The text that was probed."""
        return "".join(self.pieces)

    def selected_mask(self) -> np.ndarray:
        """Which head kept which token at which step: bool (S, L, H, T)."""
        mask = np.zeros((*self.indices.shape[:3], len(self.pieces)), dtype=bool)
        np.put_along_axis(mask, self.indices.astype(np.int64), True, axis=-1)
        return mask

    def overlap_with_last(self) -> np.ndarray:
        """Share of each head's final picks that it already had: float64 (S, L, H)."""
        picked = self.selected_mask()
        return (picked & picked[-1:]).sum(-1) / self.indices.shape[-1]

    def values(self) -> dict[str, Any]:
        """Return the fields as they are written: losses to four decimals."""
        return super().values() | {"losses": [round(loss, 4) for loss in self.losses]}
