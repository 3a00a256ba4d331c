"""Checks of chapter 3: scores, the router's gradient, margins."""

from collections.abc import Callable

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, named, near


def check_scores(router_scores: Callable[[Tensor, Tensor], Tensor] | None) -> Verdict:
    """Check a function from tokens (B, T, d) and a router (H, d) to scores (B, H, T)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 7, 5, generator=generator)
    weight = torch.randn(3, 5, generator=generator)
    logits = (x @ weight.T).transpose(1, 2)

    def shape(f: Answer) -> Mistake:
        found = tuple(f(x, weight).shape)
        if found == (2, 7, 3):
            return "The shape is (B, T, H); heads come second: (B, H, T)."
        return None if found == (2, 3, 7) else f"The shape is {found}, not (B, H, T) = (2, 3, 7)."

    def values(f: Answer) -> Mistake:
        found = f(x, weight)
        softmax = "That is a softmax over {0}: a score must not depend on other {0}."
        mistakes = [
            (logits.softmax(2), softmax.format("tokens")),
            (logits.softmax(1), softmax.format("heads")),
            (logits, "These are the logits; the sigmoid is missing."),
        ]
        otherwise = "Not equal to sigmoid(x . w): is there a bias, or a sum too many?"
        return named(found, logits.sigmoid(), otherwise, mistakes)

    return examine(router_scores, [("heads second", shape), ("sigmoid of each logit", values)])


def check_gradient(router_gradient: Callable[[Tensor, Tensor, Tensor], Tensor] | None) -> Verdict:
    """Check the slope of the sum of gated outputs in every logit, worked out by hand."""
    generator = torch.Generator().manual_seed(1)
    logits, outputs = torch.randn(2, 9, generator=generator)
    kept = logits.topk(3).indices.sort().values
    scores = logits.sigmoid()
    slopes = outputs * scores * (1 - scores)
    right = torch.zeros(9)
    right[kept] = slopes[kept]

    def gradient(f: Answer) -> Mistake:
        found = f(logits, outputs, kept)
        if near(found[kept], (outputs * scores)[kept]):
            return "That is the output a * r; the slope of the sigmoid adds the factor 1 - r."
        mistakes = [
            (torch.zeros(9), "All zero: you detached the gate. It is the router's only path."),
            (slopes, "Right for the kept tokens, but the others learn nothing: their slope is 0."),
        ]
        otherwise = "Not the slope of a * sigmoid(z) at the kept tokens."
        return named(found, right, otherwise, mistakes)

    return examine(router_gradient, [("kept tokens only, a r (1 - r)", gradient)])


def check_margins(margins: Callable[[Tensor, int], Tensor] | None) -> Verdict:
    """Check the distance of every logit from its head's cut."""
    logits = torch.randn(4, 11, generator=torch.Generator().manual_seed(2))
    ranked = logits.sort(dim=1, descending=True).values

    def margin(f: Answer) -> Mistake:
        for k in (1, 3, 11):
            found, right = f(logits, k), logits - ranked[:, k - 1 : k]
            if k > 1 and near(found, logits - ranked[:, :1]):
                return "That is the distance from the best token; the cut is the k-th."
            if k < 11 and near(found, logits - ranked[:, k : k + 1]):
                return "The cut is the last one kept, not the first one left out."
            if not near(found, right):
                return f"Wrong at k = {k}: subtract the k-th best logit of each head."
        return None

    return examine(margins, [("0 at the k-th best", margin)])
