"""Checks of chapter 5: the gate, the scatter, and a whole head."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, misshapen, named


def check_gate(gate_outputs: Callable[[Tensor, Tensor], Tensor] | None) -> Verdict:
    """Check what a head writes for attention outputs (k, d) and gates (k,)."""
    generator = torch.Generator().manual_seed(0)

    def gate(f: Answer) -> Mistake:
        for k, d in ((4, 6), (3, 3)):
            attended = torch.randn(k, d, generator=generator)
            gates = torch.rand(k, generator=generator)
            factors = [
                (torch.ones(k), "The gate is missing: the router would never learn."),
                (gates / gates.sum(), "You made the gates sum to 1; each stands for itself."),
                (gates.softmax(0), "No softmax: it makes the gates sum to 1; each stands alone."),
                (gates**2, "The gate was applied twice."),
            ]
            mistakes = [(attended * factor[:, None], words) for factor, words in factors]
            if k == d:
                columns = "You scaled columns: gates[:, None] is one factor a row."
                mistakes.append((attended * gates, columns))
            otherwise = "Each row is multiplied by its own gate."
            right = attended * gates[:, None]
            if mistake := named(f(attended, gates), right, otherwise, mistakes):
                return mistake
        return None

    return examine(gate_outputs, [("each row by its gate", gate)])


def check_scatter(scatter: Callable[[Tensor, Tensor, int], Tensor] | None) -> Verdict:
    """Check the way back from slots (H, k, d) to the text (T, d)."""
    generator = torch.Generator().manual_seed(1)
    written = torch.randn(2, 2, 3, generator=generator)
    indices = torch.tensor([[1, 3], [2, 3]])

    def added(f: Answer) -> Mistake:
        found, right = f(written, indices, 6), _scattered(written, indices, 6)
        if mistake := misshapen(found, (6, 3), "(T, d) = "):
            return mistake
        if (found[[0, 4, 5]] != 0).any():
            return "Tokens that no head kept get exactly 0."
        lost = "Token 3 sits in two heads, and one note is lost: add, do not overwrite."
        mistakes = [(note, lost) for note in written[:, 1]]
        mistakes += [(right[3] / 2, "Notes are added, not averaged.")]
        otherwise = "Row i must hold the sum of what all heads wrote for token i."
        return named(found[3], right[3], otherwise, mistakes) or named(found, right, otherwise)

    def others(f: Answer) -> Mistake:
        many = torch.randn(4, 3, 2, generator=generator)
        places = torch.rand(4, 8, generator=generator).argsort()[:, :3].sort().values
        otherwise = "Other texts: row i holds the sum of what all heads wrote for token i."
        return named(f(many, places, 8), _scattered(many, places, 8), otherwise)

    return examine(scatter, [("notes add up, the rest is 0", added), ("any text", others)])


def _scattered(written: Tensor, indices: Tensor, T: int) -> Tensor:
    rows = torch.zeros(T, written.shape[-1])
    return rows.index_add(0, indices.flatten(), written.flatten(0, 1))


Weights = tuple[Tensor, Tensor, Tensor, Tensor]
"""A text x (T, d_model), and w_router, w_qkv and w_out of a head."""


def _head(
    given: Weights,
    k: int,
    order: str = "text",
    gate: str = "sigmoid",
    causal: bool = True,
    scaled: bool = True,
    gated: str = "output",
) -> Tensor:
    """One head on one text, rightly or with one of the usual mistakes."""
    x, w_router, w_qkv, w_out = given
    logits = x @ w_router
    best = logits.topk(k).indices
    kept = best.sort().values if order != "score" else best
    q, keys, v = (x[kept] @ w_qkv).chunk(3, dim=-1)
    scores = logits[best if order == "gates by score" else kept]
    r = scores.sigmoid()
    gates = {
        "none": torch.ones_like(r),
        "logit": scores,
        "softmax": scores.softmax(0),
        "twice": r**2,
        "shared": r / r.sum(),
    }.get(gate, r)[:, None]
    v = v * gates if gated == "values" else v
    scale = None if scaled else 1.0
    a = scaled_dot_product_attention(q[None], keys[None], v[None], is_causal=causal, scale=scale)[0]
    return torch.zeros_like(x).index_add(0, kept, (a if gated == "values" else a * gates) @ w_out)


def check_head(mosa_head: Callable[..., Tensor] | None) -> Verdict:
    """Check one whole head without rotation."""
    generator = torch.Generator().manual_seed(2)

    def draw(T: int, d_model: int, d_head: int) -> Weights:
        shapes = (T, d_model), (d_model,), (d_model, 3 * d_head), (d_head, d_model)
        x, w_router, w_qkv, w_out = (torch.randn(shape, generator=generator) for shape in shapes)
        return x, w_router, w_qkv, w_out

    def whole(f: Answer) -> Mistake:
        for given, k in ((draw(14, 8, 4), 5), (draw(9, 6, 3), 3)):
            found, right, x = f(*given, k), _head(given, k), given[0]
            if mistake := misshapen(found, x.shape, "that of x, "):
                return mistake
            wrong = [
                ({"order": "score"}, "Sort the positions: a kept token reads a later one."),
                (
                    {"order": "gates by score"},
                    "The gates stand in the order of the scores, the rows in that of the text: "
                    "sort the positions, then look up the gates.",
                ),
                ({"gate": "none"}, "The gate is missing."),
                ({"gate": "twice"}, "The gate was applied twice."),
                ({"gate": "shared"}, "You made the gates sum to 1; each stands for itself."),
                ({"gate": "softmax"}, "Softmax for sigmoid: each gate stands for itself."),
                ({"gate": "logit"}, "You gate by the raw logit: the sigmoid is missing."),
                ({"gated": "values"}, "You gate the values: the gate scales the head's output."),
                ({"causal": False}, "The triangle is missing: every kept token reads all."),
                ({"scaled": False}, "Matches are divided by the root of d_head."),
            ]
            mistakes = [(_head(given, k, **how), words) for how, words in wrong]  # type: ignore[arg-type]
            mistakes.append((x + right, "The layer adds no residual: it returns what it writes."))
            if mistake := named(found, right, "Not a MoSA head's output.", mistakes, atol=1e-4):
                return mistake
        return None

    def equals(f: Answer) -> Mistake:
        x, *weights = draw(8, 6, 3)
        kept = f(x[:1].expand(8, -1).clone(), *weights, 3).abs().sum(dim=1) > 1e-6
        n = int(kept.sum())
        return None if n == 3 else f"Eight equal tokens, k = 3: you keep {n}. Ties break the cut."

    return examine(mosa_head, [("equal to a MoSA head", whole), ("k of equals", equals)])
