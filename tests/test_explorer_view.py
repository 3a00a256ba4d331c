"""Protects what readers see and touch: every head's words, preview and keeping, keys, links."""

import itertools

import numpy as np
import pytest
from explorer_pages import show
from page_words import said_of

from mosa_edu.viz.words import specialists, token_labels


def assert_says(shown, trace, layer, head):
    """Hold sentence, second line and picks against what Python says of a head."""
    found = said_of(trace, layer, head)
    assert shown.text(".finding") == found.sentence
    assert shown.text(".detail") == " ".join(found.detail.split())
    assert shown.picked() == trace.selected(layer, head).tolist()


def test_first_frame_is_the_head_that_python_chose(visit, explorer_site):
    shown = show(visit, explorer_site)
    trace, widget = explorer_site.first, explorer_site.widget
    assert_says(shown, trace, widget.layer, widget.head)
    assert shown.studied() == widget.selected in trace.selected(widget.layer, widget.head)
    chips = shown.every("header .chip").all_text_contents()
    assert chips == [f"{s.chip} L{s.layer}·H{s.head}" for s in specialists(trace)][:5]
    assert shown.text(".pill") == "Stored example"
    assert shown.one("figure").count() == 0  # the fallback has gone


@pytest.mark.parametrize("title", ["Letter", "Heads", "Same word", "Short", "Full"])
def test_every_head_says_what_python_says(kept_page, explorer_site, title):
    """Walks all heads of an example with one key, as a reader may."""
    trace = explorer_site.traces[title]
    kept_page.go(f"ex={title.lower().replace(' ', '-')}&layer=2&head=4")
    kept_page.until_tokens(trace.T)
    kept_page.token(0).focus()
    kept_page.press("Home")
    for layer, head in np.ndindex(3, 5):
        kept_page.press("]")
        assert_says(kept_page, trace, layer, head)


def test_numbers_of_every_token_are_those_of_the_trace(kept_page, explorer_site):
    shown = kept_page.go("ex=letter&layer=1&head=2&tok=0&view=table")
    trace = explorer_site.first
    labels = token_labels([token.text for token in trace.tokens])
    scores, kept = trace.router_scores()[1, 2], trace.selected(1, 2).tolist()
    order = trace.order[1, 2].tolist()
    cut = scores[order[trace.k - 1]]
    cells = "[...node.cells].map((cell) => cell.textContent)"
    rows = shown.all(".table-scroll tbody tr", cells)
    assert len(rows) == trace.T
    for rank, (row, t) in enumerate(zip(rows, order, strict=True), start=1):
        margin = f"{scores[t] - cut:+.3f}".replace("-", "\N{MINUS SIGN}").replace("0.", ".", 1)
        score, heads = f"{scores[t]:.3f}".removeprefix("0"), f"{trace.heads_per_token()[t]}"
        expected = [str(rank), str(t), labels[t], score, margin[1:]]
        assert [*row[:4], row[4][1:]] == expected
        assert (row[5], row[7]) == ("yes" if t in kept else "no", heads)


def test_readout_names_score_rank_margin_and_heads(kept_page, explorer_site):
    trace = explorer_site.first
    order, scores = trace.order[1, 2].tolist(), trace.router_scores()[1, 2]
    best, first_out = order[0], order[trace.k]
    for t, where in ((best, "in"), (first_out, "out")):
        shown = kept_page.go(f"ex=letter&layer=1&head=2&tok={t}")
        said = shown.text(".readout")
        assert f"position {t}score {scores[t]:.3f}".replace("0.", ".") in said
        assert f"rank {order.index(t) + 1} of {trace.T}{where}" in said
        assert f"{trace.heads_per_token()[t]} of 15 heads" in said


def test_equal_words_at_the_cut_are_called_level(kept_page, explorer_site):
    """One word forty times: in layer 0 all scores are equal, and the earlier positions win."""
    trace = explorer_site.traces["Same word"]
    assert trace.selected(0, 0).tolist() == list(range(trace.k))
    shown = kept_page.go(f"ex=same-word&layer=0&head=0&tok={trace.k}")
    assert "out, level with the cut; the earlier position wins" in shown.text(".readout")
    assert "(level: the earlier position wins)" in shown.text(".why .note")


def test_hover_previews_and_leaves_no_trace_click_keeps(kept_page, explorer_site):
    shown = kept_page.go("ex=letter&layer=1&head=2&tok=3")
    before = shown.page.url
    shown.token(9).hover()
    shown.settle()
    assert shown.studied() == 9
    assert shown.text(".name") == "Preview: click to keep, Esc to return"
    shown.page.mouse.move(2, 2)
    shown.settle()
    assert (shown.studied(), shown.page.url) == (3, before)
    shown.keep(9)
    assert shown.studied() == 9
    assert "tok=9" in shown.page.url


def test_overview_previews_head_and_token_together(kept_page, explorer_site):
    shown = kept_page.go("ex=letter&layer=2&head=4&tok=0")
    canvas = shown.one("canvas.overview")
    canvas.hover(position={"x": 300, "y": 14})
    shown.settle()
    assert shown.text(".finding").startswith("Layer 0, head 1")
    assert shown.studied() > 0
    shown.page.keyboard.press("Escape")
    canvas.click(position={"x": 300, "y": 14})
    shown.settle()
    shown.page.mouse.move(2, 2)
    shown.settle()
    assert shown.text(".finding").startswith("Layer 0, head 1")


def test_hovered_pair_lights_both_tokens(kept_page, explorer_site):
    shown = kept_page.go("ex=letter&layer=1&head=2")
    picks = explorer_site.first.selected(1, 2).tolist()
    panel = "section[aria-label='This head, gathered']"
    canvas = shown.one(f"{panel} canvas")
    box = canvas.bounding_box()
    canvas.hover(position={"x": box["width"] - 6, "y": 6})
    shown.settle()
    assert shown.studied() == picks[0]
    canvas.hover(position={"x": box["width"] - 204 + 6, "y": 196})
    shown.settle()
    assert shown.studied() == picks[-1]
    assert shown.one(".tok.lit[data-t]").get_attribute("data-t") == str(picks[0])
    assert " looks at " in shown.text(f"{panel} .note")


def test_everything_by_keyboard(kept_page, explorer_site):
    shown = kept_page.go("ex=letter&layer=1&head=2&tok=5")
    last = explorer_site.first.T - 1
    shown.token(5).focus()
    steps = ((["ArrowRight"] * 2, 7), (["ArrowLeft"], 6), (["Home"], 0))
    steps += ((["End", "ArrowRight"], last),)
    for keys, studied in steps:
        shown.press(*keys)
        assert shown.studied() == studied
    for key, head in (("ArrowDown", 3), ("ArrowUp", 2), ("]", 3), ("[", 2)):
        shown.press(key)
        assert f"head {head} keeps" in shown.text(".finding")
    shown.one("canvas.overview").focus()
    shown.press("ArrowUp")
    assert "Layer 1, head 1" in shown.text(".finding")
    shown.page.get_by_role("radio", name="1", exact=True).focus()
    shown.press("ArrowRight")
    assert "Layer 2, head 1" in shown.text(".finding")
    shown.press("Escape")
    widget = explorer_site.widget
    assert f"Layer {widget.layer}, head {widget.head} " in shown.text(".finding")


def test_tab_stops_once_in_the_text_and_once_in_the_overview(kept_page, explorer_site):
    shown = kept_page.go("ex=letter")
    stops = ".tok[tabindex='0']"
    assert len(shown.all(stops, "node.className")) == 1
    shown.keep(4)
    assert shown.all(stops, "node.dataset.t") == ["4"]


def test_another_k_is_called_a_what_if(kept_page, explorer_site):
    trace = explorer_site.first
    shown = kept_page.go("ex=letter&layer=1&head=2&k=20")
    assert shown.picked() == sorted(trace.order[1, 2, :20].tolist())
    assert f"What if k were 20: scores held as traced at k = {trace.k}." in shown.text(".detail")
    assert "weights only with the live model" in shown.text("section[aria-label$=gathered] .note")
    slider = shown.page.get_by_role("slider")
    slider.focus()
    shown.press(*["ArrowLeft"] * (20 - trace.k))
    assert shown.picked() == trace.selected(1, 2).tolist()
    assert "What if" not in shown.text(".detail")
    assert "k=" not in shown.page.url.replace("tok=", "")


VIEWS = (
    "ex=letter&layer=1&head=2&tok=3",
    "ex=heads&layer=2&head=0&k=5&tok=1&view=table",
    "ex=short&layer=0&head=4&tok=1&map=scores&sort=similar",
)


def told(shown):
    words = [shown.text(part) for part in (".finding", ".detail", ".readout", ".everyone .note")]
    return [*words, shown.picked(), shown.one(".table-view").is_visible()]


@pytest.mark.parametrize("fragment", VIEWS)
def test_every_view_is_a_link(kept_page, fragment):
    kept_page.go(fragment).token(2).click()
    kept_page.settle()
    before, link = told(kept_page), kept_page.page.url.partition("#")[2]
    kept_page.go("ex=letter")
    assert told(kept_page) != before
    kept_page.go(link)
    assert told(kept_page) == before


def test_link_opens_its_view_on_a_new_page(visit, kept_page, explorer_site):
    kept_page.go(VIEWS[2])
    assert told(show(visit, explorer_site, VIEWS[2])) == told(kept_page)


def test_link_to_what_is_not_there_falls_to_the_first_frame(kept_page, explorer_site):
    script = "<img src=x onerror=window.hurt=1>"
    shown = kept_page.go(f"ex={script}&layer=77&head={script}&tok=9999&view={script}")
    widget = explorer_site.widget
    assert f"Layer {widget.layer}, head {widget.head} " in shown.text(".finding")
    assert "The link asks for what is not here" in shown.text(".told")
    shown.assert_harmless()


def test_fetched_example_comes_when_it_is_asked_for(visit, explorer_site):
    shown = show(visit, explorer_site, "ex=full&layer=2&head=3")
    shown.until_tokens(256)
    assert_says(shown, explorer_site.traces["Full"], 2, 3)


def test_pictures_are_drawn_where_the_numbers_say(kept_page, explorer_site):
    """Reads pixels of the masks: orange only in the row under study, blue at picked pairs."""
    shown = kept_page.go("ex=letter&layer=1&head=2")
    trace = explorer_site.first
    kept = trace.selected(1, 2).tolist()
    pairs = list(itertools.product(kept, kept))
    colours = shown.in_root(
        """const [T, pairs] = argument;
        const canvas = root.querySelector("section[aria-label='This head'] canvas");
        const cell = canvas.width / T;
        const at = ([i, j]) => [(j + 0.5) * cell, (i + 0.5) * cell, 1, 1];
        const context = canvas.getContext("2d");
        return pairs.map((pair) => [...context.getImageData(...at(pair)).data]);""",
        [trace.T, pairs],
    )
    blue, orange = (0, 114, 178), (213, 94, 0)
    for (i, j), colour in zip(pairs, colours, strict=True):
        expected = orange if i == kept[-1] else blue
        near = np.abs(np.array(colour[:3]) - expected).max() < 12
        assert near == (j <= i)


def test_second_line_keeps_its_room_where_no_head_keeps_a_kind(kept_page):
    """Catches words cut off by the bar below them, as of texts in other scripts."""
    kept_page.go("ex=letter")
    room = kept_page.in_root(
        """const box = (name) => root.querySelector(name).getBoundingClientRect();
        const chips = root.querySelector("header .chips");
        const was = chips.hidden;
        chips.hidden = true;
        const room = box("header + *").top - box("header .detail").bottom;
        chips.hidden = was;
        return room;"""
    )
    assert room >= 8


def test_tokens_from_right_to_left_leave_the_numbers_beside_them_alone(kept_page):
    """Catches a score of .057 that reads as 057 and a dot."""
    kept_page.go("ex=letter")
    for place in (".why .note code", ".readout code"):
        style = kept_page.one(place).evaluate("(code) => getComputedStyle(code).unicodeBidi")
        assert style == "isolate"
