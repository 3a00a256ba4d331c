"""Rules that look at no token: one position of every run of rho, fixed or drawn."""

from collections.abc import Iterable

import torch
from torch import Tensor

from mosa_edu.checks import require
from mosa_edu.selection.expert_choice import Router, refuse_nan
from mosa_edu.selection.selection import (
    Mask,
    Record,
    Selection,
    Selector,
    pack,
    places,
    real_tokens,
    require_tokens,
)


class OneOfEachRun(Selector):
    """Keep one position of every run of rho; a subclass says which, whatever stands there."""

    first = False
    """Whether it is the first one, so that a run that the text cuts short has it too."""

    def draw(self, rows: int, runs: int, device: torch.device) -> Tensor:
        """Return a place in [0, rho) for every run, (rows, H, runs)."""
        raise NotImplementedError

    def forward(self, x: Tensor, attention_mask: Mask = None, record: Record = None) -> Selection:
        """Select positions; see `Selector.forward`."""
        require_tokens(x)
        B, T, _ = x.shape
        runs = (T + self.sparsity - 1) // self.sparsity  # rounded up; ONNX would round -T // rho up
        if isinstance(runs, torch.SymInt):
            runs = torch.sym_max(runs, 2)  # exported code takes a size of 1 for a constant
        drawn = self.draw(B, runs, x.device)  # (B, H, runs)
        router_logits = self.score(x)
        if record is not None and router_logits is not None:
            record.record("router", router_logits=router_logits)
        if attention_mask is not None:
            real = real_tokens(attention_mask, x)
            place = places(real).clamp(min=0)[:, None].expand(B, self.n_heads, T)
            chosen = place % self.sparsity == drawn.gather(-1, place // self.sparsity)
            everywhere = torch.arange(T, device=x.device).expand_as(place)
            gates = gates_at(router_logits, everywhere, x)
            return pack(chosen & real[:, None], gates, drawn.shape[-1])
        indices = drawn + self.sparsity * torch.arange(drawn.shape[-1], device=x.device)
        if isinstance(T, int) and (self.first or T % self.sparsity == 0):
            return Selection(indices, gates_at(router_logits, indices, x))
        valid = indices < T
        indices = indices.masked_fill(~valid, 0)
        gates = gates_at(router_logits, indices, x).masked_fill(~valid, 0)
        return Selection(indices, gates, valid)

    def score(self, x: Tensor) -> Tensor | None:
        """Return router logits (B, H, T) that gate what is kept, if there is a router."""
        return None

    def online(self, rows: int, max_seq_len: int) -> "PositionTable":
        """Return the positions of the longest text, in evaluation, as a table."""
        return PositionTable(self, max_seq_len)


def gates_at(router_logits: Tensor | None, indices: Tensor, x: Tensor) -> Tensor:
    """Return the gates of these positions: 1 where no router scores them."""
    if router_logits is None:
        return x.new_ones(indices.shape)
    return router_logits.gather(-1, indices).sigmoid()


class PositionTable:
    """Positions known beforehand, (H, T), one token at a time; see `OnlineSelector`."""

    def __init__(self, selector: OneOfEachRun, max_seq_len: int) -> None:
        self.selector = selector
        device = next((t.device for t in (*selector.parameters(), *selector.buffers())), None)
        runs = -(-max_seq_len // selector.sparsity)
        drawn = selector.draw(1, runs, device or torch.device("cpu"))[0]  # (H, runs)
        place = torch.arange(selector.sparsity, device=device)
        self.table = (drawn[..., None] == place).flatten(1)[:, :max_seq_len]
        self.limit = runs

    def wants(self, x: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Read one column of the table."""
        wanted = self.table[:, position].to(x.device).expand(len(x), -1)
        here = torch.zeros_like(wanted, dtype=torch.long)[..., None]
        return wanted, gates_at(self.selector.score(x[:, None]), here, x)[..., 0]

    def tensors(self) -> Iterable[Tensor]:
        """Return the table."""
        return (self.table,)


class Strided(OneOfEachRun):
    """Give every head the positions 0, rho, 2 rho, ...

    Notes
    -----
    "Fixed" in arXiv:2505.00315: gate 1, and only stride positions are queries or
    keys. Nothing that is said moves a position, so the rule is causal; hence no floor of 2 here,
    which would bring position 1 into short texts and drop it from longer ones.
    """

    first = True

    def draw(self, rows: int, runs: int, device: torch.device) -> Tensor:
        """Return 0 for every run."""
        return torch.zeros(rows, self.n_heads, runs, dtype=torch.long, device=device)


MASK_32 = 0xFFFFFFFF
GOLDEN = 0x9E3779B9  # any constant does: without one, seed 0 would hash to 0


def scramble(numbers: Tensor) -> Tensor:
    """Mix the bits of 32-bit numbers, the same on every device.

    >>> scramble(torch.arange(3)).tolist()
    [0, 1364076727, 821347078]
    """
    numbers = (numbers ^ (numbers >> 16)) * 0x85EBCA6B & MASK_32
    numbers = (numbers ^ (numbers >> 13)) * 0xC2B2AE35 & MASK_32
    return numbers ^ (numbers >> 16)


def seed_buffer(seed: int | None) -> Tensor:
    """Return the given seed, or one drawn from torch's global generator."""
    if seed is None:
        seed = int(torch.randint(MASK_32, ()))
    require(0 <= seed <= MASK_32, "seed", seed, f"in [0, {MASK_32}]")
    return torch.tensor(seed)


def hashed_places(state: Tensor, row: Tensor, own: Selector, runs: int) -> Tensor:
    """Hash a state with rows (rows,), heads and runs to places in [0, rho), (rows, H, runs)."""
    head = torch.arange(own.n_heads, device=row.device)[:, None]
    by_row = scramble(state ^ row)[:, None, None]
    by_run = scramble(scramble(by_row ^ head) ^ torch.arange(runs, device=row.device))
    return by_run % own.sparsity


class RandomChoice(OneOfEachRun):
    """Give every head one position of each run of `sparsity`, drawn without looking.

    Parameters
    ----------
    seed : int or None
        Fixes all draws; None takes one from torch's global generator.

    Notes
    -----
    Behaves as dropout does: in training every sequence of every call gets a fresh draw, in
    evaluation one draw serves all sequences, so that a text has one result wherever it stands in
    a batch. A draw is a hash of (seed, call, row, head, run); seed and number of calls are saved
    with the weights, hence a resumed run goes on as if it had never stopped.

    Whether a position is taken depends neither on any token nor on the length of the text: k
    positions drawn from all T would depend on T.
    """

    seed: Tensor
    calls: Tensor

    def __init__(self, n_heads: int, sparsity: int, seed: int | None = None) -> None:
        super().__init__(n_heads, sparsity)
        # First row and distance of the next ones, in the batch of all processes that train
        # together: no two draw alike, and the whole batch draws as it would in one process.
        self.rows_of = (0, 1)
        self.register_buffer("seed", seed_buffer(seed))
        self.register_buffer("calls", torch.tensor(0))

    def draw(self, rows: int, runs: int, device: torch.device) -> Tensor:
        """Hash seed, call, row, head and run; in evaluation call and row are 0."""
        state = scramble(self.seed ^ GOLDEN)
        row = torch.zeros(rows, dtype=torch.long, device=device)
        if self.training:
            self.move_statistics(lambda: self.calls.add_(1))
            state = scramble(state ^ self.calls & MASK_32)
            first, step = self.rows_of
            row = 1 + first + step * torch.arange(rows, device=device)
        return hashed_places(state, row, self, runs)


class GatedRandom(OneOfEachRun):
    """Give every head one drawn position of each run of rho, always the same, gated by a router.

    Notes
    -----
    What expert choice is without its choice: the router learns through the gate, and decides
    nothing. The draw is a hash of (seed, head, run), one and the same for every text and length,
    in training too: nothing of a text decides, and a prefix keeps what the whole text keeps.
    """

    seed: Tensor

    def __init__(self, d_model: int, n_heads: int, sparsity: int, seed: int | None = None) -> None:
        super().__init__(n_heads, sparsity)
        self.router = Router(d_model, n_heads)
        self.register_buffer("seed", seed_buffer(seed))

    def draw(self, rows: int, runs: int, device: torch.device) -> Tensor:
        """Hash seed, head and run, as `RandomChoice` does in evaluation."""
        row = torch.zeros(1, dtype=torch.long, device=device)
        places = hashed_places(scramble(self.seed ^ GOLDEN), row, self, runs)
        return places.expand(rows, -1, -1)

    def score(self, x: Tensor) -> Tensor:
        """Score every token."""
        router_logits = self.router(x)  # (B, H, T)
        refuse_nan(router_logits.detach())
        return router_logits
