"""From logits to the next token: the likeliest one, or a draw that can be repeated."""

import math

import numpy as np
import torch
from torch import Tensor

from mosa_edu.checks import require


class Sampler:
    """Choose tokens, each row with a stream of random numbers of its own.

    Parameters
    ----------
    temperature : float
        Logits are divided by it; 0 takes the likeliest token, of equal ones the first.
    top_p : float
        Draw among the likeliest tokens that together reach this probability, in (0, 1].
    seed : int
        Of the draws. What a row is given depends on seed and row alone, not on its neighbours.
    vocab_size : int or None
        Ids from this one on are never chosen: those that a tokenizer left unused.

    Raises
    ------
    ValueError
        If a value is out of range.

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
    ) -> None:
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
        """Choose one token for each of some rows.

        Parameters
        ----------
        logits : Tensor, shape (n, V), float
            Of the next token.
        rows : list of int
            Numbers of these rows; each call draws one number from each row's stream.

        Returns
        -------
        list of int
            Token ids.
        """
        require(bool(logits.isfinite().all()), "logits", "NaN or inf", "finite")
        wide = logits[:, : self.vocab_size].double().cpu()
        if self.temperature == 0:
            return wide.sort(dim=-1, descending=True, stable=True).indices[:, 0].tolist()
        likely = (wide / self.temperature).softmax(dim=-1)
        likely, tokens = likely.sort(dim=-1, descending=True, stable=True)  # (n, V)
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
