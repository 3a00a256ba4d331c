"""Texts, prefixes of them that stay, and what stands behind those instead."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from math import gcd, inf

import torch
from torch import Tensor, nn

from mosa_edu.checks import require

CHANGES = ("one token", "one id repeated", "another text", "the prefix again", "extreme ids")
"""What stands behind a prefix, beside random tokens."""


@dataclass
class Trial:
    """Two inputs whose first rows must give the same at some places, and what moved there.

    `before` and `after` are tokens (n, T), `mask` is theirs; `moved` and `nats` are (places,),
    and empty until the outputs were compared.
    """

    before: Tensor
    after: Tensor
    places: Tensor
    change: str
    mask: Tensor | None = None
    moved: Tensor = field(default_factory=lambda: torch.zeros(0))
    nats: Tensor = field(default_factory=lambda: torch.zeros(0))

    @property
    def size(self) -> float:
        """Largest movement of a logit."""
        return float(self.moved.max()) if len(self.moved) else 0.0

    def compare(self, one: Tensor, other: Tensor) -> "Trial":
        """Keep what moved between the logits (T, V) of the first rows."""
        one, other = (logits[self.places.to(logits.device)] for logits in (one, other))
        self.moved = movement(one, other)
        following = self.before[0].roll(-1)[self.places].to(one.device)
        both = (x.double().log_softmax(-1).gather(-1, following[:, None]) for x in (one, other))
        self.nats = torch.zeros_like(self.moved)
        if self.size:
            a, b = both
            self.nats = (a - b)[:, 0].abs().nan_to_num(0.0).cpu()
            self.nats[self.places == self.before.shape[1] - 1] = 0.0  # nothing follows there
        return self


def movement(one: Tensor, other: Tensor) -> Tensor:
    """Return the largest movement at each place between logits (..., V); NaN equals NaN."""
    if torch.equal(one, other):
        return torch.zeros(one.shape[:-1], dtype=torch.float64)
    same = (one == other) | (one.isnan() & other.isnan())
    moved = (one.double() - other.double()).abs().masked_fill(same, 0.0)
    return moved.nan_to_num(inf).amax(-1).cpu()


class Texts:
    """The texts (rows, T) that stay the same, and what stands behind their prefixes instead."""

    def __init__(
        self,
        V: int,
        T: int,
        rows: int,
        tokens: Tensor | Sequence[int] | None,
        avoid: Sequence[int],
        module: nn.Module | None,
        seed: int,
    ) -> None:
        allowed = torch.ones(V, dtype=torch.bool)
        inside = [id_ for id_ in avoid if 0 <= id_ < V]
        allowed[inside] = False
        self.ids = allowed.nonzero()[:, 0]
        require(len(self.ids) >= 2, "avoid", f"{len(inside)} ids", f"few enough to leave 2 of {V}")
        self.T, self.V = T, V
        self._generator = torch.Generator().manual_seed(seed)
        self._deck = self.ids[:0]
        self._extreme = self._extreme_ids(module)
        if tokens is None:
            self.base = self.draw(rows * T).view(rows, T)
            for row in range(0, rows, 4):  # few different tokens: repeats, ties
                few = self.draw(4)
                drawn = torch.randint(len(few), (T,), generator=self._generator)
                self.base[row] = few[drawn]
        else:
            own = torch.as_tensor(tokens).detach().cpu().long().flatten()
            require(len(own) >= T, "tokens", f"{len(own)} ids", f"at least seq_len={T} ids")
            least, most = (int(end) for end in own.aminmax())
            fits = least >= 0 and most < V
            require(fits, "tokens", least if least < 0 else most, f"ids in [0, vocab_size={V})")
            starts = torch.linspace(0, len(own) - T, rows).long().tolist()
            self.base = torch.stack([own[start : start + T] for start in starts])
        step = round(0.618 * (T - 1)) or 1  # golden: any few prefixes are spread over the text
        self._step = next(s for s in count(step) if gcd(s, T - 1) == 1)

    def _extreme_ids(self, module: nn.Module | None) -> Tensor:
        """Ids at the ends of the vocabulary and of the first channels of the embedding."""
        found = [self.ids[:1], self.ids[-1:]]
        parts = [] if module is None else list(module.modules())
        for part in parts:
            if isinstance(part, nn.Embedding) and part.num_embeddings >= self.V:
                channels = part.weight.detach()[self.ids.to(part.weight.device), :64].float()
                ends = torch.stack([channels.argmax(0), channels.argmin(0)], 1).flatten()
                found.append(self.ids[ends.cpu()])
                break
        return torch.cat(found).unique_consecutive()

    def draw(self, n: int) -> Tensor:
        """Draw ids, every id once before any comes again."""
        while len(self._deck) < n:
            order = torch.randperm(len(self.ids), generator=self._generator)
            self._deck = torch.cat([self._deck, self.ids[order]])
        drawn, self._deck = self._deck[:n], self._deck[n:]
        return drawn

    def trial(self, row: int, number: int, of: int) -> Trial:
        """Make trial `number`: every prefix once with random tokens first, where `of` allows it."""
        T, before = self.T, self.base[row]
        prefix = 1 + number * self._step % (T - 1)
        after = number - min(T - 1, (of + 1) // 2)
        change = "random tokens" if after < 0 else CHANGES[after % len(CHANGES)]
        text = before.clone()
        text[prefix:] = self.other(change, text[:prefix], T - prefix, after // len(CHANGES), row)
        if change == "one token":
            text[prefix + 1 :] = before[prefix + 1 :]
        while text[prefix] == before[prefix]:
            text[prefix] = self.draw(1)
        return Trial(before[None], text[None], torch.arange(prefix), change)

    def other(self, change: str, prefix: Tensor, n: int, number: int, row: int) -> Tensor:
        """Make n tokens to stand behind a prefix."""
        if change == "one id repeated":
            return self._extreme[number % len(self._extreme)].expand(n)
        if change == "another text":
            return self.base[(row + 1) % len(self.base), self.T - n :]
        if change == "the prefix again":
            return prefix.repeat(n // len(prefix) + 1)[:n]
        if change == "extreme ids":
            drawn = torch.randint(len(self._extreme), (n,), generator=self._generator)
            return self._extreme[drawn]
        return self.draw(n)


def scale_of(logits: Tensor) -> float:
    """Return the largest logit of a few rows, values that only mask left out."""
    few = logits[:4].double().abs()
    few = few[few < 1e4]
    return float(few.max()) if few.numel() else 1.0
