"""Small language models that leak the future, and some that do not, as people build them.

Each factory returns a module of ``tokens (B, T) -> logits (B, T, 64)`` with its own seed.
All but the last were written by somebody who had not seen the checker that has to find them.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu import ModelConfig, TransformerLM

V, D, H = 64, 32, 4


class Mixer(nn.Module):
    """Queries, keys and values of four heads, mixed by `weigh`."""

    def __init__(self, leak: float = 1.0) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(D, 3 * D, bias=False), nn.Linear(D, D, bias=False)
        self.leak = leak

    def allowed(self, T: int) -> Tensor:
        """Return who may attend to whom, (H, T, T)."""
        return torch.ones(T, T, dtype=torch.bool).tril().expand(H, T, T)

    def forward(self, x: Tensor) -> Tensor:
        B, T, _ = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=self.allowed(T).to(x.device))
        return self.out(mixed.transpose(1, 2).reshape(B, T, D))


class OffByOne(Mixer):
    def allowed(self, T: int) -> Tensor:
        mask = super().allowed(T).clone()
        mask[2] = torch.ones(T, T, dtype=torch.bool).tril(1)
        return mask


class RolledWindow(Mixer):
    """A window of eight, made by rolling: at the start it reaches round to the end."""

    def allowed(self, T: int) -> Tensor:
        near = torch.zeros(T, T, dtype=torch.bool)
        for back in range(min(8, T)):
            near |= torch.eye(T, dtype=torch.bool).roll(-back, 1)
        return near.expand(H, T, T)


class Local(Mixer):
    def allowed(self, T: int) -> Tensor:
        place = torch.arange(T)
        ages = place[:, None] - place
        return ((ages >= 0) & (ages < 8)).expand(H, T, T)


class LateMask(Mixer):
    """A mask made for 40 tokens: whoever stands behind them sees all."""

    def allowed(self, T: int) -> Tensor:
        mask = super().allowed(T).clone()
        mask[:, 40:] = True
        return mask


class TimeNorm(nn.Module):
    """Normalise over time instead of features."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True, unbiased=False) + 1e-5)


class Circular(nn.Module):
    """A long convolution by FFT, without zeros behind the text."""

    def __init__(self, pad: bool = False) -> None:
        super().__init__()
        self.kernel, self.pad = nn.Parameter(torch.randn(D, 16) * 0.3), pad

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1] + (16 if self.pad else 0)
        kernel = F.pad(self.kernel, (0, max(n - 16, 0)))[:, :n]
        mixed = torch.fft.irfft(
            torch.fft.rfft(x, n=n, dim=1) * torch.fft.rfft(kernel, n=n).T, n=n, dim=1
        )
        return mixed[:, : x.shape[1]]


class FewExperts(nn.Module):
    """Expert choice over the sequence: each expert takes its two best tokens."""

    def __init__(self, take: int = 2) -> None:
        super().__init__()
        self.router, self.experts = (
            nn.Linear(D, 2, bias=False),
            nn.Parameter(torch.randn(2, D, D) * 0.3),
        )
        self.take = take

    def forward(self, x: Tensor) -> Tensor:
        gate = self.router(x).sigmoid()  # (B, T, E)
        chosen = torch.zeros_like(gate)
        best = gate.topk(min(self.take, x.shape[1]), dim=1).indices
        chosen.scatter_(1, best, 1.0)
        return torch.einsum("btd,edf,bte->btf", x, self.experts, gate * chosen)


class Evicting(nn.Module):
    """Room for four tokens: whoever scores higher, however late, takes the place of the lowest."""

    def __init__(self) -> None:
        super().__init__()
        self.score, self.value = nn.Linear(D, 1, bias=False), nn.Linear(D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        score = self.score(x)[..., 0]
        limit = score.topk(min(4, x.shape[1]), dim=1).values[:, -1:]
        return self.value(x) * (score >= limit)[..., None]


class BlockMean(nn.Module):
    """Every token reads the mean of its block of eight, or with `past` of the block before."""

    def __init__(self, past: bool = False) -> None:
        super().__init__()
        self.value, self.past = nn.Linear(D, D, bias=False), past

    def forward(self, x: Tensor) -> Tensor:
        B, T, _ = x.shape
        padded = F.pad(x, (0, 0, 0, -T % 8))
        means = padded.view(B, -1, 8, D).mean(2)
        if self.past:
            means = F.pad(means, (0, 0, 1, 0))[:, :-1]
        return self.value(means.repeat_interleave(8, 1)[:, :T])


class Quantised(nn.Module):
    """Values on a grid whose step is the largest of the whole text."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Linear(D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        step = x.abs().amax((1, 2), keepdim=True) / 7
        return self.value((x / step).round() * step)


class Reversed(nn.Module):
    """One channel of a sum runs from the wrong end, with a thousandth of the weight."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Linear(D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        count = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
        sums = x.cumsum(1) / count
        back = x[..., :1].flip(1).cumsum(1).flip(1) * 1e-3
        return self.value(torch.cat([sums[..., :1] + back, sums[..., 1:]], -1))


class Prefix(Reversed):
    def forward(self, x: Tensor) -> Tensor:
        return self.value(x.cumsum(1) / torch.arange(1, x.shape[1] + 1, device=x.device)[:, None])


class Centred(nn.Module):
    """A convolution that pads both sides, or with `past` the left one alone."""

    def __init__(self, past: bool = False) -> None:
        super().__init__()
        self.conv, self.past = nn.Conv1d(D, D, 5, bias=False), past

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x.transpose(1, 2), (4, 0) if self.past else (2, 2))).transpose(1, 2)


class Summary(nn.Module):
    """The mean of the whole text, divided by a temperature that grows with its length."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Linear(D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.value(x.mean(1, keepdim=True).expand_as(x)) / math.log(2 + x.shape[1])


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(D, D, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x)[0]


class Loud(Mixer):
    """Causal, with activations so large that rounding differs from one length to another."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * 300) / 300


class AcrossRows(nn.Module):
    """Rows of a batch read their common mean."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Linear(D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.value(x.mean(0, keepdim=True).expand_as(x))


class Model(nn.Module):
    """Embedding, two or three mixers with residuals and feed-forward layers, logits."""

    def __init__(self, *mixers: nn.Module, rare: bool = False) -> None:
        super().__init__()
        self.embedding, self.mixers = nn.Embedding(V, D), nn.ModuleList(mixers)
        self.norms = nn.ModuleList(nn.LayerNorm(D) for _ in mixers)
        self.feed = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(D), nn.Linear(D, 2 * D), nn.GELU(), nn.Linear(2 * D, D))
            for _ in mixers
        )
        self.head, self.rare = nn.Linear(D, V, bias=False), rare

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        if self.rare:  # a marker of another format shifts the whole text
            x = x + 0.5 * (tokens == 61).any(1)[:, None, None]
        for norm, mixer, feed in zip(self.norms, self.mixers, self.feed, strict=True):
            x = x + mixer(norm(x))
            x = x + feed(x)
        return self.head(x)


def _made(seed: int, make) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


LEAKS = {
    "off_by_one_in_one_head": lambda: _made(1, lambda: Model(Mixer(), OffByOne())),
    "window_that_rolls_round": lambda: _made(2, lambda: Model(RolledWindow(), Mixer())),
    "mask_that_ends_at_40": lambda: _made(3, lambda: Model(Mixer(), LateMask())),
    "norm_over_time": lambda: _made(4, lambda: Model(Mixer(), TimeNorm())),
    "circular_convolution": lambda: _made(5, lambda: Model(Circular(), Mixer())),
    "expert_choice_of_two": lambda: _made(6, lambda: Model(Mixer(), FewExperts(2))),
    "eviction_by_score": lambda: _made(7, lambda: Model(Evicting(), Mixer())),
    "mean_of_own_block": lambda: _made(8, lambda: Model(Mixer(), BlockMean())),
    "grid_of_the_largest": lambda: _made(9, lambda: Model(Quantised(), Mixer())),
    "sum_from_the_wrong_end": lambda: _made(10, lambda: Model(Mixer(), Mixer(), Reversed())),
    "convolution_padded_on_both_sides": lambda: _made(11, lambda: Model(Mixer(), Centred())),
    "summary_of_the_text": lambda: _made(12, lambda: Model(Summary(), Mixer())),
    "rare_marker": lambda: _made(13, lambda: Model(Mixer(), rare=True)),
}
"""Models whose logits depend on later tokens."""

CAUSAL = {
    "dense": lambda: _made(21, lambda: Model(Mixer(), Mixer())),
    "local_window": lambda: _made(22, lambda: Model(Local(), Local())),
    "gru": lambda: _made(23, lambda: Model(Recurrent(), Recurrent())),
    "convolution_padded_left": lambda: _made(24, lambda: Model(Centred(past=True), Mixer())),
    "mean_of_the_block_before": lambda: _made(25, lambda: Model(BlockMean(past=True), Mixer())),
    "running_mean": lambda: _made(26, lambda: Model(Prefix(), Mixer())),
    "fft_with_zeros": lambda: _made(27, lambda: Model(Circular(pad=True), Mixer())),
    "loud_activations": lambda: _made(28, lambda: Model(Loud(), Mixer())),
}
"""Models that a careless checker may accuse."""

ACROSS_ROWS = {"mean_over_the_batch": lambda: _made(31, lambda: Model(AcrossRows(), Mixer()))}
"""Causal in time, and rows of a batch read each other."""


class OneOfSixteen(nn.Module):
    """Sixteen causal heads, one of which also adds a thousandth of the next token's values."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Mixer() for _ in range(4))  # of four heads each
        self.value = nn.Linear(D, D // H, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mixed = sum(head(x) for head in self.heads)
        ahead = F.pad(self.value(x)[:, 1:], (0, D - D // H, 0, 1)) * 1e-3
        return mixed + ahead


def _ours(**changes) -> nn.Module:
    shape = ModelConfig(V, D, 2, 8, 128, n_dense_heads=1, n_sparse_heads=8, sparsity=8)
    return _made(41, lambda: TransformerLM(replace(shape, **changes)))


LEAKS |= {
    "one_thousandth_in_one_head_of_16": lambda: _made(32, lambda: Model(Mixer(), OneOfSixteen())),
    "our_mosa": lambda: _ours(),
    "our_mosa_of_one_head": lambda: _ours(n_sparse_heads=1, n_layers=1),
    "our_routing": lambda: _ours(sparse="routing"),
}
CAUSAL |= {
    f"our_{kind}": lambda kind=kind: _ours(sparse=kind)
    for kind in ("prefix", "threshold", "token", "fixed", "random", "gated_random")
} | {
    "our_local": lambda: _ours(n_sparse_heads=0, n_dense_heads=0, n_local_heads=2),
    "our_dense": lambda: _ours(n_sparse_heads=0),
}
"""Those that begin with ``our`` are of this package."""
