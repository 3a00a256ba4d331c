"""Checks of chapter 5: the gate, the scatter, and a whole head."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, misshapen, named


def check_gate(gate_outputs: Callable[[Tensor, Tensor], Tensor] | None) -> Verdict:
    """Check what a head writes for attention outputs (k, d) and gates (k,)."""
    generator = torch.Generator().manual_seed(0)
    attended, gates = torch.randn(4, 6, generator=generator), torch.rand(4, generator=generator)

    def gate(f: Answer) -> Mistake:
        found = f(attended, gates)
        factors = [
            (torch.ones(4), "The gate is missing: the router would never learn."),
            (gates / gates.sum(), "You made the gates sum to 1; each stands for itself."),
            (gates**2, "The gate was applied twice."),
        ]
        mistakes = [(attended * factor[:, None], words) for factor, words in factors]
        otherwise = "Each row is multiplied by its own gate."
        return named(found, attended * gates[:, None], otherwise, mistakes)

    return examine(gate_outputs, [("each row by its gate", gate)])


def check_scatter(scatter: Callable[[Tensor, Tensor, int], Tensor] | None) -> Verdict:
    """Check the way back from slots (H, k, d) to the text (T, d)."""
    written = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(1))
    indices = torch.tensor([[1, 3], [2, 3]])
    right = torch.zeros(6, 3).index_add(0, indices.flatten(), written.flatten(0, 1))

    def added(f: Answer) -> Mistake:
        found = f(written, indices, 6)
        if mistake := misshapen(found, (6, 3), "(T, d) = "):
            return mistake
        if (found[[0, 4, 5]] != 0).any():
            return "Tokens that no head kept get exactly 0."
        lost = "Token 3 sits in two heads, and one note is lost: add, do not overwrite."
        mistakes = [(note, lost) for note in written[:, 1]]
        mistakes += [(right[3] / 2, "Notes are added, not averaged.")]
        otherwise = "Row i must hold the sum of what all heads wrote for token i."
        if mistake := named(found[3], right[3], otherwise, mistakes):
            return mistake
        return named(found, right, otherwise)

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

    def whole(f: Answer) -> Mistake:
        found = f(x, w_router, w_qkv, w_out, 5)
        if mistake := misshapen(found, x.shape, "that of x, "):
            return mistake
        mistakes = [
            (head(order="score"), "Sort the positions: a kept token reads a later one."),
            (head(gate="never"), "The gate is missing."),
            (head(gate="twice"), "The gate was applied twice."),
            (head(gate="shared"), "You made the gates sum to 1; each stands for itself."),
            (head(causal=False), "The triangle is missing: every kept token reads all."),
        ]
        return named(found, head(), "Not equal to a MoSA head.", mistakes, atol=1e-4)

    return examine(mosa_head, [("equal to a MoSA head", whole)])
