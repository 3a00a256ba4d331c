"""Selectors of a few heads with exact scores, and how to read what they selected."""

from loops import exact

from mosa_edu.attention.hybrid import build_selector
from mosa_edu.config import SPARSE_KINDS
from mosa_edu.head_kinds import HEAD_KINDS, kinds

D_MODEL = 4
KINDS = tuple(name for name in SPARSE_KINDS if HEAD_KINDS[name].selector)
VARIABLE = kinds(capacity="variable")


def make(kind, n_heads=3, sparsity=4, max_seq_len=40, **more):
    """A selector with exact scores in float64."""
    shape = {"d_model": D_MODEL, "n_heads": n_heads, "sparsity": sparsity}
    selector = build_selector(kind, **shape, max_seq_len=max_seq_len, **more)
    if hasattr(selector, "router"):
        selector.double()
        selector.router.weight.data = exact(n_heads, D_MODEL)
    return selector


def positions(selection, b, h):
    """Positions in the used slots of one head."""
    indices = selection.indices[b, h]
    used = indices if selection.valid is None else indices[selection.valid[b, h]]
    return used.tolist()
