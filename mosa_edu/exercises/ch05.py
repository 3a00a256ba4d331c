"""Checks of chapter 5: the gate, the scatter, and a whole head."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises.verdict import Verdict, examine


def check_gate(gate_outputs: Callable[[Tensor, Tensor], Tensor] | None) -> Verdict:
    """Check what a head writes for attention outputs (k, d) and gates (k,)."""
    generator = torch.Generator().manual_seed(0)
    attended, gates = torch.randn(4, 6, generator=generator), torch.rand(4, generator=generator)

    def gate(f: Callable[..., Any]) -> str | None:
        found = f(attended, gates)
        for factor, mistake in (
            (torch.ones(4), "The gate is missing: the router would never learn."),
            (gates / gates.sum(), "You made the gates sum to 1; each stands for itself."),
            (gates**2, "The gate was applied twice."),
        ):
            if torch.allclose(found, attended * factor[:, None], atol=1e-6):
                return mistake
        right = torch.allclose(found, attended * gates[:, None], atol=1e-6)
        return None if right else "Each row is multiplied by its own gate."

    return examine(gate_outputs, [("each row by its gate", gate)])


def check_scatter(scatter: Callable[[Tensor, Tensor, int], Tensor] | None) -> Verdict:
    """Check the way back from slots (H, k, d) to the text (T, d)."""
    written = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(1))
    indices = torch.tensor([[1, 3], [2, 3]])
    right = torch.zeros(6, 3).index_add(0, indices.flatten(), written.flatten(0, 1))

    def added(f: Callable[..., Any]) -> str | None:
        found = f(written, indices, 6)
        if tuple(found.shape) != (6, 3):
            return f"The shape is {tuple(found.shape)}, not (T, d) = (6, 3)."
        if (found[[0, 4, 5]] != 0).any():
            return "Tokens that no head kept get exactly 0."
        if torch.allclose(found, right, atol=1e-6):
            return None
        if any(torch.allclose(found[3], written[head, 1], atol=1e-6) for head in range(2)):
            return "Token 3 sits in two heads, and one note is lost: add, do not overwrite."
        if torch.allclose(found[3], right[3] / 2, atol=1e-6):
            return "Notes are added, not averaged."
        return "Row i must hold the sum of what all heads wrote for token i."

    return examine(scatter, [("notes add up, the rest is 0", added)])


def check_head(mosa_head: Callable[..., Tensor] | None) -> Verdict:
    """Check one whole head without rotation."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(14, 8, generator=generator)
    w_router = torch.randn(8, generator=generator)
    w_qkv = torch.randn(8, 12, generator=generator)
    w_out = torch.randn(4, 8, generator=generator)

    def head(order: str = "text", gate: str = "once", causal: bool = True) -> Tensor:
        logits = x @ w_router
        kept = logits.topk(5).indices
        kept = kept.sort().values if order == "text" else kept
        q, k, v = (x[kept] @ w_qkv).chunk(3, dim=-1)
        a = scaled_dot_product_attention(q[None], k[None], v[None], is_causal=causal)[0]
        gates = logits[kept].sigmoid() ** {"never": 0, "twice": 2}.get(gate, 1)
        gates = gates / gates.sum() if gate == "shared" else gates
        return torch.zeros_like(x).index_add(0, kept, (a * gates[:, None]) @ w_out)

    def whole(f: Callable[..., Any]) -> str | None:
        found = f(x, w_router, w_qkv, w_out, 5)
        if found.shape != x.shape:
            return f"The shape is {tuple(found.shape)}, not that of x, {tuple(x.shape)}."
        for wrong, mistake in (
            (head(order="score"), "Sort the positions: a kept token reads a later one."),
            (head(gate="never"), "The gate is missing."),
            (head(gate="twice"), "The gate was applied twice."),
            (head(gate="shared"), "You made the gates sum to 1; each stands for itself."),
            (head(causal=False), "The triangle is missing: every kept token reads all."),
        ):
            if torch.allclose(found, wrong, atol=1e-4):
                return mistake
        return None if torch.allclose(found, head(), atol=1e-4) else "Not equal to a MoSA head."

    return examine(mosa_head, [("equal to a MoSA head", whole)])
