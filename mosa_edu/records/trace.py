"""The routing of one text through one model: which tokens every sparse head kept, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records import trace_json
from mosa_edu.records.arrays import plain, read_object
from mosa_edu.records.files import JsonRecord
from mosa_edu.records.trace_checks import ARRAYS, check_trace
from mosa_edu.records.trace_json import VERSION, Token


@dataclass(frozen=True, eq=False)
class RoutingTrace(JsonRecord):
    """Routing, attention and predictions of a model on one text; read-only arrays.

    Heads without a router have score 1 where they picked and 0 elsewhere. Heads that keep fewer
    than k tokens (ragged selectors) say so in `counts`; their padding comes last: index 0,
    attention 0.

    Parameters
    ----------
    model : dict
        `{"name": str, "sha256": str or None}` of the weights.
    tokens : sequence of Token
        The T tokens of the text.
    sparsity : int
        Sparsity rate that the model was built with.
    scores : ndarray of uint16, shape (L, H, T)
        Router scores, `round(sigmoid * 65535)`. For ranks use `order`: near-ties collapse here.
    order : ndarray of uint8 (T <= 256) or uint16, shape (L, H, T)
        Positions from the highest logit to the lowest, the earlier position first among equals.
    indices : ndarray of uint16, shape (L, H, k)
        Positions that the head kept, ascending.
    attention : ndarray of uint8, shape (L, H, k (k + 1) / 2)
        Attention weights among the kept tokens, `round(weight * 255)`: the lower triangle, row
        after row; row i is the query `indices[i]`.
    next_ids, next_probabilities : ndarray of uint16, shape (T, 5)
        The five likeliest next tokens after each position, and `round(probability * 65535)`.
    true_loss : ndarray of float32, shape (T - 1,), optional
        Loss in nats of the token that really follows.
    true_rank : ndarray of uint16, shape (T - 1,), optional
        How many tokens of the vocabulary the model found likelier than the one that follows.
    counts : ndarray of uint16, shape (L, H), optional
        How many of the k entries each head uses; None when all do.
    provenance : dict
        Where the trace comes from, as plain JSON values.
    version : int
        Version of this format; only 1 is known.

    Raises
    ------
    ValueError
        Naming the field that is wrong.
    """

    model: dict[str, Any]
    tokens: Sequence[Token]
    sparsity: int
    scores: np.ndarray
    order: np.ndarray
    indices: np.ndarray
    attention: np.ndarray
    next_ids: np.ndarray
    next_probabilities: np.ndarray
    true_loss: np.ndarray | None = None
    true_rank: np.ndarray | None = None
    counts: np.ndarray | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", tuple(Token(*token) for token in self.tokens))
        for name in ("model", "provenance"):
            object.__setattr__(self, name, plain(getattr(self, name), name))
        check_trace(self)
        for name in ARRAYS:
            array = getattr(self, name)
            if array is not None:
                array = array.copy()
                array.flags.writeable = False
                object.__setattr__(self, name, array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RoutingTrace) and self.to_json() == other.to_json()

    def __repr__(self) -> str:
        return (
            f"RoutingTrace({self.model.get('name')!r}, T={self.T}, k={self.k}, "
            f"layers={self.layers}, heads={self.heads})"
        )

    @property
    def T(self) -> int:
        """Number of tokens."""
        return len(self.tokens)

    @property
    def k(self) -> int:
        """Most tokens that any head keeps."""
        return self.indices.shape[2]

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self.indices.shape[0]

    @property
    def heads(self) -> int:
        """Number of sparse heads in a layer."""
        return self.indices.shape[1]

    @property
    def text(self) -> str:
        """The text that was traced."""
        return "".join(token.text for token in self.tokens)

    def picks(self, layer: int, head: int) -> np.ndarray:
        """Positions that a head kept: int64, ascending, without padding."""
        self.check_head(layer, head)
        count = self.k if self.counts is None else int(self.counts[layer, head])
        return self.indices[layer, head, :count].astype(np.int64)

    def picked(self) -> np.ndarray:
        """Which head kept which token: bool (L, H, T)."""
        mask = np.zeros((self.layers, self.heads, self.T), dtype=bool)
        for layer, head in np.ndindex(self.layers, self.heads):
            mask[layer, head, self.picks(layer, head)] = True
        return mask

    def heads_per_token(self) -> np.ndarray:
        """How many heads of all layers kept each token: int64 (T,)."""
        return self.picked().sum(axis=(0, 1))

    def router_scores(self) -> np.ndarray:
        """Router scores between 0 and 1: float64 (L, H, T)."""
        return self.scores / 65535

    def attention_matrix(self, layer: int, head: int) -> np.ndarray:
        """Attention weights of a head: float64 (k, k) lower triangle, of its own picks only."""
        count = len(self.picks(layer, head))
        matrix = np.zeros((count, count))
        matrix[np.tril_indices(count)] = self.attention[layer, head, : count * (count + 1) // 2]
        return matrix / 255

    def check_head(self, layer: int, head: int) -> None:
        """Refuse a layer or head that the trace does not have.

        Raises
        ------
        ValueError
            If `layer` is not in [0, L) or `head` not in [0, H).
        """
        require(0 <= layer < self.layers, "layer", layer, f"in [0, {self.layers})")
        require(0 <= head < self.heads, "head", head, f"in [0, {self.heads})")

    def to_json(self) -> str:
        """Return the trace as JSON text: one field a line, the same bytes every time."""
        return trace_json.write(self)

    @classmethod
    def from_json(cls, text: str) -> "RoutingTrace":
        """Read a trace back.

        Raises
        ------
        ValueError
            Naming the field that is missing, unknown or wrong.
        """
        values = read_object(text, "RoutingTrace")
        trace = cls(**trace_json.read(values))
        for name in trace_json.SIZES:
            actual = getattr(trace, name)
            require(values[name] == actual, name, values[name], f"{actual}, as in the arrays")
        return trace
