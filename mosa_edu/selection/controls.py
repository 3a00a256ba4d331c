"""Every sparsity-th token: the paper's Fixed baseline, with nothing to learn."""

import torch
from torch import Tensor, distributed, nn

from mosa_edu.checks import require, require_integer
from mosa_edu.selection.selection import Recorder, Selection, pack, places, real_tokens


class Strided(nn.Module):
    """Give every head the positions 0, rho, 2 rho, ...

    Parameters
    ----------
    n_heads : int
        Heads; all keep the same positions.
    sparsity : int
        The stride, the paper's rho.

    Notes
    -----
    "Fixed" in arXiv:2505.00315: gate 1, and only stride positions are queries or
    keys. Nothing that is said moves a position, so the rule is causal; hence no floor of 2 here,
    which would bring position 1 into short texts and drop it from longer ones.
    """

    causal = True

    def __init__(self, n_heads: int, sparsity: int) -> None:
        super().__init__()
        require_integer("n_heads", n_heads, 1)
        require_integer("sparsity", sparsity, 1)
        self.n_heads = n_heads
        self.sparsity = sparsity

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, record: Recorder | None = None
    ) -> Selection:
        """Select stride positions."""
        B, T, _ = x.shape
        H = self.n_heads
        if attention_mask is None:
            positions = torch.arange(0, T, self.sparsity, device=x.device)  # (k,)
            indices = positions.expand(B, H, -1).contiguous()  # (B, H, k)
            return Selection(indices, x.new_ones(indices.shape))
        real = real_tokens(attention_mask, x)
        chosen = real & (places(real) % self.sparsity == 0)  # (B, T)
        return pack(chosen[:, None].expand(B, H, T), x.new_ones(B, H, T))


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


class RandomChoice(nn.Module):
    """Give every head one position of each run of `sparsity`, drawn without looking.

    Parameters
    ----------
    n_heads : int
        Heads, each with a draw of its own.
    sparsity : int
        Length of a run, the paper's rho.
    seed : int or None
        Fixes all draws; None takes one from torch's global generator.

    Notes
    -----
    Behaves as dropout does: in training every sequence of every call gets a fresh draw, in
    evaluation one draw serves all sequences, so that a text has one result wherever it stands in
    a batch. A draw is a hash of (seed, call, row, head, run); seed and number of calls are saved
    with the weights, hence a resumed run goes on as if it had never stopped. Where several
    processes train together, row i of process r is row i W + r of the W processes' batch, as the
    trainer deals them, and draws as such: no two processes draw alike, and the whole batch draws
    as it would on one.

    The rule is causal in the strictest sense: whether a position is taken depends neither on any
    token nor on the length of the text. k positions drawn from all T would depend on T.
    """

    causal = True
    seed: Tensor
    calls: Tensor

    def __init__(self, n_heads: int, sparsity: int, seed: int | None = None) -> None:
        super().__init__()
        require_integer("n_heads", n_heads, 1)
        require_integer("sparsity", sparsity, 1)
        if seed is None:
            seed = int(torch.randint(MASK_32, ()))
        require(0 <= seed <= MASK_32, "seed", seed, f"in [0, {MASK_32}]")
        self.n_heads = n_heads
        self.sparsity = sparsity
        self.register_buffer("seed", torch.tensor(seed))
        self.register_buffer("calls", torch.tensor(0))

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, record: Recorder | None = None
    ) -> Selection:
        """Select random positions."""
        B, T, _ = x.shape
        drawn = self._draw(B, -(-T // self.sparsity), x.device)  # (B, H, runs)
        if attention_mask is not None:
            real = real_tokens(attention_mask, x)
            place = places(real).clamp(min=0)[:, None].expand(B, self.n_heads, T)
            chosen = place % self.sparsity == drawn.gather(-1, place // self.sparsity)
            return pack(chosen & real[:, None], x.new_ones(B, self.n_heads, T))
        indices = drawn + self.sparsity * torch.arange(drawn.shape[-1], device=x.device)
        if T % self.sparsity == 0:
            return Selection(indices, x.new_ones(indices.shape))
        valid = indices < T
        return Selection(indices.masked_fill(~valid, 0), valid.to(x.dtype), valid)

    def _draw(self, rows: int, runs: int, device: torch.device) -> Tensor:
        """Draw a position in [0, sparsity) for every run, (rows, H, runs)."""
        state = scramble(self.seed ^ GOLDEN)
        row = torch.zeros(rows, dtype=torch.long, device=device)
        if self.training:
            self.calls += 1
            state = scramble(state ^ self.calls & MASK_32)
            row = 1 + _rows_of_all(rows, device)
        head = torch.arange(self.n_heads, device=device)[:, None]
        by_row = scramble(state ^ row)[:, None, None]
        by_run = scramble(scramble(by_row ^ head) ^ torch.arange(runs, device=device))
        return by_run % self.sparsity


def _rows_of_all(rows: int, device: torch.device) -> Tensor:
    """Return the places of this process's rows among those of all that train together, (rows,)."""
    row = torch.arange(rows, device=device)
    if distributed.is_available() and distributed.is_initialized():
        return row * distributed.get_world_size() + distributed.get_rank()
    return row
