"""Checks of chapter 3: scores, the router's gradient, margins."""

from collections.abc import Callable

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, misshapen, named, near


def check_scores(router_scores: Callable[[Tensor, Tensor], Tensor] | None) -> Verdict:
    """Check a function from tokens (B, T, d) and a router (H, d) to scores (B, H, T)."""
    generator = torch.Generator().manual_seed(0)
    given = [
        (torch.randn(B, T, d, generator=generator), torch.randn(H, d, generator=generator))
        for B, T, d, H in ((2, 7, 5, 3), (1, 4, 6, 2))
    ]

    def shape(f: Answer) -> Mistake:
        found = f(*given[0])
        if tuple(found.shape) == (2, 7, 3):
            return "The shape is (B, T, H); heads come second: (B, H, T)."
        return misshapen(found, (2, 3, 7), "(B, H, T) = ")

    def values(f: Answer) -> Mistake:
        softmax = "That is a softmax over {0}: a score must not depend on other {0}."
        otherwise = "Not equal to sigmoid(x . w): is there a bias, or a sum too many?"
        for x, weight in given:
            logits = (x @ weight.T).transpose(1, 2)
            mistakes = [
                (logits.softmax(2), softmax.format("tokens")),
                (logits.softmax(1), softmax.format("heads")),
                (logits, "These are the logits; the sigmoid is missing."),
            ]
            if mistake := named(f(x, weight), logits.sigmoid(), otherwise, mistakes):
                return mistake
        return None

    return examine(router_scores, [("heads second", shape), ("sigmoid of each logit", values)])


def check_gradient(router_gradient: Callable[[Tensor, Tensor, Tensor], Tensor] | None) -> Verdict:
    """Check the slope of the sum of gated outputs in every logit, worked out by hand."""
    generator = torch.Generator().manual_seed(1)

    def gradient(f: Answer) -> Mistake:
        for T, positions in ((9, None), (9, [0, 4, 5, 7]), (6, [2])):
            logits, outputs = torch.randn(2, T, generator=generator)
            best = logits.topk(3).indices.sort().values
            kept = best if positions is None else torch.tensor(positions)
            scores = logits.sigmoid()
            slopes = outputs * scores * (1 - scores)

            def of(chosen: Tensor, values: Tensor) -> Tensor:
                return torch.zeros_like(values).index_copy(0, chosen, values[chosen])

            found = f(logits, outputs, kept)
            if mistake := misshapen(found, logits.shape, "that of the logits, "):
                return mistake
            if near(found[kept], (outputs * scores)[kept]):
                return "That is the output a * r; the slope of the sigmoid adds the factor 1 - r."
            mistakes = [
                (0 * logits, "All zero: you detached the gate. It is the router's only path."),
                (slopes, "Right for kept tokens, but the others learn nothing: their slope is 0."),
                (of(best, slopes), "You chose the tokens yourself: `kept` says which they are."),
            ]
            otherwise = "Not the slope of a * sigmoid(z) at the kept tokens."
            if mistake := named(found, of(kept, slopes), otherwise, mistakes):
                return mistake
        return None

    return examine(router_gradient, [("kept tokens only, a r (1 - r)", gradient)])


def check_margins(margins: Callable[[Tensor, int], Tensor] | None) -> Verdict:
    """Check the distance of every logit from its head's cut."""
    logits = torch.randn(4, 11, generator=torch.Generator().manual_seed(2))

    def margin(f: Answer) -> Mistake:
        for k in (1, 3, 11):
            found, ranked = f(logits, k), logits.sort(dim=1, descending=True).values
            if near(found, logits - ranked[:, k - 1 : k]):
                continue
            if k > 1 and near(found, logits - ranked[:, :1]):
                return "That is the distance from the best token; the cut is the k-th."
            if k < 11 and near(found, logits - ranked[:, k : k + 1]):
                return "The cut is the last one kept, not the first one left out."
            otherwise = f"Wrong at k = {k}: subtract the k-th best logit of each head."
            return named(found, logits - ranked[:, k - 1 : k], otherwise)
        return None

    def equals(f: Answer) -> Mistake:
        tied = torch.tensor([[2.0, 1.0, 2.0, 2.0, 0.0, 1.0]])
        otherwise = "Of 2, 1, 2, 2, 0, 1 the third best is 2: equal logits take a place each."
        return named(f(tied, 3), tied - 2, otherwise)

    return examine(margins, [("0 at the k-th best", margin), ("equal logits", equals)])
