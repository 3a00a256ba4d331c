"""Checks of chapter 10: two causal rules, decoding token by token, and the recall of a guess."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises.verdict import (
    Answer,
    Mistake,
    Verdict,
    examine,
    misshapen,
    named,
    near,
    number_of,
    tensor_of,
)
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
        fits = tuple(found.shape) == (12,) and found.dtype == torch.bool
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

    def equals(f: Answer) -> Mistake:
        some = torch.randint(3, (24,), generator=generator) / 2
        for scores in (torch.zeros(8), some):
            found = f(scores, 4)
            if not torch.equal(found, _prefix_rule(scores, 4)):
                return (
                    "Of equal scores the earlier wins: of eight at sparsity 4 the first alone is "
                    f"taken. Of {len(scores)} tokens you take {found.nonzero()[:, 0].tolist()}."
                )
        return None

    properties = [("one decision a token", shape), ("blind to the future", blind_to_the_future)]
    properties += [("the right quota", quota), ("ties to the earlier", equals)]
    return examine(wanted, properties)


def _mask_and_number(answer: Any) -> tuple[Tensor, float]:
    mask, number = answer
    return tensor_of(mask), number_of(number)


def check_threshold(step: Callable[..., tuple[Tensor, float]] | None) -> Verdict:
    """Check one step of a threshold in training: select, then move the threshold."""
    scores = torch.tensor([0.20, 0.80, 0.25, 0.90, 0.50, 0.75])

    def old_threshold(f: Answer) -> Mistake:
        found, _ = f(scores, 0.70, 2, 0.5)
        if found.dtype != torch.bool or found.shape != scores.shape:
            return "The selection is one True or False a token: bool, shape (T,)."
        if torch.equal(found, scores > 0.75):
            return "You moved the threshold first: this text then decides about itself."
        right = torch.equal(found, scores > 0.70)
        return None if right else "Take the tokens whose score exceeds the old threshold."

    def equals(f: Answer) -> Mistake:
        tied = torch.tensor([0.5, 0.25, 0.75, 0.625, 1.0, 0.75, 0.5])
        found, moved = f(tied, 0.5, 3, 0.5)
        if torch.equal(found, tied >= 0.5):
            return "A score equal to the threshold does not exceed it: > and not >=."
        if not torch.equal(found, tied > 0.5):
            return "Take the tokens whose score exceeds the threshold that you were given."
        return named(moved, 0.625, "Equal scores take a place each: the third best of all is .75.")

    def moved(f: Answer) -> Mistake:
        for level, decay, k, best in ((0.70, 0.9, 2, 0.80), (0.40, 0.6, 4, 0.50)):
            _, found = f(scores, level, k, decay)
            left_out = float(scores.sort(descending=True).values[k])
            mistakes = [
                ((1 - decay) * level + decay * best, "The decay is the weight of the OLD one."),
                (
                    decay * level + (1 - decay) * left_out,
                    "That is the best score left out; move to the k-th best.",
                ),
                (
                    decay * level + (1 - decay) * 0.90,
                    "That is the best score; move to the k-th best.",
                ),
                (level, "The threshold does not move."),
            ]
            otherwise = "decay * threshold + (1 - decay) * k-th best score."
            right = decay * level + (1 - decay) * best
            if mistake := named(found, right, otherwise, mistakes, rtol=0):
                return mistake
        return None

    properties = [("selects by the old threshold", old_threshold), ("then moves", moved)]
    wanted = "the selection, bool (T,), and the new threshold"
    return examine(step, [*properties, ("equal scores", equals)], _mask_and_number, wanted)


class _PrefixHead:
    """One head on one text, in the ways in which a decoder may get it right or wrong."""

    def __init__(self, T: int = 15, d_head: int = 4, sparsity: int = 3, words: int = 0) -> None:
        generator = torch.Generator().manual_seed(3)
        self.sparsity = sparsity
        self.x = torch.randn(T, 8, generator=generator)
        self.w_router = torch.randn(8, generator=generator)
        self.w_qkv = torch.randn(8, 3 * d_head, generator=generator)
        self.w_out = torch.randn(d_head, 8, generator=generator)
        if words:  # few, and scores without rounding: equal ones are equal however they are summed
            vocabulary = (self.x[:words] * 4).round() / 4
            self.x = vocabulary[torch.randint(words, (T,), generator=generator)]
            self.w_router = (self.w_router * 4).round() / 4
        self.scores = self.x @ self.w_router
        self.taken = _prefix_rule(self.scores, self.sparsity)

    def decoded(self, f: Answer) -> Tensor:
        """Let a reader's function read the text."""
        found: Tensor = f(self.x, self.w_router, self.w_qkv, self.w_out, self.sparsity)
        return found

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

    def parallel(f: Answer) -> Mistake:
        head = _PrefixHead()
        found = head.decoded(f)
        if mistake := misshapen(found, head.x.shape, "that of x, "):
            return mistake
        mistakes = [
            (head.among(head.taken, gated=False), "The gate is missing."),
            (head.selected_again(), "You ran top-k again: tokens leave the cache. Nobody leaves."),
            (head.everybody_kept(), "Your cache keeps every token; a refused one stores nothing."),
        ]
        for wrong, words in mistakes:
            if near(found, wrong):
                return words
        if bool((found[~head.taken] != 0).any()):
            return "A token that is refused gets 0 from this head."
        if bool(found.isnan().any()) or float(found[0].abs().max()) < 1e-6:
            return "Token 0 attends to itself: put its pair into the cache before you attend."
        return named(found, head.among(head.taken), "Not equal to the head that sees all at once.")

    def other_texts(f: Answer) -> Mistake:
        head = _PrefixHead(T=10, d_head=2, sparsity=2)
        otherwise = "Another text, d_head = 2, sparsity 2: not equal to the parallel head."
        return named(head.decoded(f), head.among(head.taken), otherwise)

    def equals(f: Answer) -> Mistake:
        head = _PrefixHead(T=18, words=3)
        taken = head.decoded(f).abs().sum(dim=1) > 1e-6
        if not torch.equal(taken, head.taken):
            return "A text of three words: of equal scores the earlier wins, as in exercise 1."
        return named(head.decoded(f), head.among(head.taken), "A text of three words is decoded.")

    properties = [("equal to the parallel head", parallel), ("any text", other_texts)]
    return examine(decode, [*properties, ("ties to the earlier", equals)])


def check_recall(recall: Callable[[Tensor, Tensor], float] | None) -> Verdict:
    """Check the share of kept tokens that a predictor finds."""

    def marked(T: int, positions: list[int]) -> Tensor:
        return torch.zeros(T, dtype=torch.bool).index_fill(0, torch.tensor(positions), True)

    kept = marked(64, [3, 20, 41, 60])

    def found(f: Answer) -> Mistake:
        guess = marked(64, [3, 20, 41, 50, 51, 52])
        mistakes = [
            (float((guess == kept).float().mean()), "That is accuracy."),
            (3 / 6, "That is precision: of the predicted, how many were kept."),
            (3 / 7, "That is the overlap, over either; recall divides by the kept."),
        ]
        return named(f(guess, kept), 3 / 4, "The guess finds 3 of the 4 kept tokens.", mistakes)

    def others(f: Answer) -> Mistake:
        guess, few = marked(6, [0, 2]), marked(6, [0, 1, 2, 4, 5])
        return named(f(guess, few), 2 / 5, "The guess finds 2 of 5 kept tokens, of 6.")

    def nobody(f: Answer) -> Mistake:
        right = f(torch.zeros_like(kept), kept) == 0
        return None if right else "A predictor that always says no finds nobody: 0."

    properties = [("the found among the kept", found), ("0 for always no", nobody)]
    return examine(recall, [*properties, ("any text", others)], number_of, "one number")
