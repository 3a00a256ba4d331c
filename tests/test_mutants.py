"""A zoo of wrong layers: each differs from ours by one edit, and a named property kills it.

A mutant is a real edit of our source, imported as a package of its own, so it also tells when the
line it was made from has gone. Properties take a package and raise AssertionError; all of them
hold for the unedited copy.
"""

import importlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from loops import assert_equals_loops, close, exact_router, texts

import mosa_edu

D_MODEL = 6
SOURCES = ("checks.py", "config.py", "costs", "selection", "attention")


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
    layer = build(package, "mosa")
    layer(texts(1, 16, D_MODEL, 99)).square().sum().backward()
    gradient = layer.selector.router.weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


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
    for kind in ("mosa", "prefix", "fixed", "random", "threshold", "token", "routing"):
        for one in (mask, mask.flip(1)):
            layer, x = build(package, kind), texts(2, 24, D_MODEL, 99)
            close(layer(x, one)[0, one[0]], layer(x[:1, one[0]])[0], kind)


def causal_rules_ignore_the_future(package):
    """No later token changes an earlier row, also where slots run out."""
    for kind in ("prefix", "threshold", "token"):
        layer = build(package, kind, sparsity=8, capacity_factor=1.0)
        x = torch.randn(1, 32, D_MODEL, dtype=torch.float64)
        y = layer(x)
        for s in range(1, 32):
            other = x.clone()
            other[:, s:] = torch.randn(1, 32 - s, D_MODEL)
            assert torch.equal(layer(other)[:, :s], y[:, :s]), kind


def prefixes_are_decided_alike(package):
    """A prefix alone is computed as it is inside the whole text."""
    for kind in ("prefix", "threshold", "token", "fixed", "random"):
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


def ragged_equal_loops(package):
    """Value and gradient of the causal heads are those of the loops."""
    for kind in ("prefix", "threshold", "token"):
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
    ragged_equal_loops,
)


@dataclass(frozen=True)
class Mutant:
    """One edit: in `file`, `right` becomes `wrong`; `killer` must notice."""

    name: str
    file: str
    right: str
    wrong: str
    killer: object


SPARSE, ROUTING = "attention/sparse.py", "attention/routing.py"
RANKING, RAGGED = "selection/ranking.py", "selection/ragged.py"
EXPERT, PREFIX = "selection/expert_choice.py", "selection/prefix_top_k.py"
GATED, TOP_K = "attended * gates", "indices = top_k_positions(ranked, kept("

MUTANTS = [
    Mutant(
        "score order under a triangular mask",
        RANKING,
        "return chosen.sort(dim=-1).values",
        "return chosen",
        equals_loops,
    ),
    Mutant(
        "rotary angle of the rank, not of the position",
        SPARSE,
        "cos, sin = cos[indices], sin[indices]",
        "cos, sin = cos[:k], sin[:k]",
        equals_loops,
    ),
    Mutant("overwritten, not added", SPARSE, ".index_add_(", ".index_copy_(", equals_loops),
    Mutant("no gate", SPARSE, GATED, "attended + 0 * gates", equals_loops),
    Mutant("gated twice", SPARSE, GATED, "attended * gates * gates", equals_loops),
    Mutant(
        "gates renormalised over the head",
        SPARSE,
        GATED,
        "attended * gates / gates.sum(2, keepdim=True)",
        equals_loops,
    ),
    Mutant(
        "gate cut off from the router",
        SPARSE,
        GATED,
        "attended * gates.detach()",
        router_learns,
    ),
    Mutant("attention sees all", SPARSE, "is_causal=True", "is_causal=False", equals_loops),
    Mutant("rows of the batch mixed up", SPARSE, "if B > 1:", "if B > 9:", rows_do_not_meet),
    Mutant(
        "softmax over heads",
        EXPERT,
        "router_logits.gather(-1, indices).sigmoid()",
        "router_logits.softmax(1).gather(-1, indices)",
        equals_loops,
    ),
    Mutant(
        "raw logit as gate",
        EXPERT,
        "router_logits.gather(-1, indices).sigmoid()",
        "router_logits.gather(-1, indices)",
        equals_loops,
    ),
    Mutant(
        "first token gated by 1",
        EXPERT,
        "router_logits.gather(-1, indices).sigmoid()",
        "ranked.gather(-1, indices).sigmoid()",
        equals_loops,
    ),
    Mutant(
        "one choice for the whole batch",
        EXPERT,
        TOP_K,
        TOP_K.replace("ranked", "ranked.mean(0, True).expand_as(ranked)"),
        rows_do_not_meet,
    ),
    Mutant(
        "k rounded up",
        "costs/quotas.py",
        "max(seq_len // sparsity, 2)",
        "max(-(-seq_len // sparsity), 2)",
        short_texts_keep_two,
    ),
    Mutant(
        "no floor of two",
        "costs/quotas.py",
        "max(seq_len // sparsity, 2)",
        "max(seq_len // sparsity, 1)",
        short_texts_keep_two,
    ),
    Mutant(
        "ties as torch.topk leaves them",
        RANKING,
        "torch.compiler.is_compiling() or bool(odd.any())",
        "False",
        ties_go_to_the_earlier,
    ),
    Mutant(
        "k from the padded length",
        RANKING,
        "lengths = real.sum(dim=1)",
        "lengths = real.shape[1] + 0 * real.sum(dim=1)",
        padding_changes_nothing,
    ),
    Mutant(
        "pads compete",
        RANKING,
        "router_logits.masked_fill(~real[:, None], -torch.inf)",
        "router_logits",
        padding_changes_nothing,
    ),
    Mutant(
        "pads counted in the prefix",
        PREFIX,
        "seen = places(real)[:, None] + 1",
        "seen = torch.arange(1, real.shape[1] + 1)",
        padding_changes_nothing,
    ),
    Mutant(
        "strides counted from a pad",
        "selection/strided.py",
        "places(real) % self.sparsity",
        "torch.arange(T) % self.sparsity",
        padding_changes_nothing,
    ),
    Mutant(
        "unused slots gated",
        "selection/packing.py",
        ".masked_fill(~valid, 0.0)",
        "",
        ragged_equal_loops,
    ),
    Mutant(
        "rivals from the future",
        PREFIX,
        "earlier.tril(diagonal=start - 1)",
        "earlier",
        causal_rules_ignore_the_future,
    ),
    Mutant(
        "ties in the prefix to the later",
        PREFIX,
        "router_logits - TIE * router_logits",
        "router_logits + TIE * router_logits",
        ties_go_to_the_earlier,
    ),
    Mutant(
        "quota of the whole text for every prefix",
        PREFIX,
        "(seen + self.sparsity - 1)",
        "(seen.max() + self.sparsity - 1)",
        prefixes_are_decided_alike,
    ),
    Mutant(
        "slots counted from the current text",
        RAGGED,
        "router_logits.sigmoid(), self.capacity)",
        "router_logits.sigmoid(), -(-x.shape[1] // self.sparsity))",
        prefixes_are_decided_alike,
    ),
    Mutant(
        "refused by score",
        "selection/packing.py",
        "(~chosen).to(torch.uint8).sort(dim=-1, stable=True).indices[..., :slots]",
        "gates.masked_fill(~chosen, -1).topk(slots, dim=-1).indices",
        causal_rules_ignore_the_future,
    ),
    Mutant(
        "threshold from this very text",
        "selection/threshold.py",
        "router_logits > self.threshold[:, None]",
        "router_logits > router_logits.mean(-1, keepdim=True)",
        causal_rules_ignore_the_future,
    ),
    Mutant(
        "statistics move before the selection",
        RAGGED,
        "wanted = self.wants(ranked, real, x)",
        "self.training and self.learn(ranked, ranked > 0, real); "
        "wanted = self.wants(ranked, real, x)",
        statistics_are_of_the_past,
    ),
    Mutant(
        "statistics move in evaluation",
        RAGGED,
        "if self.training:",
        "if True:",
        statistics_are_of_the_past,
    ),
    Mutant(
        "biased gate",
        RAGGED,
        "router_logits.sigmoid(), self.capacity)",
        "(router_logits + 1).sigmoid(), self.capacity)",
        ragged_equal_loops,
    ),
    Mutant(
        "token choice by worst head",
        "selection/token_choice.py",
        "rank_of_each(by_token)",
        "rank_of_each(-by_token)",
        ragged_equal_loops,
    ),
    Mutant(
        "sum over clusters",
        ROUTING,
        "total / times.clamp(min=1)",
        "total",
        routing_equals_loops,
    ),
    Mutant(
        "clusters of the unnormed vectors",
        ROUTING,
        "shared = F.layer_norm(shared, (self.d_head,))",
        "shared = shared * 1.0",
        routing_equals_loops,
    ),
    Mutant(
        "clustered after the rotation",
        ROUTING,
        "rotated = rotate(shared, cos, sin)",
        "rotated = rotate(shared, cos, sin); clusters = self._cluster(rotated.detach(), real)",
        routing_equals_loops,
    ),
    Mutant(
        "centroids move in evaluation",
        ROUTING,
        "if self.training:",
        "if True:",
        statistics_are_of_the_past,
    ),
]


class Zoo:
    """Import copies of the package, edited or not, each under a name of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    def copy(self, mutant=None):
        self.count += 1
        name = f"mutant_{self.count}"
        target = self.folder / name
        target.mkdir()
        (target / "__init__.py").touch()
        origin = Path(mosa_edu.__file__).parent
        for source in SOURCES:
            copy = shutil.copytree if (origin / source).is_dir() else shutil.copy
            copy(origin / source, target / source)
        for path in target.rglob("*.py"):
            text = path.read_text()
            if mutant and path == target / mutant.file:
                times = text.count(mutant.right)
                assert times == 1, f"{mutant.right!r} stands {times} times in {mutant.file}"
                text = text.replace(mutant.right, mutant.wrong)
            path.write_text(text.replace("mosa_edu", name))
        return SimpleNamespace(build=importlib.import_module(f"{name}.attention.build"))

    def forget(self):
        for name in [name for name in sys.modules if name.startswith(f"mutant_{self.count}")]:
            del sys.modules[name]


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    zoo = Zoo(tmp_path)
    yield zoo
    zoo.forget()


def test_the_layers_have_every_property(zoo):
    package = zoo.copy()
    for check in PROPERTIES:
        check(package)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_killed_by_its_property(zoo, mutant):
    package = zoo.copy(mutant)
    with pytest.raises(AssertionError):
        mutant.killer(package)
