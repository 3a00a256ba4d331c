"""Protects the mask zoo: the page applies the package's own rules, at any length and sparsity.

Wrong versions that must fail here: k rounded up or without its floor of two, a prefix rule that
counts later tokens, random draws that differ from `RandomChoice`, a window that shrinks with the
text, pairs above the diagonal.
"""

import contextlib
import io
import itertools

import numpy as np
import pytest
from figure_pages import (
    PHONE,
    LiveFigure,
    load_module,
    open_figure,
    serious_findings,
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


def keys_by_row(masks):
    """Return how many keys each row reads under each mask."""
    return [[int(mask.pairs[t].sum()) for mask in masks] for t in range(len(masks[0].pairs))]


def test_masks_of_a_trace_are_the_heads_own():
    for layer, head in itertools.product(range(CLOCKS.layers), range(CLOCKS.heads)):
        mosa = zoo_masks(CLOCKS, layer, head)[4]
        assert np.flatnonzero(mask_diagonal(mosa)).tolist() == CLOCKS.selected(layer, head).tolist()


def mask_diagonal(mask):
    return np.diagonal(mask.pairs)


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


@pytest.mark.browser
def test_page_keeps_what_python_keeps(chromium):
    page = chromium.new_page()
    load_module(page, "mask_zoo/masks.js")
    grid = list(itertools.product(("List", "Night"), (0, 3), (4, 15), SPARSITIES, (3, 64, None)))
    calls = [
        {
            "T": tokens or TEXTS[text].T,
            "length": TEXTS[text].T,
            "sparsity": sparsity,
            "seed": head,
            "order": TEXTS[text].order[layer, head].tolist(),
        }
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


@pytest.mark.browser
def test_page_draws_as_random_choice_does(chromium):
    import torch

    page = chromium.new_page()
    load_module(page, "mask_zoo/masks.js")
    draw = (
        "([T, sparsity, seed]) => own.zooMasks({ T, length: T, sparsity, seed, order: [] })[3].kept"
    )
    for T, sparsity, seed in itertools.product((5, 64, 255), (1, 7, 32), (0, 1, 2**32 - 1)):
        drawn = RandomChoice(1, sparsity, seed).eval()(torch.zeros(1, T, 1))
        kept = drawn.indices if drawn.valid is None else drawn.indices[drawn.valid]
        assert page.evaluate(draw, [T, sparsity, seed]) == kept.flatten().tolist()
    page.close()


@pytest.mark.browser
def test_first_frame_and_its_table(visit, address):
    shown = open_figure(visit, address)
    assert shown.text(".finding") == said_by_zoo(CLOCKS, 2, 15)
    assert "“it” at 56" in shown.text(".detail")
    kinds = shown.page.locator("mosa-mask-zoo .square .note:nth-of-type(2)").all_text_contents()
    assert [kind.split(" · ")[1] for kind in kinds] == [
        *("✓ causal",) * 4,
        "✕ sees ahead",
        "✓ causal",
    ]
    *rows, totals = shown.table()
    masks = zoo_masks(CLOCKS, 2, 15)
    assert [[int(cell) for cell in row[2:]] for row in rows] == keys_by_row(masks)
    assert totals[2:] == [f"{int(mask.pairs.sum()):,}" for mask in masks]


@pytest.mark.browser
def test_pointer_previews_and_click_keeps_a_row(visit, address):
    shown = open_figure(visit, address)
    box = shown.one(".square svg").bounding_box()
    where = box["x"] + 40, box["y"] + box["height"] * 20.5 / CLOCKS.T
    shown.page.mouse.move(*where)
    shown.until("(root) => root.querySelector('.detail').textContent.includes(' at 20,')")
    assert "tok=20" not in shown.page.url
    shown.page.mouse.move(2, 2)
    shown.until("(root) => root.querySelector('.detail').textContent.includes(' at 56,')")
    shown.page.mouse.click(*where)
    shown.until("() => location.hash.includes('tok=20&mask=dense')")
    shown.one('[data-t="30"]').click()
    shown.page.keyboard.press("ArrowLeft")
    shown.until("(root) => root.querySelector('.detail').textContent.includes(' at 29,')")
    assert shown.page.evaluate(f"{shown.root}.activeElement.dataset.t") == "29"
    row = zoo_masks(CLOCKS, 2, 15)[1].pairs[29].sum()
    shown.until(
        "(root) => root.querySelector('[role=status].hidden').textContent.includes('29 reads')"
    )
    assert f"{row} in Local" in shown.text("[role=status].hidden")


@pytest.mark.browser
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
    shown.until("(root) => root.querySelector('.pill').textContent === 'Stored example'")


@pytest.mark.browser
def test_every_token_says_whether_it_is_kept_and_read(visit, address):
    """Catches a list in which only the token under study has a name of its own."""
    shown = open_figure(visit, address)
    script = """(tokens) => tokens.map((token) => {
      const has = (name) => token.classList.contains(name);
      return [token.getAttribute("aria-label"), has("at"), has("in"), has("att")];
    })"""
    tokens = shown.page.locator("mosa-mask-zoo .tok").evaluate_all(script)
    others = [(name, kept, read) for name, at, kept, read in tokens if not at]
    assert len(others) == len(tokens) - 1
    assert any(kept for _, kept, _ in others)
    for name, kept, read in others:
        assert (", kept" in name, ", read by the row" in name) == (kept, read)


@pytest.mark.browser
def test_view_is_a_link_and_its_cell_gives_the_numbers(visit, address):
    shown = open_figure(visit, address, "zoo=list&l=3&h=4&rho=4&n=70&tok=50&mask=prefix")
    shown.page.keyboard.press("Tab")
    shown.button("Next head").click()
    shown.page.get_by_role("radio", name="16", exact=True).click()
    again = open_figure(visit, address, shown.link())
    again.until_says(shown.text(".finding"))
    assert again.text(".squares") == shown.text(".squares")
    masks = zoo_masks(TEXTS["List"], 3, 5, sparsity=16, tokens=70)
    expected = [f"{m.name} {int(m.pairs.sum())} {int(m.pairs[50].sum())}" for m in masks]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(again.copied_python(), {})
    assert printed.getvalue().splitlines() == expected
    assert f"all,pairs,{int(masks[0].pairs.sum())}," in again.saved("CSV")
    assert again.text(".finding") in again.saved("Save SVG")


@pytest.mark.browser
@pytest.mark.parametrize(
    "fragment",
    [
        "zoo=%3Cimg%20src=x%20onerror=window.hurt=1%3E&l=9&h=99&rho=5&n=0&tok=-1&mask=__proto__",
        "zoo=clocks&n=1e9&tok=999999999&rho=constructor&view=constructor",
        "zoo=&tok=" + "7" * 9000,
    ],
)
def test_hostile_fragments_are_shown_as_text(visit, address, fragment):
    shown = open_figure(visit, address, fragment)
    shown.table()
    shown.assert_harmless()
    assert shown.text(".finding").endswith("pairs from the whole text.")
    assert "NaN" not in shown.text(".card")


@pytest.mark.browser
def test_phone_has_no_sideways_scrolling_and_large_targets(visit, address):
    open_figure(visit, address, **PHONE).assert_fits_a_phone(":is(button, select, input)")


@pytest.mark.browser
def test_python_reads_and_sets_what_the_reader_studies(chromium):
    page = chromium.new_page()
    live = LiveFigure(page, MaskZoo(TEXTS, layer=2, head=15, query=56))
    for name, value in (("layer", 3), ("head", 4), ("query", 20)):
        live.set(name, value)
    assert live.text(".finding").startswith("L3·H4 picks")
    assert " at 20," in live.text(".detail")
    page.get_by_role("button", name="Previous head").click()
    assert [live.shared(name) for name in ("layer", "head", "query")] == [3, 3, 20]
    live.set("tokens", 9)
    assert " at 8," in live.text(".detail")
    page.close()


@pytest.mark.browser
def test_axe_finds_nothing_in_either_theme(visit, address):
    assert serious_findings(open_figure(visit, address).page) == []


def test_notebook_stores_the_same_element_every_time():
    stored = stored_output(lambda: MaskZoo(TEXTS, layer=2, head=15))
    assert stored["text/plain"] == "MaskZoo(layer=2, head=15, sparsity=8, tokens=88, query=87)"


def test_every_probe_fits_the_zoo():
    zoo = MaskZoo({name: recorded_trace(name) for name in PROBES})
    assert [text["title"] for text in zoo.data["texts"]] == list(PROBES)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="traces must be at least one"):
        MaskZoo({})
    with pytest.raises(ValueError, match=r"head must be in \[0, 16\)"):
        MaskZoo(CLOCKS, head=16)
    with pytest.raises(ValueError, match=r"query must be in \[0, 88\)"):
        MaskZoo(CLOCKS, query=88)
    with pytest.raises(ValueError, match="tokens must be from 2 to 88"):
        zoo_masks(CLOCKS, 0, 0, tokens=89)
    with pytest.raises(ValueError, match="sparsity must be"):
        zoo_masks(CLOCKS, 0, 0, sparsity=0)
    zoo = MaskZoo(CLOCKS)
    with pytest.raises(ValueError, match="layer must be in"):
        zoo.layer = 4
    with pytest.raises(ValueError, match="tokens must be"):
        zoo.tokens = 1
