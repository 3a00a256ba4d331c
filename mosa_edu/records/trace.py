"""The routing of one text through one model: which tokens every sparse head kept, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records.codec import (
    JsonRecord,
    check_fields,
    decode,
    encode,
    is_count,
)

SIZES = ("T", "layers", "heads", "k")
PLAIN = ("scores", "order", "indices", "attention")
NEEDED = {"version", "model", "tokens", *SIZES, "sparsity", *PLAIN, "next_top", "provenance"}
GROUPS = {
    "next_top": {"ids": "next_ids", "probabilities": "next_probabilities"},
    "next_true": {"loss": "true_loss", "rank": "true_rank"},
}


class Token(NamedTuple):
    """A token and the code points `[start, end)` of the text it stands for."""

    id: int
    text: str
    start: int
    end: int


N_NEXT = 5
MAX_TOKENS = 65535  # every position, and T itself, fits in uint16
ARRAYS = (
    *("scores", "order", "indices", "attention", "next_ids", "next_probabilities"),
    *("true_loss", "true_rank", "counts"),
)


def check_trace(trace: "RoutingTrace") -> None:
    """Refuse a trace whose fields contradict each other."""
    require(set(trace.model) == {"name", "sha256"}, "model", trace.model, "{name, sha256}")
    known = is_count(trace.sparsity) and trace.sparsity >= 1
    require(known, "sparsity", trace.sparsity, "an integer >= 1")
    _check_tokens(trace)
    _check_shapes(trace)
    _check_routing(trace)


def _check_tokens(trace: "RoutingTrace") -> None:
    count = len(trace.tokens)
    require(1 <= count <= MAX_TOKENS, "tokens", f"{count} tokens", f"1 to {MAX_TOKENS} tokens")
    start = 0
    for token in trace.tokens:
        in_order = start <= token.start <= token.end
        require(in_order, "tokens", token, f"in order of the text, here from {start} on")
        start = token.start


def _check_shapes(trace: "RoutingTrace") -> None:
    shape = np.shape(trace.indices)
    require(len(shape) == 3 and min(shape) >= 1, "indices", shape, "of shape (L, H, k)")
    (layers, heads, k), T = shape, len(trace.tokens)
    require(k <= T, "indices", f"k={k}", f"of k <= T={T}")
    expected = {
        "scores": ("uint16", (layers, heads, T)),
        "order": ("uint8" if T <= 256 else "uint16", (layers, heads, T)),
        "indices": ("uint16", shape),
        "attention": ("uint8", (layers, heads, k * (k + 1) // 2)),
        "next_ids": ("uint16", (T, N_NEXT)),
        "next_probabilities": ("uint16", (T, N_NEXT)),
        "true_loss": ("float32", (T - 1,)),
        "true_rank": ("uint16", (T - 1,)),
        "counts": ("uint16", (layers, heads)),
    }
    optional = {"true_loss", "true_rank", "counts"}
    for name, (dtype, size) in expected.items():
        array = getattr(trace, name)
        if array is None and name in optional:
            continue
        require(isinstance(array, np.ndarray), name, type(array).__name__, "an array")
        found = f"{array.dtype} {array.shape}"
        require(found == f"{dtype} {size}", name, found, f"of type {dtype} and shape {size}")


def _check_routing(trace: "RoutingTrace") -> None:
    layers, heads, k = trace.indices.shape
    T = len(trace.tokens)
    counts = np.full((layers, heads), k) if trace.counts is None else trace.counts
    require(int(counts.max()) <= k, "counts", int(counts.max()), f"at most k={k}")
    used = np.arange(k) < counts[..., None]
    positions = trace.indices.astype(np.int64)
    require(bool((positions[used] < T).all()), "indices", int(positions.max()), f"below T={T}")
    require(not positions[~used].any(), "indices", "padding", "0 after the used entries")
    ascending = (np.diff(positions, axis=2) > 0) | ~used[..., 1:]
    require(bool(ascending.all()), "indices", "unsorted positions", "strictly ascending")
    order = trace.order.astype(np.int64)
    permuted = np.array_equal(np.sort(order, axis=2), np.broadcast_to(np.arange(T), order.shape))
    require(permuted, "order", "something else", "a permutation of all positions for each head")
    ranked = np.take_along_axis(trace.scores.astype(np.int64), order, axis=2)
    falling = bool((np.diff(ranked, axis=2) <= 0).all())
    require(falling, "order", "scores that rise along it", "from the highest score to the lowest")
    if trace.true_loss is not None:
        require(bool(np.isfinite(trace.true_loss).all()), "true_loss", "NaN or inf", "finite")


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
    version: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settle(tokens=lambda tokens: tuple(Token(*token) for token in tokens))
        check_trace(self)
        for name in ARRAYS:
            array = getattr(self, name)
            if array is not None:
                self.settle(**{name: np.ndarray.copy})
                getattr(self, name).flags.writeable = False

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

    def selected(self, layer: int, head: int) -> np.ndarray:
        """Positions that a head kept: int64, ascending, without padding."""
        self.check_head(layer, head)
        count = self.k if self.counts is None else int(self.counts[layer, head])
        return self.indices[layer, head, :count].astype(np.int64)

    def selected_mask(self) -> np.ndarray:
        """Which head kept which token: bool (L, H, T)."""
        mask = np.zeros((self.layers, self.heads, self.T), dtype=bool)
        for layer, head in np.ndindex(self.layers, self.heads):
            mask[layer, head, self.selected(layer, head)] = True
        return mask

    def heads_per_token(self) -> np.ndarray:
        """How many heads of all layers kept each token: int64 (T,)."""
        return self.selected_mask().sum(axis=(0, 1))

    def router_scores(self) -> np.ndarray:
        """Router scores between 0 and 1: float64 (L, H, T)."""
        return self.scores / 65535

    def attention_matrix(self, layer: int, head: int) -> np.ndarray:
        """Attention weights of a head: float64 (k, k) lower triangle, of its own picks only."""
        count = len(self.selected(layer, head))
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

    def values(self) -> dict[str, Any]:
        """Return the written form, which has sizes and groups of arrays of its own."""
        values: dict[str, Any] = {"version": self.version, "model": self.model}
        values["tokens"] = [token._asdict() for token in self.tokens]
        values |= {name: getattr(self, name) for name in ("T", "k", "sparsity", "layers", "heads")}
        values |= {name: encode(getattr(self, name)) for name in PLAIN}
        for group, members in GROUPS.items():
            arrays = {key: getattr(self, name) for key, name in members.items()}
            if all(array is not None for array in arrays.values()):
                values[group] = {key: encode(array) for key, array in arrays.items()}
        if self.counts is not None:
            values["counts"] = encode(self.counts)
        return {**values, "provenance": self.provenance}

    @classmethod
    def arguments(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Read the written form."""
        cls._check_version(values.get("version"))
        check_fields(values, NEEDED, {"next_true", "counts"}, "RoutingTrace")
        arguments = {name: values[name] for name in ("version", "model", "sparsity", "provenance")}
        tokens = values["tokens"]
        require(isinstance(tokens, list), "tokens", type(tokens).__name__, "a list")
        arguments["tokens"] = [_token(value) for value in tokens]
        arguments |= {n: decode(values[n], n) for n in (*PLAIN, "counts") if n in values}
        sizes = {"T": len(tokens), **dict(zip(SIZES[1:], arguments["indices"].shape, strict=False))}
        for name in SIZES:
            actual = sizes.get(name)
            require(values[name] == actual, name, values[name], f"{actual}, as in the arrays")
        for group, members in GROUPS.items():
            if group in values:
                require(isinstance(values[group], dict), group, values[group], "an object")
                check_fields(values[group], set(members), set(), group)
                for key, name in members.items():
                    arguments[name] = decode(values[group][key], f"{group}.{key}")
        return arguments


def _token(value: Any) -> Token:
    require(isinstance(value, dict), "tokens", value, "a list of objects")
    check_fields(value, {"id", "text", "start", "end"}, set(), "tokens")
    counts = [value[name] for name in ("id", "start", "end")]
    known = isinstance(value["text"], str) and all(is_count(count) for count in counts)
    require(known, "tokens", value, "objects of text and of integers id, start, end >= 0")
    return Token(**value)
