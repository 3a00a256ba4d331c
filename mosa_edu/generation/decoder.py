"""A model that reads one token at a time and says what may come next."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mosa_edu.checks import require
from mosa_edu.generation.cache import Heads, decoding_heads
from mosa_edu.model import TransformerLM
from mosa_edu.modes import evaluating


class Cache:
    """Keys and values of all layers, as far as their heads selected them."""

    def __init__(self, heads: Sequence[Heads]) -> None:
        self.heads = heads

    def slots(self) -> int:
        """Return the key-value pairs that are kept, over all layers, heads and rows."""
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
        In evaluation mode, with heads that are all causal, and not to be changed meanwhile.
    rows : int
        Texts that are read side by side.

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
        """Read the next token of every row, (rows,), and return logits of the one after it."""
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


class Sampler:
    """Choose tokens, each row with a stream of random numbers of its own.

    Parameters
    ----------
    temperature : float
        Logits are divided by it; 0 takes the likeliest token, of equal ones the first.
    top_p : float
        Draw among the likeliest tokens that together reach this probability, in (0, 1].
    top_k : int or None
        Draw among so many of the likeliest tokens at most; `top_p` is then of their probability.
    seed : int
        Of the draws. What a row is given depends on seed and row alone, not on its neighbours.
    vocab_size : int or None
        Ids from this one on are never chosen: those that a tokenizer left unused.

    Examples
    --------
    >>> sampler = Sampler(temperature=0.0)
    >>> sampler.pick(torch.tensor([[0.0, 2.0, 1.0]]), [0])
    [1]
    """

    def __init__(
        self,
        temperature: float = 1.0,
        top_p: float = 1.0,
        seed: int = 0,
        vocab_size: int | None = None,
        top_k: int | None = None,
    ) -> None:
        require(top_k is None or top_k >= 1, "top_k", top_k, "None or at least 1")
        self.top_k = top_k
        warm = math.isfinite(temperature) and temperature >= 0
        require(warm, "temperature", temperature, "a finite number, at least 0")
        require(0 < top_p <= 1, "top_p", top_p, "in (0, 1]")
        require(seed >= 0, "seed", seed, "at least 0")
        some = vocab_size is None or vocab_size >= 1
        require(some, "vocab_size", vocab_size, "None or at least 1")
        self.temperature, self.top_p, self.seed = temperature, top_p, seed
        self.vocab_size = vocab_size
        self._streams: dict[int, np.random.Generator] = {}

    def pick(self, logits: Tensor, rows: list[int]) -> list[int]:
        """Choose one token for each of these rows, whose logits are (n, V)."""
        require(bool(logits.isfinite().all()), "logits", "NaN or inf", "finite")
        wide = logits[:, : self.vocab_size].double().cpu()
        if self.temperature == 0:
            return wide.sort(dim=-1, descending=True, stable=True).indices[:, 0].tolist()
        likely = (wide / self.temperature).softmax(dim=-1)
        likely, tokens = likely.sort(dim=-1, descending=True, stable=True)  # (n, V)
        if self.top_k is not None:
            likely = likely[:, : self.top_k] / likely[:, : self.top_k].sum(dim=-1, keepdim=True)
        reached = likely.cumsum(dim=-1)
        # A token is among the likeliest if those before it do not reach top_p yet.
        among = (reached - likely < self.top_p).sum(dim=-1, keepdim=True)  # (n, 1), at least 1
        total = reached.gather(-1, among - 1)
        drawn = torch.tensor([[self._stream(row).random()] for row in rows]) * total
        place = torch.searchsorted(reached, drawn.to(reached.dtype), right=True)
        return tokens.gather(-1, torch.minimum(place, among - 1))[:, 0].tolist()

    def _stream(self, row: int) -> np.random.Generator:
        if row not in self._streams:
            self._streams[row] = np.random.Generator(np.random.PCG64([self.seed, row]))
        return self._streams[row]


def generate(
    model: TransformerLM,
    prompts: Sequence[Sequence[int]],
    n_tokens: int,
    *,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    reselect: bool = False,
) -> list[list[int]]:
    """Continue texts, and return the continuations.

    Parameters
    ----------
    prompts : sequence of sequences of int
        Token ids; lengths may differ, and no row's continuation depends on another row.
    n_tokens : int
        Tokens to write for each.
    temperature, top_p, top_k, seed
        See `Sampler`.
    reselect : bool
        Run the whole model on the whole text for each token, instead of keeping a cache; needed
        for selectors that are not causal.

    Notes
    -----
    Expert choice picks the k best tokens of the *whole* text. While a text is written, picking
    again at each step changes the past: a new token takes the place of an earlier one, and a cache
    would hold keys and values of a selection that no longer stands. `reselect` computes everything
    again for each token; but what was written before was drawn from forecasts that the model,
    asked again, would not repeat, and the loss that training reports is of none of them: there,
    the selection knew the words to come.
    """
    texts: list[list[int]] = [[] for _ in prompts]
    sampler = Sampler(temperature, top_p, seed, top_k=top_k)
    for row, token in stream(model, prompts, n_tokens, sampler, reselect=reselect):
        texts[row].append(token)
    return texts


def stream(
    model: TransformerLM,
    prompts: Sequence[Sequence[int]],
    n_tokens: int,
    sampler: Sampler,
    *,
    reselect: bool = False,
) -> Iterator[tuple[int, int]]:
    """Continue texts and yield (row, token) as soon as a token is chosen; see `generate`."""
    _check(model, prompts, n_tokens)
    with evaluating(model):
        texts = [list(prompt) for prompt in prompts]
        forecasts = _recomputed(model, texts) if reselect else _decoded(model, texts)
        ends = [len(prompt) + n_tokens for prompt in prompts]
        while any(len(text) < end for text, end in zip(texts, ends, strict=True)):
            rows, logits = next(forecasts)
            going_on = [i for i, row in enumerate(rows) if len(texts[row]) < ends[row]]
            if not going_on:
                continue
            rows = [rows[i] for i in going_on]
            for row, token in zip(rows, sampler.pick(logits[going_on], rows), strict=True):
                texts[row].append(token)
                yield row, token


def _check(model: TransformerLM, prompts: Sequence[Sequence[int]], n_tokens: int) -> None:
    require(len(prompts) > 0, "prompts", list(prompts), "at least one text")
    limit = model.config.max_seq_len
    require(n_tokens >= 0, "n_tokens", n_tokens, "at least 0")
    for prompt in prompts:
        require(len(prompt) > 0, "prompt", list(prompt), "at least one token long")
        allowed = f"at most max_seq_len={limit} tokens long"
        require(len(prompt) <= limit, "prompt", f"{len(prompt)} tokens", allowed)
        room = limit - len(prompt)
        allowed = f"at most {room}: a prompt of {len(prompt)} tokens leaves no more of {limit}"
        require(n_tokens <= room, "n_tokens", n_tokens, allowed)
        known = min(prompt) >= 0 and max(prompt) < model.config.vocab_size
        require(known, "prompt", list(prompt), f"ids in [0, {model.config.vocab_size})")


def _decoded(model: TransformerLM, texts: list[list[int]]) -> Iterator[tuple[list[int], Tensor]]:
    """Yield forecasts from a cache, of the rows whose last token has just been read.

    All rows stand at the same position: while one is still in its prompt, another, with a shorter
    one, goes on writing. A row that is finished reads zeros that nobody looks at.
    """
    decoder = Decoder(model, len(texts))
    device = model.embedding.weight.device
    while True:
        position = decoder.position
        tokens = [text[position] if position < len(text) else 0 for text in texts]
        logits = decoder.step(torch.tensor(tokens, device=device))
        rows = [row for row, text in enumerate(texts) if len(text) == position + 1]
        yield rows, logits[rows]


@torch.no_grad()
def _recomputed(model: TransformerLM, texts: list[list[int]]) -> Iterator[tuple[list[int], Tensor]]:
    """Yield forecasts of all rows, each from a forward pass over its whole text."""
    device = model.embedding.weight.device
    limit = model.config.max_seq_len
    while True:
        rows = [row for row, text in enumerate(texts) if len(text) < limit]
        logits = [model(torch.tensor([texts[row]], device=device))[0, -1] for row in rows]
        yield rows, torch.stack(logits)
