"""A model that reads one token at a time and says what may come next."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mosa_edu.checks import require
from mosa_edu.generation.heads import Heads, decoding_heads
from mosa_edu.model import TransformerLM


class Cache:
    """Keys and values of all layers, as far as their heads selected them.

    Parameters
    ----------
    heads : sequence of Heads
        The heads of all layers.
    """

    def __init__(self, heads: Sequence[Heads]) -> None:
        self.heads = heads

    def slots(self) -> int:
        """Return the key-value pairs that are kept, over all layers, heads and rows.

        Returns
        -------
        int
            For heads that keep a known number of tokens, what `mosa_edu.costs.kv_slots` counts for
            this many tokens; for ragged ones those that were admitted, at most their capacity.
        """
        return sum(heads.slots.count() for heads in self.heads)

    def bytes(self) -> int:
        """Return the bytes of these keys and values."""
        return sum(
            heads.slots.count() * 2 * heads.slots.keys.shape[-1] * heads.slots.keys.element_size()
            for heads in self.heads
        )

    def allocated(self) -> int:
        """Return the bytes that are set aside: unused slots, counters and scores as well."""
        tensors = (tensor for heads in self.heads for tensor in heads.memory())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


class Decoder:
    """Read texts token by token; equal to the model on every prefix, at the cost of one token.

    Parameters
    ----------
    model : TransformerLM
        In evaluation mode, with heads that are all causal; neither it nor its weights may change
        while the decoder is in use.
    rows : int
        Texts that are read side by side.

    Attributes
    ----------
    position : int
        Tokens read so far, the same in all rows.
    cache : Cache
        What is kept of them.

    Raises
    ------
    ValueError
        If the model is training, or if a later token could change who was selected before.

    Notes
    -----
    A prompt is read the same way as the rest, one token after the other. Equal words then have
    equal scores to the last bit, whether they stand in the prompt or were written, and a tie goes
    to the earlier one as it does in the layer; matrix products of other shapes, as a parallel
    reading would use, round otherwise.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from mosa_edu.model import PRESETS
    >>> model = TransformerLM(replace(PRESETS["micro"], sparse="prefix")).eval()
    >>> decoder = Decoder(model)
    >>> decoder.step(torch.tensor([7])).shape, decoder.cache.slots()
    (torch.Size([1, 512]), 10)
    """

    def __init__(self, model: TransformerLM, rows: int = 1) -> None:
        config = model.config
        require(not model.training, "model", "a model in training", "in evaluation mode")
        if not model.causal:
            raise ValueError(
                f"model must select by a causal rule to be decoded token by token, got "
                f"{config.sparse!r} heads: a later token would change who was selected before, "
                "and with it keys and values that are already stored; reselect=True computes "
                "everything again for each token"
            )
        self.model = model
        self.position = 0
        self._layers = [
            decoding_heads(block.attention, rows, config.max_seq_len)  # type: ignore[arg-type]
            for block in model.blocks
        ]
        self.cache = Cache([heads for layer in self._layers for heads in layer])

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Read the next token of every row.

        Parameters
        ----------
        tokens : Tensor, shape (rows,), int64
            One token a row.

        Returns
        -------
        Tensor, shape (rows, vocab_size)
            Logits of the token after it.

        Raises
        ------
        ValueError
            If the model's longest text has been read already.
        """
        limit = self.model.config.max_seq_len
        allowed = f"at most max_seq_len={limit} tokens"
        require(self.position < limit, "text", f"{self.position + 1} tokens", allowed)
        x = self.model.embedding(tokens)  # (rows, d_model)
        for block, layer in zip(self.model.blocks, self._layers, strict=True):
            normed = block.norm_attention(x)  # type: ignore[operator]
            for heads in layer:
                x = x + heads.step(normed, self.position)
            x = x + block.feedforward(block.norm_feedforward(x))  # type: ignore[operator]
        self.position += 1
        x = self.model.norm_final(x)
        if self.model.unembedding is None:
            return F.linear(x, self.model.embedding.weight)
        return self.model.unembedding(x)
