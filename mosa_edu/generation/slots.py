"""Where keys and values lie: slots that grow with what is kept."""

from collections.abc import Iterable

import torch
from torch import Tensor

from mosa_edu.checks import require

FIRST_SLOTS = 16
"""Slots of a head at the start; their number doubles as they fill, up to the head's limit."""


class RingSlots:
    """Keys and values of heads that all keep the same tokens: the last `limit` ones.

    A dense head is one whose limit is the longest text, so that the ring never closes.

    Parameters
    ----------
    like : Tensor
        Gives device and type.
    rows, n_heads, d_head : int
        Texts, heads, width of a head.
    limit : int
        Slots of a head at most.

    Attributes
    ----------
    keys, values : Tensor, shape (rows, n_heads, size, d_head)
        Slot of position p is ``p % limit``. Attention asks for no order among keys: each carries
        its position in its rotation.
    """

    def __init__(self, like: Tensor, rows: int, n_heads: int, d_head: int, limit: int) -> None:
        require(rows >= 1, "rows", rows, "at least 1")
        require(limit >= 1, "limit", limit, "at least 1")
        self.limit = limit
        self.filled = 0
        size = min(FIRST_SLOTS, limit)
        self.keys = like.new_zeros(rows, n_heads, size, d_head)
        self.values = torch.zeros_like(self.keys)

    def put(self, keys: Tensor, values: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Keep one token in every head.

        Parameters
        ----------
        keys, values : Tensor, shape (rows, n_heads, d_head)
            Of the token at `position`.
        position : int
            One more than at the call before.

        Returns
        -------
        keys, values : Tensor, shape (rows, n_heads, filled, d_head)
            All that is kept, the new token included.
        """
        place = position % self.limit
        if place >= self.keys.shape[2]:
            self.keys, self.values = (grown(t, self.limit) for t in (self.keys, self.values))
        self.keys[:, :, place] = keys
        self.values[:, :, place] = values
        self.filled = min(position + 1, self.limit)
        return self.keys[:, :, : self.filled], self.values[:, :, : self.filled]

    def count(self) -> int:
        """Return the filled slots of all rows and heads."""
        return self.keys.shape[0] * self.keys.shape[1] * self.filled

    def tensors(self) -> Iterable[Tensor]:
        """Return everything that occupies memory."""
        return self.keys, self.values


class RaggedSlots:
    """Keys and values of heads that keep different tokens, each as many as it admitted.

    Parameters
    ----------
    like : Tensor
        Gives device and type.
    rows, n_heads, d_head : int
        Texts, heads, width of a head.
    limit : int
        Slots of a head at most: its capacity.

    Attributes
    ----------
    keys, values : Tensor, shape (rows, n_heads, size, d_head)
        In the order of admission; nobody is put out again.
    counts : list of lists of int
        Filled slots, by row and head.
    """

    def __init__(self, like: Tensor, rows: int, n_heads: int, d_head: int, limit: int) -> None:
        require(rows >= 1, "rows", rows, "at least 1")
        require(limit >= 1, "limit", limit, "at least 1")
        self.limit = limit
        size = min(FIRST_SLOTS, limit)
        self.keys = like.new_zeros(rows, n_heads, size, d_head)
        self.values = torch.zeros_like(self.keys)
        self.counts = [[0] * n_heads for _ in range(rows)]

    def full(self, row: int, head: int) -> bool:
        """Return whether a head has no room for another token of a row."""
        return self.counts[row][head] == self.limit

    def put(self, row: int, head: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep one token of one row in one head that has room.

        Parameters
        ----------
        row, head : int
            Where.
        key, value : Tensor, shape (d_head,)
            Of the token.

        Returns
        -------
        keys, values : Tensor, shape (filled, d_head)
            All that the head keeps of this row, the new token included.
        """
        place = self.counts[row][head]
        if place == self.keys.shape[2]:
            self.keys, self.values = (grown(t, self.limit) for t in (self.keys, self.values))
        self.keys[row, head, place] = key
        self.values[row, head, place] = value
        self.counts[row][head] = place + 1
        return self.keys[row, head, : place + 1], self.values[row, head, : place + 1]

    def count(self) -> int:
        """Return the filled slots of all rows and heads."""
        return sum(map(sum, self.counts))

    def tensors(self) -> Iterable[Tensor]:
        """Return everything that occupies memory."""
        return self.keys, self.values


def grown(tensor: Tensor, limit: int) -> Tensor:
    """Copy (rows, n_heads, size, d_head) into twice as many slots, `limit` at most."""
    rows, n_heads, size, d_head = tensor.shape
    larger = tensor.new_zeros(rows, n_heads, min(2 * size, limit), d_head)
    larger[:, :, :size] = tensor
    return larger
