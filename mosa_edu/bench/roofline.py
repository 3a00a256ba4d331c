"""What the machine can do at best, and how near every operation of a layer comes to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mosa_edu.attention import DenseAttention, MosaAttention
from mosa_edu.attention.rotary import rotary_table, rotate
from mosa_edu.bench.layer import LayerCase, NaiveMosa, WholeRowsIn, forward
from mosa_edu.bench.paired import time_in_turns
from mosa_edu.costs import HeadShape, head_flops
from mosa_edu.selection import Router

FLOAT = 4
"""Bytes of a number."""


@dataclass(frozen=True)
class Operation:
    """One operation with the least it must compute and move.

    FLOPs are those of its matrix products, the causal half cut; bytes are inputs read and outputs
    written, each once.
    """

    call: Callable[[], object]
    flops: int
    bytes: int


def roofline_rows(
    case: LayerCase | None = None, *, rounds: int = 11, threads: int = 1
) -> list[dict[str, Any]]:
    """Time the machine's peaks and every operation of a layer's forward pass."""
    case = LayerCase() if case is None else case
    groups = {"peak": _peaks(), "layer": _layers(case), "operation": _operations(case)}
    named = {name: work for group in groups.values() for name, work in group.items()}
    calls = {name: work.call for name, work in named.items()}
    with torch.no_grad():
        timing = time_in_turns(calls, rounds, threads)
    flops_a_second = named["product"].flops / timing.median("product")
    bytes_a_second = named["copy"].bytes / timing.median("copy")
    rows = []
    for group, works in groups.items():
        for name, work in works.items():
            roof = max(work.flops / flops_a_second, work.bytes / bytes_a_second)
            rows.append(
                {
                    "name": name,
                    "group": group,
                    "mflop": round(work.flops / 1e6, 3),
                    "mb": round(work.bytes / 1e6, 3),
                    "milliseconds": round(1e3 * timing.median(name), 3),
                    "roof": round(1e3 * roof, 3),
                }
            )
    return rows


def _peaks(side: int = 1024, numbers: int = 1 << 25) -> dict[str, Operation]:
    """Make a product of large squares, and a copy that no cache holds."""
    a, b, out = torch.randn(3, side, side)
    source, target = torch.randn(numbers), torch.empty(numbers)
    return {
        "product": Operation(lambda: torch.mm(a, b, out=out), 2 * side**3, 3 * FLOAT * side**2),
        "copy": Operation(lambda: target.copy_(source), 0, 2 * FLOAT * numbers),
    }


def _layers(case: LayerCase) -> dict[str, Operation]:
    """Whole layers with as many heads, charged with their tokens, weights and outputs."""
    mosa, x = case.layer(), case.tokens()
    dense = DenseAttention(case.d_model, case.d_head, case.n_heads)
    shape = HeadShape(
        d_model=case.d_model, d_head=case.d_head, seq_len=case.seq_len, sparsity=case.sparsity
    )
    found = {}
    for name, layer, kind in (
        ("dense layer", dense, "dense"),
        ("straight MoSA", NaiveMosa(mosa), "mosa"),
        ("MoSA layer", mosa, "mosa"),
    ):
        cost = head_flops(kind, shape).times(case.n_heads * case.batch)
        weights = sum(weight.numel() for weight in layer.parameters())
        moved = FLOAT * (2 * x.numel() + weights)
        found[name] = Operation(forward(layer, x), cost.total - cost.attention // 2, moved)
    return found


def _operations(case: LayerCase) -> dict[str, Operation]:
    """Return the package's forward pass in pieces, each on inputs of the right shape."""
    layer, x = case.layer(), case.tokens()
    selection = layer.selector(x)
    rows = WholeRowsIn.rows(selection.indices, case.seq_len)  # (H B k,)
    found = _routing(layer, x, rows)
    found |= _heads(layer, selection.indices.transpose(0, 1), case.seq_len)
    written, y = torch.randn(len(rows), case.d_model), torch.zeros_like(x).flatten(0, 1)
    moved = 3 * FLOAT * written.numel()  # read, and read and written where it is added
    found["scatter"] = Operation(lambda: y.index_add_(0, rows, written), 0, moved)
    return found


def _routing(layer: MosaAttention, x: Tensor, rows: Tensor) -> dict[str, Operation]:
    """Score all tokens (B, T, d_model), choose, and gather the chosen rows (H B k,)."""
    router = layer.selector.router
    assert isinstance(router, Router)
    logits, flat = router(x), x.flatten(0, 1)
    k = len(rows) // (len(x) * layer.n_heads)

    def choose() -> Tensor:
        return logits.topk(k, dim=-1, sorted=False).indices.sort(dim=-1).values

    read = FLOAT * (x.numel() + router.weight.numel() + logits.numel())
    scored = 2 * logits.numel() * x.shape[-1]
    return {
        "score": Operation(lambda: router(x), scored, read),
        "choose": Operation(choose, 0, FLOAT * (logits.numel() + 2 * len(rows))),
        "gather": Operation(
            lambda: flat.index_select(0, rows), 0, 2 * FLOAT * len(rows) * x.shape[-1]
        ),
    }


def _heads(layer: MosaAttention, indices: Tensor, T: int) -> dict[str, Operation]:
    """Project, rotate and attend among the chosen tokens (H, B, k), and project back."""
    n, k = indices.numel(), indices.shape[-1]
    H, d_model, d_head = layer.n_heads, layer.w_qkv.shape[1], layer.d_head
    x_selected, gated = torch.randn(H, n // H, d_model), torch.randn(H, n // H, d_head)
    queries, keys, values = torch.randn(3, *indices.shape, d_head)
    cos, sin = (part[indices] for part in rotary_table(T, layer.n_rotate, layer.rope_base))

    def attend() -> Tensor:
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=True)

    wide, narrow, weight = n * d_model, n * d_head, layer.w_out.numel()
    return {
        "project in": Operation(
            lambda: torch.bmm(x_selected, layer.w_qkv),
            6 * wide * d_head,
            FLOAT * (wide + 3 * narrow + 3 * weight),
        ),
        "rotate": Operation(
            lambda: (rotate(queries, cos, sin), rotate(keys, cos, sin)), 0, 4 * FLOAT * narrow
        ),
        "attend": Operation(attend, 2 * narrow * k, 4 * FLOAT * narrow),
        "project out": Operation(
            lambda: torch.bmm(gated, layer.w_out),
            2 * wide * d_head,
            FLOAT * (narrow + wide + weight),
        ),
    }
