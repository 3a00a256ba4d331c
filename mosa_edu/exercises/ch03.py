"""Checks of chapter 3: scores, the router's gradient, margins."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mosa_edu.exercises.verdict import Verdict, examine


def check_scores(router_scores: Callable[[Tensor, Tensor], Tensor] | None) -> Verdict:
    """Check a function from tokens (B, T, d) and a router (H, d) to scores (B, H, T)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 7, 5, generator=generator)
    weight = torch.randn(3, 5, generator=generator)
    logits = (x @ weight.T).transpose(1, 2)

    def shape(f: Callable[..., Any]) -> str | None:
        found = tuple(f(x, weight).shape)
        if found == (2, 7, 3):
            return "The shape is (B, T, H); heads come second: (B, H, T)."
        return None if found == (2, 3, 7) else f"The shape is {found}, not (B, H, T) = (2, 3, 7)."

    def values(f: Callable[..., Any]) -> str | None:
        found = f(x, weight)
        for axis, over in ((2, "tokens"), (1, "heads")):
            if torch.allclose(found, logits.softmax(axis), atol=1e-5):
                return f"That is a softmax over {over}: a score must not depend on other {over}."
        if torch.allclose(found, logits, atol=1e-5):
            return "These are the logits; the sigmoid is missing."
        if not torch.allclose(found, logits.sigmoid(), atol=1e-5):
            return "Not equal to sigmoid(x . w): is there a bias, or a sum too many?"
        return None

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

    def gradient(f: Callable[..., Any]) -> str | None:
        found = f(logits, outputs, kept)
        if torch.allclose(found, right, atol=1e-5):
            return None
        if torch.allclose(found, torch.zeros(9)):
            return "All zero: you detached the gate. It is the router's only path."
        if torch.allclose(found, slopes, atol=1e-5):
            return "Right for the kept tokens, but the others learn nothing: their slope is 0."
        if torch.allclose(found[kept], (outputs * scores)[kept], atol=1e-5):
            return "That is the output a * r; the slope of the sigmoid adds the factor 1 - r."
        return "Not the slope of a * sigmoid(z) at the kept tokens."

    return examine(router_gradient, [("kept tokens only, a r (1 - r)", gradient)])


def check_margins(margins: Callable[[Tensor, int], Tensor] | None) -> Verdict:
    """Check the distance of every logit from its head's cut."""
    logits = torch.randn(4, 11, generator=torch.Generator().manual_seed(2))
    ranked = logits.sort(dim=1, descending=True).values

    def margin(f: Callable[..., Any]) -> str | None:
        for k in (1, 3, 11):
            found = f(logits, k)
            if k > 1 and torch.allclose(found, logits - ranked[:, :1], atol=1e-6):
                return "That is the distance from the best token; the cut is the k-th."
            if k < 11 and torch.allclose(found, logits - ranked[:, k : k + 1], atol=1e-6):
                return "The cut is the last one kept, not the first one left out."
            if not torch.allclose(found, logits - ranked[:, k - 1 : k], atol=1e-6):
                return f"Wrong at k = {k}: subtract the k-th best logit of each head."
        return None

    return examine(margins, [("0 at the k-th best", margin)])
