"""Protects the budget explorer: every number of the page is the integer that Python counts.

Wrong versions that must fail here: a head count that is rounded or divided as floats, an attention
whose causal half is cut, scores that are charged for kept tokens alone, the capacity of a ragged
head rounded down, a k that moves while it is said to be fixed.
"""

import itertools
from dataclasses import replace

import pytest
from figure_pages import (
    FigureContract,
    LiveFigure,
    load_module,
    open_figure,
    refuses,
    stored_output,
    write_page,
)

from mosa_edu.config import SPARSE_KINDS
from mosa_edu.costs import (
    KINDS,
    PAPER_BASELINES,
    HeadShape,
    head_flops,
    isoflop_heads,
    isoparameter_heads,
    kv_slots,
    model_flops,
    model_parameters,
)
from mosa_edu.experiments.plans import load_plan
from mosa_edu.head_kinds import HEAD_KINDS
from mosa_edu.viz.components.budget import BudgetExplorer, budget_rows

LENGTHS = (16, 100, 256, 1000, 1024, 4097, 131072)
SPARSITIES = (1, 3, 8, 64, 256)


def dense_models():
    return BudgetExplorer()._baselines


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("budget"), BudgetExplorer())


def rows_of(model, T, kind, sparsity, given):
    return budget_rows(replace(model, max_seq_len=T), kind, sparsity=sparsity, given=given)


@pytest.mark.parametrize("kind", SPARSE_KINDS)
def test_rows_are_the_counts_of_the_two_models(kind):
    for name, T, sparsity in itertools.product(("tiny", "large"), (100, 1024), (3, 64)):
        dense = replace(PAPER_BASELINES[name], max_seq_len=T)
        found = {row[0]: row[1:] for row in budget_rows(dense, kind, sparsity=sparsity, given=5)}
        kept = dense.n_dense_heads - 5
        bought = found["Heads exchanged, same FLOPs"][1]
        hybrid = replace(
            dense, sparse=kind, sparsity=sparsity, n_dense_heads=kept, n_sparse_heads=bought
        )
        for measured, row in (
            (lambda model: model_flops(model).total, "FLOPs of the model"),
            (lambda model: model_parameters(model).total, "Parameters of the model"),
            (kv_slots, "KV pairs of a layer"),
        ):
            assert found[row] == (measured(dense), measured(hybrid))
        assert found["FLOPs of the model"][1] <= found["FLOPs of the model"][0]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_head_counts_are_those_of_equal_budgets(kind):
    for T, sparsity in itertools.product((256, 1024), (8, 64)):
        shape = HeadShape(d_model=512, d_head=64, seq_len=T, sparsity=sparsity)
        found = {row[0]: row[2] for row in rows_of(PAPER_BASELINES["tiny"], T, kind, sparsity, 5)}
        assert found["Heads exchanged, same FLOPs"] == isoflop_heads(kind, shape, 9)
        assert found["Heads exchanged, same parameters"] == isoparameter_heads(kind, shape, 9)
        assert found["FLOPs of a head"] == head_flops(kind, shape).total


def test_books_model_buys_the_heads_of_its_twin():
    rows = {row[0]: row[2] for row in rows_of(dense_models()["explorer"], 256, "mosa", 8, 2)}
    assert rows["Heads exchanged, same FLOPs"] == load_plan("isoflop").model("mosa").n_sparse_heads


def test_page_counts_what_python_counts(chromium):
    page = chromium.new_page()
    load_module(page, "engine/costs.js")
    kinds = {name: [kind.label, kind.slots, kind.vectors] for name, kind in HEAD_KINDS.items()}
    rows = "Object.entries(own.HEAD_KINDS).map(([name, row]) => [name, Object.values(row)])"
    assert dict(page.evaluate(rows)) == kinds
    models = BudgetExplorer().data["models"]
    grid = list(itertools.product(models, KINDS[1:], LENGTHS, SPARSITIES, (1, 3)))
    count = """(grid) => grid.map(([model, kind, T, sparsity, given]) => {
      const found = own.budgetOf(model, { kind, T, sparsity: Math.min(sparsity, T), given });
      const head = [found.slots, ...Object.values(found.sparse), found.bought,
        found.sameParameters, own.headParameters(kind, found.shape),
        own.headPairs(kind, found.shape)];
      return [...head, ...found.flops, ...found.parameters, ...found.pairs];
    })"""
    found = page.evaluate(count, grid)
    page.close()
    assert len(found) == len(grid)
    order = [0, 1, 2, 3, 4, 5, 8, 9, 6, 7]  # as the rows stand
    for (model, kind, T, sparsity, given), numbers in zip(grid, found, strict=True):
        rows = rows_of(dense_models()[model["name"]], T, kind, sparsity, given)
        head = [rows[i][2] for i in order]
        totals = [value for row in rows[11:] for value in row[1:]]
        assert numbers == head + totals, (model["name"], kind, T, sparsity, given)
        assert max(numbers) < 2**53


def test_first_frame_is_the_papers_example(visit, address):
    shown = open_figure(visit, address)
    assert shown.text(".finding") == "Five dense heads buy 505 MoSA heads."
    assert "16 of 1,024 tokens; scoring them all is 20 % of its cost" in shown.text(".detail")
    drawn = shown.text(".body")
    for part in ("505 MoSA, one square each", "27.9 million423 million", "9,21612,176"):
        assert part in drawn
    assert "The same parameters would buy 4 MoSA heads" in drawn
    rows = rows_of(PAPER_BASELINES["tiny"], 1024, "mosa", 64, 5)
    assert shown.table() == [[name, f"{one:,}", f"{two:,}"] for name, one, two in rows]


def test_regime_says_what_stays_when_the_text_grows(visit, address):
    shown = open_figure(visit, address)
    shown.slider("Tokens").press("ArrowRight")
    assert "32 of 2,048 tokens" in shown.text(".detail")
    shown.choose("k fixed")
    shown.slider("Tokens").press("ArrowRight")
    assert " = 128 a MoSA head works on 32 of 4,096 tokens" in shown.text(".detail")
    assert shown.slider("Sparsity").count() == 0
    shown.slider("Tokens kept").press("ArrowLeft")
    assert "works on 16 of 4,096" in shown.text(".detail")
    for key, says in (("End", "Nine dense heads buy"), ("Escape", "Five dense heads buy 505")):
        shown.slider("Dense heads given up").press(key)
        shown.until_says(says)


@pytest.mark.parametrize(("model", "kind"), [("large", "predictor"), ("explorer", "local")])
def test_copied_cell_prints_the_table(visit, address, model, kind):
    shown = open_figure(visit, address, f"budget={model}&kind={kind}&t=1000&by=rho&rho=7&give=1")
    assert shown.printed() == [f"{name}: {one} -> {two}" for name, one, two in shown.table()]


class TestContract(FigureContract):
    parts = (".finding", ".detail", ".body")
    targets = ":is(button, select, input)"
    hostile = (
        "budget=%3Cimg%20src=x%20onerror=window.hurt=1%3E&kind=__proto__&t=-1&rho=0&give=99",
        "budget=tiny&t=999999999&by=k&k=0&give=0&view=constructor",
        "budget=constructor&kind=dense&t=" + "7" * 9000,
    )

    def journey(self, shown):
        shown.one("select").select_option(label="Small (paper)")
        shown.page.get_by_label("Heads to buy").select_option(label="fixed")
        shown.slider("Tokens").press("ArrowLeft")
        shown.until("() => location.hash.includes('budget=small')")
        assert "it scores none" in shown.text(".detail")
        assert "KV pairs of a layer,4608," in shown.saved("CSV")

    def check_hostile(self, shown):
        assert any(f" {words}" in shown.text(".finding") for words in ("heads buy", "head buys"))


WORD_BOXES = """(picture) => {
  const box = (node) => node.getBoundingClientRect();
  const { right, bottom } = box(picture);
  const plain = ({ left, top, right, bottom }) => ({ left, top, right, bottom });
  const words = [...picture.querySelectorAll("text")];
  return [{ right, bottom }, words.map((word) => [word.textContent, plain(box(word))])];
}"""


@pytest.mark.parametrize("width", [360, 704, 776])
@pytest.mark.parametrize(
    "view", ["tiny", "large&kind=prefix&t=131072&by=k&k=64&give=16", "small&kind=routing"]
)
def test_words_stay_inside_the_picture_and_off_each_other(visit, address, width, view):
    size = {"width": width, "height": 780}
    shown = open_figure(visit, address, f"budget={view}", viewport=size)
    edge, words = shown.one(".body svg").evaluate(WORD_BOXES)
    for text, box in words:
        assert box["right"] <= edge["right"] + 1, text
        assert box["bottom"] <= edge["bottom"] + 1, text
    for (one, a), (other, b) in itertools.combinations(words, 2):
        apart = a["right"] <= b["left"] + 1 or b["right"] <= a["left"] + 1
        apart = apart or a["bottom"] <= b["top"] + 2 or b["bottom"] <= a["top"] + 2
        assert apart, (one, other)


def test_python_reads_and_sets_what_the_reader_studies(chromium):
    live = LiveFigure(chromium.new_page(), BudgetExplorer())
    live.set(tokens=2048)
    assert "32 of 2,048 tokens" in live.text(".detail")
    live.set(kind="fixed", given=1)
    assert live.text(".finding").startswith("One dense head buys")
    live.choose("k fixed")
    live.slider("Tokens").press("ArrowRight")
    assert live.shared("tokens", "sparsity", "given") == [4096, 128, 1]
    live.set(sparsity=16)
    assert "= 16 a fixed head works on 256 of 4,096" in live.text(".detail")
    assert live.shared("kind") == ["fixed"]
    live.page.close()


def test_notebook_stores_the_same_element_every_time():
    stored = stored_output(lambda: BudgetExplorer("small", tokens=512))
    expected = "BudgetExplorer(preset='small', kind='mosa', tokens=512, sparsity=64, given=5)"
    assert stored["text/plain"] == expected
    assert "<td>Heads exchanged, same FLOPs</td>" in stored["text/html"]


def test_what_does_not_fit_is_refused():
    for settings, message in (
        ({"preset": "huge"}, "preset must be one of"),
        ({"kind": "dense"}, "kind must be one of"),
        ({"tokens": 1}, "tokens must be"),
        ({"tokens": 2**18}, "tokens must be in"),
        ({"sparsity": 0}, "sparsity must be"),
        ({"given": 10}, "given must be at most 9"),
    ):
        refuses(message, BudgetExplorer, **settings)
