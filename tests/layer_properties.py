"""What every package of layers must hold: properties take one and raise AssertionError.

A package is `mosa_edu` or an edited copy of it; `package.build` is its `attention.build`.
"""

import torch
from loops import assert_equals_loops, close, exact_router, texts

from mosa_edu.config import SPARSE_KINDS
from mosa_edu.head_kinds import kinds

D_MODEL = 6


def build(package, kind, n_heads=3, sparsity=4, max_seq_len=32, **more):
    torch.manual_seed(0)
    layer = package.build.build_sparse(
        kind, D_MODEL, 8, n_heads=n_heads, sparsity=sparsity, max_seq_len=max_seq_len, **more
    )
    return exact_router(layer.double()).eval()


def equals_loops(package):
    """Value and gradient are those of the loop specification."""
    for first in (False, True):
        assert_equals_loops(build(package, "mosa", include_first=first), texts(2, 23, D_MODEL, 99))


def router_learns(package):
    """Gradient reaches the router through the gates of its picks."""
    for kind in kinds(in_config=True, routed=True):
        layer = build(package, kind)
        layer(texts(1, 16, D_MODEL, 99)).square().sum().backward()
        gradient = layer.selector.router.weight.grad
        assert gradient is not None, kind
        assert gradient.abs().sum() > 0, kind


def ties_go_to_the_earlier(package):
    """Equal tokens: the earliest are kept, by every rule that ranks."""
    x = texts(1, 16, D_MODEL, 1)
    for kind, expected in (("mosa", [0, 1, 2, 3]), ("prefix", [0])):
        selection = build(package, kind).selector(x)
        used = selection.indices if selection.valid is None else selection.indices[selection.valid]
        assert used.view(1, 3, -1).tolist() == [[expected] * 3]


def short_texts_keep_two(package):
    """k is floor(T / rho), but 2 on short texts and T on shorter ones."""
    for T, k in ((1, 1), (2, 2), (5, 2), (11, 2), (15, 3)):
        assert build(package, "mosa").selector(texts(1, T, D_MODEL, 99)).indices.shape[-1] == k


def rows_do_not_meet(package):
    """A text has one result, whatever lies beside it in the batch."""
    for kind in ("mosa", "prefix", "routing"):
        layer, x = build(package, kind), texts(3, 16, D_MODEL, 99)
        close(layer(x)[1:2], layer(x[1:2]), kind)


def padding_changes_nothing(package):
    """A padded row is the row alone, and pads sit in no head."""
    mask = torch.ones(2, 24, dtype=torch.bool)
    mask[0, 11:] = False  # 13 pads: no multiple of the stride
    for kind in SPARSE_KINDS:
        for one in (mask, mask.flip(1)):
            layer, x = build(package, kind), texts(2, 24, D_MODEL, 99)
            close(layer(x, one)[0, one[0]], layer(x[:1, one[0]])[0], kind)


def causal_rules_ignore_the_future(package):
    """No later token changes an earlier row, also where slots run out."""
    for kind in kinds(sparse=True, in_config=True, causal=True):
        layer = build(package, kind, sparsity=8, capacity_factor=1.0)
        x = torch.randn(1, 32, D_MODEL, dtype=torch.float64)
        y = layer(x)
        for s in range(1, 32):
            other = x.clone()
            other[:, s:] = torch.randn(1, 32 - s, D_MODEL)
            assert torch.equal(layer(other)[:, :s], y[:, :s]), kind


def prefixes_are_decided_alike(package):
    """A prefix alone is computed as it is inside the whole text."""
    for kind in kinds(sparse=True, in_config=True, causal=True):
        layer = build(package, kind, sparsity=8, capacity_factor=1.0)
        x = texts(1, 32, D_MODEL, 99)
        for t in (3, 8, 20, 27):
            close(layer(x[:, :t]), layer(x)[:, :t], kind)


def statistics_are_of_the_past(package):
    """A training call selects with the old statistics; evaluation moves none."""
    for kind, name in (("threshold", "threshold"), ("token", "bias"), ("routing", "centroids")):
        layer, x = build(package, kind), texts(2, 32, D_MODEL, 99)
        y = layer(x)
        buffer = dict(layer.named_buffers())[f"selector.{name}" if kind != "routing" else name]
        old = buffer.clone()
        layer(x)
        assert torch.equal(buffer, old), kind
        close(layer.train()(x), y, kind)
        assert not torch.equal(buffer, old), kind


def routing_equals_loops(package):
    """Value and gradient of routing heads are those of the loops."""
    assert_equals_loops(build(package, "routing"), torch.randn(2, 18, D_MODEL).double())


def causal_rules_equal_loops(package):
    """Value and gradient of the causal heads are those of the loops."""
    for kind in kinds(in_config=True, sparse=True, causal=True):
        assert_equals_loops(build(package, kind, sparsity=8), texts(2, 24, D_MODEL, 99))


PROPERTIES = (
    equals_loops,
    router_learns,
    ties_go_to_the_earlier,
    short_texts_keep_two,
    rows_do_not_meet,
    padding_changes_nothing,
    causal_rules_ignore_the_future,
    prefixes_are_decided_alike,
    statistics_are_of_the_past,
    routing_equals_loops,
    causal_rules_equal_loops,
)
