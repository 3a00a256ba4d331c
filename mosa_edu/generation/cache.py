"""One step of each kind of head: project the new token, keep it if it was selected, attend."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mosa_edu.attention import DenseAttention, SparseAttention
from mosa_edu.attention.rotary import rotate
from mosa_edu.checks import require

FIRST_SLOTS = 16
"""Slots of a head at the start; their number doubles as they fill, up to the head's limit."""


class Slots:
    """Keys and values of heads, (rows, n_heads, size, d_head), `limit` slots a head at most."""

    def __init__(self, like: Tensor, rows: int, n_heads: int, d_head: int, limit: int) -> None:
        require(rows >= 1, "rows", rows, "at least 1")
        require(limit >= 1, "limit", limit, "at least 1")
        self.limit = limit
        self.keys = like.new_zeros(rows, n_heads, min(FIRST_SLOTS, limit), d_head)
        self.values = torch.zeros_like(self.keys)

    def make_room(self, place: int) -> None:
        """Copy everything into twice as many slots, `limit` at most, if a place is not there."""
        rows, n_heads, size, d_head = self.keys.shape
        if place >= size:
            old = self.keys, self.values
            self.keys = self.keys.new_zeros(rows, n_heads, min(2 * size, self.limit), d_head)
            self.values = torch.zeros_like(self.keys)
            self.keys[:, :, :size], self.values[:, :, :size] = old

    def count(self) -> int:
        """Return the filled slots of all rows and heads."""
        raise NotImplementedError


class RingSlots(Slots):
    """Heads that all keep the same tokens, the last `limit` ones: position p in ``p % limit``.

    A dense head is one whose limit is the longest text, so that the ring never closes. Attention
    asks for no order among keys: each carries its position in its rotation.
    """

    filled = 0

    def put(self, keys: Tensor, values: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Keep one token in every head, and return all that is kept."""
        place = position % self.limit
        self.make_room(place)
        self.keys[:, :, place] = keys
        self.values[:, :, place] = values
        self.filled = min(position + 1, self.limit)
        return self.keys[:, :, : self.filled], self.values[:, :, : self.filled]

    def count(self) -> int:
        """Return the filled slots of all rows and heads."""
        return self.keys.shape[0] * self.keys.shape[1] * self.filled


class VariableSlots(Slots):
    """Heads that keep different tokens, in the order of the text; nobody is put out again."""

    def __init__(self, like: Tensor, rows: int, n_heads: int, d_head: int, limit: int) -> None:
        super().__init__(like, rows, n_heads, d_head, limit)
        self.counts = [[0] * n_heads for _ in range(rows)]

    def full(self, row: int, head: int) -> bool:
        """Return whether a head has no room for another token of a row."""
        return self.counts[row][head] == self.limit

    def put(self, row: int, head: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep one token of one row in one head that has room, and return all that it keeps."""
        place = self.counts[row][head]
        self.make_room(place)
        self.keys[row, head, place] = key
        self.values[row, head, place] = value
        self.counts[row][head] = place + 1
        return self.keys[row, head, : place + 1], self.values[row, head, : place + 1]

    def count(self) -> int:
        """Return the filled slots of all rows and heads."""
        return sum(map(sum, self.counts))


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Mix the values that one query may look at."""
    # Two products with the query as a row: for a single one they beat the fused kernel, and by
    # more the product with a column.
    logits = queries[..., None, :] @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5
    return (logits.softmax(dim=-1) @ values)[..., 0, :]


class FullHeads:
    """Dense or local heads that read one token at a time; local ones keep their window alone."""

    def __init__(self, layer: DenseAttention, rows: int, max_seq_len: int) -> None:
        weight = layer.qkv.weight
        window = min(layer.window or max_seq_len, max_seq_len)
        self.layer = layer
        self.slots = RingSlots(weight, rows, layer.n_heads, layer.d_head, window)
        self.cos, self.sin = layer.rotations(max_seq_len, weight)

    def step(self, x: Tensor, position: int) -> Tensor:
        """Attend from one token of every row to what is kept."""
        layer = self.layer
        qkv = layer.qkv(x).view(len(x), layer.n_heads, 3, layer.d_head)
        rotated = rotate(qkv[:, :, :2], self.cos[position], self.sin[position])
        queries, keys = rotated.unbind(dim=2)  # each (B, H, d_head)
        attended = attend(queries, *self.slots.put(keys, qkv[:, :, 2], position))
        return layer.out(attended.reshape(len(x), -1))

    def memory(self) -> Iterable[Tensor]:
        """Return everything that is kept between two tokens."""
        return self.slots.keys, self.slots.values


class SparseHeads:
    """Sparse heads that read one token at a time: those that do not want it do nothing."""

    def __init__(self, layer: SparseAttention, rows: int, max_seq_len: int) -> None:
        weight = layer.w_qkv
        self.layer = layer
        self.online = layer.selector.online(rows, max_seq_len)
        self.slots = VariableSlots(weight, rows, layer.n_heads, layer.d_head, self.online.limit)
        self.cos, self.sin = layer.rotations(max_seq_len, weight)
        self.wanted = torch.zeros(rows, layer.n_heads, dtype=torch.bool)

    def step(self, x: Tensor, position: int) -> Tensor:
        """Attend in the heads that take the token; see `FullHeads.step`."""
        wanted, gates = self.online.wants(x, position)
        self.wanted = wanted  # for whoever watches, with those that found no room
        output = torch.zeros_like(x)
        # Head by head and row by row: a gather of weights, keys and values for all that want the
        # token would move more than the products read.
        for row, head in wanted.nonzero().tolist():
            if not self.slots.full(row, head):
                attended = self._attend(row, head, x[row], position)
                gated = attended * gates[row, head].to(attended.dtype)
                output[row] += gated @ self.layer.w_out[head]
        return output

    def _attend(self, row: int, head: int, x: Tensor, position: int) -> Tensor:
        """Give a token (d_model,) to one head and mix its values, (d_head,)."""
        qkv = (x @ self.layer.w_qkv[head]).view(3, -1)
        query, key = rotate(qkv[:2], self.cos[position], self.sin[position])
        return attend(query, *self.slots.put(row, head, key, qkv[2]))

    def memory(self) -> Iterable[Tensor]:
        """Return everything that is kept between two tokens."""
        return (self.slots.keys, self.slots.values, *self.online.tensors())


Heads = FullHeads | SparseHeads


def decoding_heads(attention: nn.Module, rows: int, max_seq_len: int) -> list[Heads]:
    """Make the parts of one layer's attention that read a token at a time."""
    if isinstance(attention, DenseAttention):
        return [FullHeads(attention, rows, max_seq_len)]
    if isinstance(attention, SparseAttention):
        return [SparseHeads(attention, rows, max_seq_len)]
    parts = list(attention.children())
    known = len(parts) > 0 and getattr(attention, "causal", False)
    require(known, "attention", type(attention).__name__, "made of causal heads")
    return [heads for part in parts for heads in decoding_heads(part, rows, max_seq_len)]
