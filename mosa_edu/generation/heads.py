"""One step of each kind of head: project the new token, keep it if it was selected, attend."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mosa_edu.attention import DenseAttention, LocalAttention, SparseAttention
from mosa_edu.attention.rotary import rotary_table, rotate
from mosa_edu.checks import require
from mosa_edu.generation.admission import admission
from mosa_edu.generation.slots import RaggedSlots, RingSlots


def attend(queries: Tensor, keys: Tensor, values: Tensor, filled: Tensor | None = None) -> Tensor:
    """Mix the values that one query may look at.

    Parameters
    ----------
    queries : Tensor, shape (..., d_head), float
        One a head.
    keys, values : Tensor, shape (..., n, d_head), float
        What the head keeps.

    Returns
    -------
    Tensor, shape (..., d_head)
        Weighted means of the values.
    """
    # Two products with the query as a row: for a single one they beat the fused kernel, and by
    # more the product with a column.
    logits = queries[..., None, :] @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5
    return (logits.softmax(dim=-1) @ values)[..., 0, :]


class FullHeads:
    """Dense or local heads that read one token at a time.

    Parameters
    ----------
    layer : DenseAttention
        The heads; a `LocalAttention` keeps its window alone.
    rows : int
        Texts.
    max_seq_len : int
        Longest text.
    """

    def __init__(self, layer: DenseAttention, rows: int, max_seq_len: int) -> None:
        weight = layer.qkv.weight
        window = layer.window if isinstance(layer, LocalAttention) else max_seq_len
        self.layer = layer
        self.slots = RingSlots(weight, rows, layer.n_heads, layer.d_head, min(window, max_seq_len))
        table = (max_seq_len, layer.n_rotate, layer.rope_base, weight.device, weight.dtype)
        self.cos, self.sin = rotary_table(*table)

    def step(self, x: Tensor, position: int) -> Tensor:
        """Attend from one token of every row to what is kept.

        Parameters
        ----------
        x : Tensor, shape (B, d_model), float
            The tokens at `position`.
        position : int
            One more than at the call before.

        Returns
        -------
        Tensor, shape (B, d_model)
            Sum over heads.
        """
        layer = self.layer
        qkv = layer.qkv(x).view(len(x), layer.n_heads, 3, layer.d_head)
        rotated = rotate(qkv[:, :, :2], self.cos[position], self.sin[position])
        queries, keys = rotated.unbind(dim=2)  # each (B, H, d_head)
        attended = attend(queries, *self.slots.put(keys, qkv[:, :, 2], position))
        return layer.out(attended.reshape(len(x), -1))

    def memory(self) -> Iterable[Tensor]:
        """Return everything that is kept between two tokens."""
        return self.slots.tensors()


class SparseHeads:
    """Sparse heads that read one token at a time: those that do not want it do nothing.

    Parameters
    ----------
    layer : SparseAttention
        The heads, with a causal selector.
    rows : int
        Texts.
    max_seq_len : int
        Longest text.
    """

    def __init__(self, layer: SparseAttention, rows: int, max_seq_len: int) -> None:
        weight = layer.w_qkv
        self.layer = layer
        self.admission = admission(layer.selector, rows, max_seq_len)
        self.slots = RaggedSlots(weight, rows, layer.n_heads, layer.d_head, self.admission.limit)
        table = (max_seq_len, layer.n_rotate, layer.rope_base, weight.device, weight.dtype)
        self.cos, self.sin = rotary_table(*table)

    def step(self, x: Tensor, position: int) -> Tensor:
        """Attend in the heads that admit the token; see `FullHeads.step`."""
        wanted, gates = self.admission.wants(x, position)
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
        """Admit a token (d_model,) to one head and mix its values, (d_head,)."""
        qkv = (x @ self.layer.w_qkv[head]).view(3, -1)
        query, key = rotate(qkv[:2], self.cos[position], self.sin[position])
        return attend(query, *self.slots.put(row, head, key, qkv[2]))

    def memory(self) -> Iterable[Tensor]:
        """Return everything that is kept between two tokens."""
        return (*self.slots.tensors(), *self.admission.tensors())


Heads = FullHeads | SparseHeads


def decoding_heads(attention: nn.Module, rows: int, max_seq_len: int) -> list[Heads]:
    """Make the parts of one layer's attention that read a token at a time.

    Parameters
    ----------
    attention : nn.Module
        A `HybridAttention` or one of its parts.
    rows : int
        Texts.
    max_seq_len : int
        Longest text.

    Returns
    -------
    list of Heads
        Their outputs add up to the layer's.

    Raises
    ------
    ValueError
        If a part is not causal.
    """
    if isinstance(attention, DenseAttention):
        return [FullHeads(attention, rows, max_seq_len)]
    if isinstance(attention, SparseAttention):
        return [SparseHeads(attention, rows, max_seq_len)]
    parts = list(attention.children())
    known = len(parts) > 0 and getattr(attention, "causal", False)
    require(known, "attention", type(attention).__name__, "made of causal heads")
    return [heads for part in parts for heads in decoding_heads(part, rows, max_seq_len)]
