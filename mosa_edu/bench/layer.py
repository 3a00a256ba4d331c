"""One layer against the straight way to compute it: forward, and forward with backward."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.attention import DenseAttention, MosaAttention
from mosa_edu.attention.rotary import rotary_table, rotate
from mosa_edu.bench.paired import Timing, time_in_turns
from mosa_edu.checks import require
from mosa_edu.costs import HeadShape, head_flops
from mosa_edu.progress import track
from mosa_edu.selection import ExpertChoice, kept


class NaiveMosa(nn.Module):
    """`MosaAttention` by the straight way, with the weights of one that drops its first token.

    What makes it slow: a sigmoid of all T scores and a top-k along a strided axis; gathers and a
    ``scatter_add_`` by an int64 index as large as the data; an explicit mask over five axes, which
    no fused attention kernel takes; einsums that permute and copy; rotary rows gathered four
    times; a length read back from the indices. The classes below take these away one by one,
    stage by stage: route, read, rotate, attend, write.
    """

    def __init__(self, layer: MosaAttention) -> None:
        super().__init__()
        selector = layer.selector
        assert isinstance(selector, ExpertChoice)
        self.sparsity, self.n_rotate, self.rope_base = (
            selector.sparsity,
            layer.n_rotate,
            layer.rope_base,
        )
        self.w_router = selector.router.weight
        self.w_qkv, self.w_out = layer.w_qkv, layer.w_out
        self.cos = self.sin = torch.empty(0, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Attend among each head's best tokens."""
        indices, gates = self.route(x)  # each (B, H, k)
        queries, keys, values = self.read(x, indices).chunk(3, dim=-1)  # each (B, H, k, d_head)
        queries, keys = self.rotate(queries, keys, indices, x.shape[1])
        attended = self.attend(queries, keys, values, indices)
        return self.write(attended * gates.unsqueeze(-1), indices, x)

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Choose the positions (B, H, k) of every head, best first, and their gates."""
        router_scores = F.linear(x, self.w_router).sigmoid()  # (B, T, H)
        best, order = router_scores.topk(kept(x.shape[1], self.sparsity), dim=1)  # a middle axis
        return order.transpose(1, 2), best.transpose(1, 2)

    def read(self, x: Tensor, indices: Tensor) -> Tensor:
        """Gather the chosen tokens and project them, (B, H, k, 3 d_head)."""
        B, H, k = indices.shape
        gather_by = indices.reshape(B, H * k, 1).expand(B, H * k, x.shape[-1])
        x_selected = x.gather(1, gather_by).view(B, H, k, x.shape[-1])
        return torch.einsum("bhki,hij->bhkj", x_selected, self.w_qkv)

    def rotate(
        self, queries: Tensor, keys: Tensor, indices: Tensor, T: int
    ) -> tuple[Tensor, Tensor]:
        """Turn queries and keys, each (B, H, k, d_head), by their positions in the text."""
        longest = int(indices.max()) + 1  # waits for the device
        if len(self.cos) < longest or self.cos.dtype != queries.dtype:
            table = rotary_table(
                longest, self.n_rotate, self.rope_base, queries.device, queries.dtype
            )
            self.cos, self.sin = (torch.cat([part, part], dim=-1) for part in table)
        return self._turn(queries, indices), self._turn(keys, indices)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, indices: Tensor) -> Tensor:
        """Mix the values of tokens that stand no later in the text, (B, H, k, d_head)."""
        may_attend = indices[..., :, None] >= indices[..., None, :]  # (B, H, k, k)
        return F.scaled_dot_product_attention(
            queries.unsqueeze(2),
            keys.unsqueeze(2),
            values.unsqueeze(2),
            attn_mask=may_attend.unsqueeze(2),
        ).squeeze(2)

    def write(self, gated: Tensor, indices: Tensor, x: Tensor) -> Tensor:
        """Project outputs (B, H, k, d_head) and add them to their rows, (B, T, d_model)."""
        B, H, k = indices.shape
        d_model = x.shape[-1]
        written = torch.einsum("bhki,hij->bhkj", gated, self.w_out)
        # Expanding before reshaping makes an index of B H k d_model numbers.
        scatter_by = indices.unsqueeze(-1).expand(B, H, k, d_model).reshape(B, H * k, d_model)
        y = torch.zeros(x.shape, dtype=written.dtype, device=x.device)
        return y.scatter_add_(1, scatter_by, written.reshape(B, H * k, d_model))

    def _turn(self, vectors: Tensor, positions: Tensor) -> Tensor:
        cos, sin = self.cos[positions], self.sin[positions]  # (B, H, k, n_rotate)
        turned, rest = vectors[..., : self.n_rotate], vectors[..., self.n_rotate :]
        first, second = turned.chunk(2, dim=-1)
        half_turn = torch.cat([-second, first], dim=-1)
        return torch.cat([turned * cos + half_turn * sin, rest], dim=-1)


BAR = 1.3
"""Times that the layer must be faster than the straight way, forward and backward."""


@dataclass(frozen=True)
class LayerCase:
    """Sizes of a timed layer: texts, their tokens, widths, heads and sparsity."""

    batch: int = 1
    seq_len: int = 2048
    d_model: int = 512
    n_heads: int = 16
    d_head: int = 64
    sparsity: int = 8

    def layer(self) -> MosaAttention:
        """Make the layer, with the weights of seed 0."""
        torch.manual_seed(0)
        return MosaAttention(self.d_model, self.d_head, self.n_heads, self.sparsity)

    def tokens(self) -> Tensor:
        """Draw tokens, (batch, seq_len, d_model)."""
        return torch.randn(self.batch, self.seq_len, self.d_model)


def bench_layer(case: LayerCase, rounds: int, threads: int) -> dict[str, Timing]:
    """Time `MosaAttention` and `NaiveMosa` with the same weights and tokens."""
    layer = case.layer()
    return time_passes({"naive": NaiveMosa(layer), "mosa": layer}, case.tokens(), rounds, threads)


def time_passes(
    modules: Mapping[str, nn.Module], x: Tensor, rounds: int, threads: int
) -> dict[str, Timing]:
    """Time layers that share their weights, in turns."""
    by = torch.randn_like(x)
    calls = {name: forward(module, x) for name, module in modules.items()}
    both = {name: _forward_backward(module, x, by) for name, module in modules.items()}
    return {
        "forward": time_in_turns(calls, rounds, threads),
        "forward + backward": time_in_turns(both, rounds, threads),
    }


def forward(module: nn.Module, x: Tensor) -> Callable[[], None]:
    """Make a call of a module without gradient."""

    @torch.no_grad()
    def call() -> None:
        module(x)

    return call


def saved_bytes(module: nn.Module, x: Tensor) -> int:
    """Bytes that a forward pass keeps for the backward pass."""
    given = {tensor.untyped_storage().data_ptr() for tensor in (x, *module.parameters())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in given:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = module(x.requires_grad_(x.is_floating_point()))
    total = sum(kept.values())
    del output  # what is kept lives as long as the graph
    x.requires_grad_(False)
    return total


def _forward_backward(module: nn.Module, x: Tensor, by: Tensor) -> Callable[[], None]:
    inputs = [x.clone().requires_grad_(), *module.parameters()]

    def call() -> None:
        torch.autograd.grad(module(inputs[0]), inputs, by)

    return call


class ScoreTheKept(NaiveMosa):
    """Rank logits along the last axis, and apply the sigmoid to the k kept ones alone."""

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `NaiveMosa.route`; in no order."""
        router_logits = F.linear(x, self.w_router).transpose(1, 2).contiguous()  # (B, H, T)
        k = kept(x.shape[1], self.sparsity)
        indices = router_logits.detach().topk(k, dim=-1, sorted=False).indices
        return indices, router_logits.gather(-1, indices).sigmoid()


class WholeRowsIn(ScoreTheKept):
    """Copy whole rows of the batch, heads first, as the batched product wants them."""

    def read(self, x: Tensor, indices: Tensor) -> Tensor:
        """See `NaiveMosa.read`."""
        B, H, k = indices.shape
        x_selected = x.reshape(-1, x.shape[-1]).index_select(0, self.rows(indices, x.shape[1]))
        qkv = torch.bmm(x_selected.view(H, B * k, -1), self.w_qkv)
        return qkv.view(H, B, k, -1).transpose(0, 1)

    @staticmethod
    def rows(indices: Tensor, T: int) -> Tensor:
        """Rows of the flattened batch, (H B k,), from positions (B, H, k)."""
        starts = T * torch.arange(len(indices), device=indices.device)
        return (indices + starts[:, None, None]).transpose(0, 1).reshape(-1)


class ShortTable(WholeRowsIn):
    """Make the rotary table from the known length, half as wide, and index it once."""

    def rotate(
        self, queries: Tensor, keys: Tensor, indices: Tensor, T: int
    ) -> tuple[Tensor, Tensor]:
        """See `NaiveMosa.rotate`."""
        table = rotary_table(T, self.n_rotate, self.rope_base, queries.device, queries.dtype)
        cos, sin = (part[indices] for part in table)  # each (B, H, k, n_rotate / 2)
        return rotate(queries, cos, sin), rotate(keys, cos, sin)


class Triangle(ShortTable):
    """Sort the positions: the mask is the plain triangle, which fused kernels know."""

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `NaiveMosa.route`; in the order of the text."""
        indices, gates = super().route(x)
        ascending = indices.sort(dim=-1)
        return ascending.values, gates.gather(-1, ascending.indices)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, indices: Tensor) -> Tensor:
        """See `NaiveMosa.attend`."""
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=True)


class WholeRowsOut(Triangle):
    """Add whole rows to the output."""

    def write(self, gated: Tensor, indices: Tensor, x: Tensor) -> Tensor:
        """See `NaiveMosa.write`."""
        H, d_model = indices.shape[1], x.shape[-1]
        heads_first = gated.transpose(0, 1).reshape(H, -1, gated.shape[-1])
        written = torch.bmm(heads_first, self.w_out).reshape(-1, d_model)
        y = written.new_zeros(x.shape).view(-1, d_model)
        return y.index_add_(0, self.rows(indices, x.shape[1]), written).view(x.shape)


STEPS: dict[str, type[NaiveMosa]] = {
    "straight": NaiveMosa,
    "score the kept": ScoreTheKept,
    "whole rows in": WholeRowsIn,
    "short table": ShortTable,
    "sort, then triangle": Triangle,
    "whole rows out": WholeRowsOut,
}
"""Every step by name, in order."""


def step_by_step(layer: MosaAttention) -> dict[str, nn.Module]:
    """Make all steps from the straight way to the package's own layer, with the same weights."""
    return {name: step(layer) for name, step in STEPS.items()} | {"package": layer}


CASES = (
    LayerCase(sparsity=8),
    LayerCase(sparsity=32),
    LayerCase(batch=4, seq_len=1024, sparsity=16),
)
LENGTHS = (128, 256, 512, 1024, 2048, 4096, 8192)


def step_rows(
    cases: Sequence[LayerCase] = CASES, *, rounds: int = 11, threads: int = 1
) -> list[dict[str, Any]]:
    """Time every step from the straight way to the package's layer."""
    rows = []
    for case in track(cases, "steps", "cases"):
        layer, x = case.layer(), case.tokens()
        modules = step_by_step(layer)
        saved = {name: saved_bytes(module, x) / 2**20 for name, module in modules.items()}
        for which, timing in time_passes(modules, x, rounds, threads).items():
            before = next(iter(modules))
            for name in modules:
                sizes = {"batch": case.batch, "T": case.seq_len, "sparsity": case.sparsity}
                rows.append(
                    {**sizes, "pass": which, "step": name, **_times(timing, name)}
                    | _ratios("ratio", timing, "straight", name)
                    | _ratios("gain", timing, before, name)
                    | {"saved_mib": round(saved[name], 2)}
                )
                before = name
    return rows


def length_rows(
    lengths: Sequence[int] = LENGTHS,
    *,
    n_kept: int = 64,
    n_dense: int = 4,
    equal_at: int = 1024,
    rounds: int = 7,
    threads: int = 1,
) -> list[dict[str, Any]]:
    """Time dense heads against as many MoSA heads, and against as many as cost the same FLOPs."""
    odd = [T for T in lengths if T % n_kept]
    require(not odd, "lengths", odd, f"multiples of n_kept={n_kept}")
    at = {T: _shape(T, n_kept) for T in (*lengths, equal_at)}
    dense_flops = n_dense * head_flops("dense", at[equal_at]).total
    equal = dense_flops // head_flops("mosa", at[equal_at]).total
    layers = {"dense": n_dense, "same heads": n_dense, "same FLOPs": int(equal)}
    rows = []
    for T in track(lengths, "lengths", "lengths"):
        timing = _time_length(at[T], layers, rounds, threads)
        for name, heads in layers.items():
            flops = head_flops("dense" if name == "dense" else "mosa", at[T]).times(heads).total
            rows.append(
                {"T": T, "layer": name, "heads": heads, "gflop": round(flops / 1e9, 4)}
                | _times(timing, name)
                | _ratios("ratio", timing, "dense", name)
            )
    return rows


def _shape(T: int, n_kept: int) -> HeadShape:
    return HeadShape(d_model=512, d_head=64, seq_len=T, sparsity=T // n_kept)


def _time_length(shape: HeadShape, layers: dict[str, int], rounds: int, threads: int) -> Timing:
    torch.manual_seed(0)
    x = torch.randn(1, shape.seq_len, shape.d_model)
    modules = {
        name: DenseAttention(shape.d_model, shape.d_head, heads)
        if name == "dense"
        else MosaAttention(shape.d_model, shape.d_head, heads, shape.sparsity)
        for name, heads in layers.items()
    }
    calls = {name: forward(module, x) for name, module in modules.items()}
    return time_in_turns(calls, rounds, threads)


def _times(timing: Timing, name: str) -> dict[str, float]:
    return {"milliseconds": round(1e3 * timing.median(name), 3)}


def _ratios(key: str, timing: Timing, baseline: str, name: str) -> dict[str, float]:
    low, median, high = timing.ratio(baseline, name)
    return {key: round(median, 3), f"{key}_low": round(low, 3), f"{key}_high": round(high, 3)}
