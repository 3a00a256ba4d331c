"""Protects the mask zoo: the page applies the package's own rules, at any length and sparsity.

Wrong versions that must fail here: k rounded up or without its floor of two, a prefix rule that
counts later tokens, random draws that differ from `RandomChoice`, a window that shrinks with the
text, pairs above the diagonal.
"""

import itertools

import numpy as np
import pytest
import torch
from figure_pages import (
    FigureContract,
    LiveFigure,
    load_module,
    open_figure,
    refuses,
    stored_output,
    write_page,
)
from page_words import said_by_zoo

from mosa_edu.analysis import recorded_trace
from mosa_edu.selection import RandomChoice
from mosa_edu.texts import PROBES
from mosa_edu.viz.components.mask_zoo import SPARSITIES, MaskZoo, zoo_masks

TEXTS = {name.capitalize(): recorded_trace(name) for name in ("clocks", "list", "night")}
CLOCKS = TEXTS["Clocks"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    widget = MaskZoo(TEXTS, layer=2, head=15, query=56)
    return write_page(tmp_path_factory.mktemp("zoo"), widget)


def test_masks_of_a_trace_are_the_heads_own():
    for layer, head in np.ndindex(CLOCKS.layers, CLOCKS.heads):
        own = np.flatnonzero(np.diagonal(zoo_masks(CLOCKS, layer, head)[4].pairs))
        assert own.tolist() == CLOCKS.selected(layer, head).tolist()


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_only_mosa_depends_on_what_comes_later(sparsity):
    rewritten = dict.fromkeys(("Dense", "Local", "Fixed", "Random", "MoSA", "Prefix top-k"), 0)
    for tokens, head in itertools.product((2, 9, 40, 87), range(0, 16, 3)):
        now, later = (zoo_masks(CLOCKS, 3, head, sparsity=sparsity, tokens=n) for n in (tokens, 88))
        for mask, whole in zip(now, later, strict=True):
            assert not np.triu(mask.pairs, 1).any()
            rewritten[mask.name] += int((mask.pairs != whole.pairs[:tokens, :tokens]).sum())
    assert rewritten.pop("MoSA") > 0
    assert set(rewritten.values()) == {0}


def test_page_keeps_what_python_keeps(chromium):
    page = chromium.new_page()
    load_module(page, "mask_zoo/masks.js")
    grid = list(itertools.product(("List", "Night"), (0, 3), (4, 15), SPARSITIES, (3, 64, None)))
    calls = [
        {"T": tokens or TEXTS[text].T, "length": TEXTS[text].T, "sparsity": sparsity, "seed": head}
        | {"order": TEXTS[text].order[layer, head].tolist()}
        for text, layer, head, sparsity, tokens in grid
    ]
    found = page.evaluate(
        """(calls) => calls.map((call) => own.zooMasks(call).map((mask) => [
          own.NAMES[mask.name], mask.rule, own.pairsOf(mask, call.T),
          Array.from({ length: call.T }, (_, t) => own.keysOf(mask, t)),
        ]))""",
        calls,
    )
    page.close()
    for (text, layer, head, sparsity, tokens), masks in zip(grid, found, strict=True):
        expected = zoo_masks(TEXTS[text], layer, head, sparsity=sparsity, tokens=tokens, seed=head)
        for (name, rule, pairs, keys), mask in zip(masks, expected, strict=True):
            where = (text, layer, head, sparsity, tokens, name)
            assert (name, rule, pairs) == (mask.name, mask.rule, int(mask.pairs.sum())), where
            assert keys == [np.flatnonzero(row).tolist() for row in mask.pairs], where


def test_page_draws_as_random_choice_does(chromium):
    page = chromium.new_page()
    load_module(page, "mask_zoo/masks.js")
    drawn = "own.zooMasks({ T, length: T, sparsity, seed, order: [] })[3].kept"
    for T, sparsity, seed in itertools.product((5, 64, 255), (1, 7, 32), (0, 1, 2**32 - 1)):
        own = RandomChoice(1, sparsity, seed).eval()(torch.zeros(1, T, 1))
        kept = own.indices if own.valid is None else own.indices[own.valid]
        found = page.evaluate(f"([T, sparsity, seed]) => {drawn}", [T, sparsity, seed])
        assert found == kept.flatten().tolist()
    page.close()


def test_first_frame_and_its_table(visit, address):
    shown = open_figure(visit, address)
    assert shown.text(".finding") == said_by_zoo(CLOCKS, 2, 15)
    assert "“it” at 56" in shown.text(".detail")
    kinds = shown.all(".square .note:nth-of-type(2)", "node.textContent.split(' · ')[1]")
    assert kinds == [*("✓ causal",) * 4, "✕ sees ahead", "✓ causal"]
    *rows, totals = shown.table()
    masks = zoo_masks(CLOCKS, 2, 15)
    read = [[int(mask.pairs[t].sum()) for mask in masks] for t in range(CLOCKS.T)]
    assert [[int(cell) for cell in row[2:]] for row in rows] == read
    assert totals[2:] == [f"{int(mask.pairs.sum()):,}" for mask in masks]


def test_pointer_previews_and_click_keeps_a_row(visit, address):
    shown = open_figure(visit, address)
    box = shown.one(".square svg").bounding_box()
    where = box["x"] + 40, box["y"] + box["height"] * 20.5 / CLOCKS.T
    shown.page.mouse.move(*where)
    shown.until_text(".detail", " at 20,")
    assert "tok=20" not in shown.page.url
    shown.page.mouse.move(2, 2)
    shown.until_text(".detail", " at 56,")
    shown.page.mouse.click(*where)
    shown.until("() => location.hash.includes('tok=20&mask=dense')")
    shown.one('[data-t="30"]').click()
    shown.page.keyboard.press("ArrowLeft")
    shown.until_text(".detail", " at 29,")
    assert shown.in_root("return root.activeElement.dataset.t;") == "29"
    shown.until_text("[role=status].hidden", "29 reads")
    row = zoo_masks(CLOCKS, 2, 15)[1].pairs[29].sum()
    assert f"{row} in Local" in shown.text("[role=status].hidden")


def test_shorter_text_says_what_goes_on(visit, address):
    shown = open_figure(visit, address, "zoo=clocks&l=2&h=15&n=78&tok=56")
    shown.slider("Tokens of the text").press("ArrowLeft")
    tokens = int(shown.slider("Tokens of the text").input_value())
    now, later = (zoo_masks(CLOCKS, 2, 15, tokens=n)[4].pairs for n in (tokens, CLOCKS.T))
    changed = int((now != later[:tokens, :tokens]).any(axis=1).sum())
    assert changed > 0
    expected = f"MoSA rewrites {changed} of these {tokens} rows; the other five rules rewrite none"
    assert expected in shown.text(".ahead")
    assert shown.text(".pill") == f"What if: scores as at {CLOCKS.T} tokens"
    shown.page.keyboard.press("Escape")
    shown.until_text(".pill", "Stored example")


def test_every_token_says_whether_it_is_kept_and_read(visit, address):
    """Catches a list in which only the token under study has a name of its own."""
    shown = open_figure(visit, address)
    classes = ", ".join(f"node.classList.contains('{name}')" for name in ("at", "in", "att"))
    tokens = shown.all(".tok", f"[node.getAttribute('aria-label'), {classes}]")
    others = [(name, kept, read) for name, at, kept, read in tokens if not at]
    assert len(others) == len(tokens) - 1
    assert any(kept for _, kept, _ in others)
    for name, kept, read in others:
        assert (", kept" in name, ", read by the row" in name) == (kept, read)


class TestContract(FigureContract):
    parts = (".finding", ".detail", ".squares")
    targets = ":is(button, select, input)"
    hostile = (
        "zoo=%3Cimg%20src=x%20onerror=window.hurt=1%3E&l=9&h=99&rho=5&n=0&tok=-1&mask=__proto__",
        "zoo=clocks&n=1e9&tok=999999999&rho=constructor&view=constructor",
        "zoo=&tok=" + "7" * 9000,
    )

    def journey(self, shown):
        shown.button("Next head").click()
        shown.choose("16")
        shown.one('[data-t="50"]').click()

    def check_hostile(self, shown):
        assert shown.text(".finding").endswith("pairs from the whole text.")


def test_copied_cell_gives_the_numbers_of_the_view(visit, address):
    shown = open_figure(visit, address, "zoo=list&l=3&h=5&rho=16&n=70&tok=50&mask=prefix")
    masks = zoo_masks(TEXTS["List"], 3, 5, sparsity=16, tokens=70)
    expected = [f"{m.name} {int(m.pairs.sum())} {int(m.pairs[50].sum())}" for m in masks]
    assert shown.printed() == expected
    assert f"all,pairs,{int(masks[0].pairs.sum())}," in shown.saved("CSV")


def test_python_reads_and_sets_what_the_reader_studies(chromium):
    live = LiveFigure(chromium.new_page(), MaskZoo(TEXTS, layer=2, head=15, query=56))
    live.set(layer=3, head=4, query=20)
    assert live.text(".finding").startswith("L3·H4 picks")
    assert " at 20," in live.text(".detail")
    live.button("Previous head").click()
    assert live.shared("layer", "head", "query") == [3, 3, 20]
    live.set(tokens=9)
    assert " at 8," in live.text(".detail")
    live.page.close()


def test_notebook_stores_the_same_element_and_every_probe_fits():
    stored = stored_output(lambda: MaskZoo(TEXTS, layer=2, head=15))
    assert stored["text/plain"] == "MaskZoo(layer=2, head=15, sparsity=8, tokens=88, query=87)"
    zoo = MaskZoo({name: recorded_trace(name) for name in PROBES})
    assert [text["title"] for text in zoo.data["texts"]] == list(PROBES)


def test_what_does_not_fit_is_refused():
    refuses("traces must be at least one", MaskZoo, {})
    refuses(r"head must be in \[0, 16\)", MaskZoo, CLOCKS, head=16)
    refuses(r"query must be in \[0, 88\)", MaskZoo, CLOCKS, query=88)
    refuses("tokens must be from 2 to 88", zoo_masks, CLOCKS, 0, 0, tokens=89)
    refuses("sparsity must be", zoo_masks, CLOCKS, 0, 0, sparsity=0)
    refuses("layer must be in", setattr, MaskZoo(CLOCKS), "layer", 4)
    refuses("tokens must be", setattr, MaskZoo(CLOCKS), "tokens", 1)
