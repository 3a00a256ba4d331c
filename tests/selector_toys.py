"""Selectors of a few heads with exact scores, and how to read what they selected."""

from loops import exact

from mosa_edu.selection import (
    ExpertChoice,
    PrefixTopK,
    RandomChoice,
    Strided,
    Threshold,
    TokenChoice,
)

D_MODEL = 4
KINDS = ("mosa", "fixed", "random", "prefix", "threshold", "token")
RAGGED = ("prefix", "threshold", "token")


def make(kind, n_heads=3, sparsity=4, max_seq_len=40, **more):
    """A selector with exact scores in float64."""
    if kind == "mosa":
        selector = ExpertChoice(D_MODEL, n_heads, sparsity, **more)
    elif kind in ("fixed", "random"):
        rule = {"fixed": Strided, "random": RandomChoice}[kind]
        selector = rule(n_heads, sparsity, **more)
    else:
        rule = {"prefix": PrefixTopK, "threshold": Threshold, "token": TokenChoice}[kind]
        selector = rule(D_MODEL, n_heads, sparsity, max_seq_len, **more)
    if hasattr(selector, "router"):
        selector.double()
        selector.router.weight.data = exact(n_heads, D_MODEL)
    return selector


def positions(selection, b, h):
    """Positions in the used slots of one head."""
    indices = selection.indices[b, h]
    used = indices if selection.valid is None else indices[selection.valid[b, h]]
    return used.tolist()
