"""A text that was decoded token by token, and which heads kept which token of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from mosa_edu.checks import require
from mosa_edu.records.codec import Piece, TextRecord, ascending


@dataclass(frozen=True)
class DecodingTrace(TextRecord):
    """Who was admitted at every step of a decoding, and what the cache held after it.

    `taken` and `refused` are, for each of the T steps, the rows (layer * H + head) that took the
    token, and those that wanted it but had no slot left; `bytes` is what the cache held then.
    """

    model: dict[str, Any]
    rule: str  # how heads chose: prefix, threshold or token
    trained_rule: str
    tokens: Sequence[Piece]
    prompt: int  # how many of the tokens were given
    layers: int
    heads: int  # sparse ones of a layer
    dense_heads: int
    d_head: int
    bytes_per_element: int
    limit: int  # slots of a sparse head at most
    taken: Sequence[Sequence[int]]
    refused: Sequence[Sequence[int]]
    bytes: Sequence[int]
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        steps = {name: lambda rows: tuple(map(tuple, rows)) for name in ("taken", "refused")}
        self.settle(**steps, bytes=tuple)
        T, rows = len(self.tokens), self.layers * self.heads
        require(1 <= self.prompt <= T, "prompt", self.prompt, f"in [1, {T}]")
        for name in steps:
            found = getattr(self, name)
            require(len(found) == T, name, len(found), f"{T} long")
            known = all(ascending(row, rows) for row in found)
            require(known, name, "another row", f"ascending rows in [0, {rows})")
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
