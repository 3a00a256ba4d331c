"""Checks of chapter 10: two causal rules, decoding token by token, and the recall of a guess."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, misshapen, named
from mosa_edu.head_kinds import prefix_k
from mosa_edu.selection.causal import prefix_ranks


def _prefix_rule(scores: Tensor, sparsity: int) -> Tensor:
    """Tokens (T,) that rank among the best ceil((t + 1) / sparsity) of scores 0 .. t."""
    seen = torch.arange(1, len(scores) + 1)
    return prefix_ranks(scores[None, None])[0, 0] < prefix_k(seen, sparsity)


def check_prefix_rule(wanted: Callable[[Tensor, int], Tensor] | None) -> Verdict:
    """Check the rule that takes a token if it is among the best of those read so far."""
    generator = torch.Generator().manual_seed(0)
    texts = [torch.randn(T, generator=generator) for T in (5, 12, 24, 24)]

    def shape(f: Answer) -> Mistake:
        found = f(texts[1], 3)
        fits = isinstance(found, Tensor) and found.shape == (12,) and found.dtype == torch.bool
        return None if fits else "Return one True or False a token: bool, shape (T,)."

    def blind_to_the_future(f: Answer) -> Mistake:
        for scores in texts:
            for t in range(1, len(scores)):
                if not torch.equal(f(scores[:t], 3), f(scores, 3)[:t]):
                    return "A later token changes an earlier decision: rank among scores 0 .. t."
        return None

    def quota(f: Answer) -> Mistake:
        if not bool(f(texts[0], 3)[0]):
            return "Token 0 is the best of one and always in: round the quota up."
        for scores in texts:
            seen = torch.arange(1, len(scores) + 1)
            ranks = prefix_ranks(scores[None, None])[0, 0]
            for sparsity in (3, 5):
                found = f(scores, sparsity)
                if torch.equal(found, _prefix_rule(scores, sparsity)):
                    continue
                if torch.equal(found, ranks <= (seen + sparsity - 1) // sparsity):
                    return "One token too many: the best has rank 0, so compare with <."
                if sparsity == 5 and torch.equal(found, f(scores, 3)):
                    return "Sparsity 5 keeps what sparsity 3 keeps: use the one that is given."
                return "The quota at t is ceil((t + 1) / sparsity): t + 1 tokens have been read."
        return None

    properties = [("one decision a token", shape), ("blind to the future", blind_to_the_future)]
    return examine(wanted, [*properties, ("the right quota", quota)])


def check_threshold(step: Callable[..., tuple[Tensor, float]] | None) -> Verdict:
    """Check one step of a threshold in training: select, then move the threshold."""
    scores = torch.tensor([0.20, 0.80, 0.25, 0.90, 0.50, 0.75])

    def old_threshold(f: Answer) -> Mistake:
        found, _ = f(scores, 0.70, 2, 0.5)
        if torch.equal(found, scores > 0.75):
            return "You moved the threshold first: this text then decides about itself."
        right = torch.equal(found, scores > 0.70)
        return None if right else "Take the tokens whose score exceeds the old threshold."

    def moved(f: Answer) -> Mistake:
        _, found = f(scores, 0.70, 2, 0.9)
        mistakes = [
            (0.1 * 0.70 + 0.9 * 0.80, "The decay is the weight of the OLD threshold."),
            (0.9 * 0.70 + 0.1 * 0.75, "That is the best score left out; move to the k-th best."),
            (0.9 * 0.70 + 0.1 * 0.90, "That is the best score; move to the k-th best."),
            (0.70, "The threshold does not move."),
        ]
        otherwise = "decay * threshold + (1 - decay) * k-th best score."
        return named(float(found), 0.9 * 0.70 + 0.1 * 0.80, otherwise, mistakes, rtol=0)

    return examine(step, [("selects by the old threshold", old_threshold), ("then moves", moved)])


class _PrefixHead:
    """One head on one random text, in the ways in which a decoder may get it right or wrong."""

    sparsity = 3

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(3)
        self.x = torch.randn(15, 8, generator=generator)
        self.w_router = torch.randn(8, generator=generator)
        self.w_qkv = torch.randn(8, 12, generator=generator)
        self.w_out = torch.randn(4, 8, generator=generator)
        self.scores = self.x @ self.w_router
        self.taken = _prefix_rule(self.scores, self.sparsity)

    def among(self, kept: Tensor, gated: bool = True) -> Tensor:
        """Attend among the kept tokens, bool (T,)."""
        queries, keys, values = (self.x[kept] @ self.w_qkv).chunk(3, dim=-1)
        attended = scaled_dot_product_attention(
            queries[None], keys[None], values[None], is_causal=True
        )[0]
        if gated:
            attended = attended * self.scores[kept].sigmoid()[:, None]
        return torch.zeros_like(self.x).masked_scatter(kept[:, None], attended @ self.w_out)

    def selected_again(self) -> Tensor:
        """Run top-k on every prefix and keep its last row."""
        rows = []
        for t in range(len(self.x)):
            k = max(min(2, t + 1), (t + 1) // self.sparsity)
            kept = torch.zeros(len(self.x), dtype=torch.bool)
            kept[self.scores[: t + 1].topk(k).indices] = True
            rows.append(self.among(kept)[t])
        return torch.stack(rows)

    def everybody_kept(self) -> Tensor:
        """Let the taken tokens read all tokens before them."""
        everybody = self.among(torch.ones_like(self.taken))
        return everybody.masked_fill(~self.taken[:, None], 0)


def check_decode(decode: Callable[..., Tensor] | None) -> Verdict:
    """Check one head that reads a text token by token, under the prefix rule, without rotation."""
    head = _PrefixHead()

    def parallel(f: Answer) -> Mistake:
        found = f(head.x, head.w_router, head.w_qkv, head.w_out, head.sparsity)
        if mistake := misshapen(found, head.x.shape, "that of x, "):
            return mistake
        mistakes = [
            (head.among(head.taken, gated=False), "The gate is missing."),
            (head.selected_again(), "You ran top-k again: tokens leave the cache. Nobody leaves."),
            (head.everybody_kept(), "Your cache keeps every token; a refused one stores nothing."),
        ]
        if mistake := named(found, found, "", mistakes):
            return mistake
        if bool((found[~head.taken] != 0).any()):
            return "A token that is refused gets 0 from this head."
        if bool(found.isnan().any()) or float(found[0].abs().max()) < 1e-6:
            return "Token 0 attends to itself: put its pair into the cache before you attend."
        return named(found, head.among(head.taken), "Not equal to the head that sees all at once.")

    return examine(decode, [("equal to the parallel head", parallel)])


def check_recall(recall: Callable[[Tensor, Tensor], float] | None) -> Verdict:
    """Check the share of kept tokens that a predictor finds."""
    kept = torch.zeros(64, dtype=torch.bool)
    kept[[3, 20, 41, 60]] = True
    guess = torch.zeros(64, dtype=torch.bool)
    guess[[3, 20, 41, 50, 51, 52]] = True

    def found(f: Answer) -> Mistake:
        value = float(f(guess, kept))
        mistakes = [
            (float((guess == kept).float().mean()), "That is accuracy."),
            (3 / 6, "That is precision: of the predicted, how many were kept."),
        ]
        return named(value, 3 / 4, "Of the 4 kept tokens, the guess finds 3: .75.", mistakes)

    def nobody(f: Answer) -> Mistake:
        right = float(f(torch.zeros_like(kept), kept)) == 0
        return None if right else "A predictor that always says no finds nobody: 0."

    return examine(recall, [("the found among the kept", found), ("0 for always no", nobody)])
