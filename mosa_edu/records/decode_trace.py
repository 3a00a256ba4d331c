"""A text that was decoded token by token, and which heads kept which token of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from mosa_edu.checks import require
from mosa_edu.records.codec import plain
from mosa_edu.records.leak import Piece
from mosa_edu.records.trace import TextRecord

VERSION = 1


@dataclass(frozen=True)
class DecodingStory(TextRecord):
    """Who was admitted at every step of a decoding, and what the cache held after it.

    Parameters
    ----------
    model : dict
        `{"name": str, "sha256": str or None}` of the weights.
    rule : str
        How heads chose: ``prefix``, ``threshold`` or ``token``.
    trained_rule : str
        How they chose while the weights were trained.
    tokens : sequence of Piece
        The T tokens that were read, the prompt first.
    prompt : int
        How many of them were given, in [1, T].
    layers, heads, dense_heads : int
        L layers of H sparse heads and of some dense ones.
    d_head, bytes_per_element, limit : int
        Width of a head; size of a stored number; slots of a sparse head at most.
    taken, refused : sequence of sequence of int
        For each of the T steps the rows (layer * H + head), ascending, that took the token; and
        those that wanted it but had no slot left.
    bytes : sequence of int
        What the decoder's cache held after each step.
    provenance : dict
        Where the story comes from, as plain JSON values.
    version : int
        Version of this format; only 1 is known.
    """

    model: dict[str, Any]
    rule: str
    trained_rule: str
    tokens: Sequence[Piece]
    prompt: int
    layers: int
    heads: int
    dense_heads: int
    d_head: int
    bytes_per_element: int
    limit: int
    taken: Sequence[Sequence[int]]
    refused: Sequence[Sequence[int]]
    bytes: Sequence[int]
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION

    def __post_init__(self) -> None:
        require(self.version == VERSION, "DecodingStory.version", self.version, f"{VERSION}")
        for name in ("model", "provenance"):
            object.__setattr__(self, name, plain(getattr(self, name), name))
        object.__setattr__(self, "tokens", tuple(Piece(*row) for row in self.tokens))
        T, rows = len(self.tokens), self.layers * self.heads
        require(1 <= self.prompt <= T, "prompt", self.prompt, f"in [1, {T}]")
        for name in ("taken", "refused"):
            steps = tuple(tuple(row) for row in getattr(self, name))
            object.__setattr__(self, name, steps)
            require(len(steps) == T, name, len(steps), f"{T} long")
            known = all(list(row) == sorted({r for r in row if 0 <= r < rows}) for row in steps)
            require(known, name, "another row", f"ascending rows in [0, {rows})")
        object.__setattr__(self, "bytes", tuple(self.bytes))
        expected = [slots * self.slot_bytes for slots in self.slots()]
        require(list(self.bytes) == expected, "bytes", list(self.bytes), "what the slots hold")

    @property
    def slot_bytes(self) -> int:
        """Bytes of one key and one value of one head."""
        return 2 * self.d_head * self.bytes_per_element

    def slots(self) -> list[int]:
        """Count the key-value pairs of all heads, dense ones included, after each step."""
        every = self.layers * self.dense_heads
        sparse = accumulate(len(row) for row in self.taken)
        return [kept + every * (t + 1) for t, kept in enumerate(sparse)]

    def dense_slots(self) -> list[int]:
        """Count those of as many heads that are all dense, after each step."""
        every = self.layers * (self.dense_heads + self.heads)
        return [every * (t + 1) for t in range(len(self.tokens))]
