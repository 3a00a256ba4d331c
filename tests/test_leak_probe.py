"""Protects the leak probe's page: bar, keys, links, boxes and files do what readers expect.

Caught here: a typed future that overtakes what is chosen next, focus that falls to the page, a
link that is overwritten, an own text that is cut as the stored one, hostile text that is run.
"""

import pytest
from figure_pages import FigureContract
from leak_pages import CUT, Probe, open_probe
from page_words import said_by_probe

from mosa_edu.probes.futures import reroll_future
from mosa_edu.viz.components.leak import LeakProbe


def test_bar_is_moved_by_key_mouse_and_in_the_text(visit, leak_site):
    probe = open_probe(visit, leak_site)
    bar = probe.one(".plot .bar")
    bar.focus()
    bar.press("ArrowLeft")
    probe.until_text(".detail", f"position {CUT - 1} ")
    bar.press("PageUp")
    probe.until_text(".detail", f"position {CUT + 7} ")
    box = bar.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 30
    probe.page.mouse.move(x, y)
    probe.page.mouse.down()
    probe.page.mouse.move(x - 60, y, steps=4)
    probe.page.mouse.up()
    moved = int(bar.get_attribute("aria-valuenow"))
    assert moved < CUT + 3
    probe.until_text(".detail", f"position {moved} ")
    handle, target = probe.one(".text .bar"), probe.one('.tok[data-t="8"]')
    handle.hover()
    to = target.bounding_box()
    probe.page.mouse.down()
    probe.page.mouse.move(to["x"] + 1, to["y"] + 8, steps=4)
    probe.page.mouse.up()
    probe.until_text(".detail", "position 8 ")


def test_a_typed_future_does_not_overtake_what_is_chosen_next(visit, leak_site):
    """Catches a pause in typing that ends after the reader has gone on."""
    probe = open_probe(visit, leak_site)
    probe.choose("Edit")
    probe.until_live()
    probe.one("textarea[aria-label^='Your future']").fill("Another end of it.")
    probe.choose("Random")
    probe.page.wait_for_timeout(600)
    probe.until_says("A new future")
    assert probe.button("Random", "radio").is_checked()
    probe.choose("Edit")
    probe.until_says("An edited future")


def test_token_keeps_the_focus_when_the_text_is_laid_anew(visit, leak_site):
    """Catches nodes that are replaced under the reader's keyboard: the focus falls to the page."""
    probe = open_probe(visit, leak_site)
    probe.button("Re-roll the future").click()
    probe.one(".tok[tabindex='0']").focus()
    probe.until_live()
    probe.page.wait_for_timeout(300)
    probe.until("(root) => root.activeElement?.classList.contains('tok') === true")


def test_link_that_is_followed_before_the_hand_rests_is_not_overwritten(visit, leak_site):
    """Catches an address that is written between a click on a link and the page's news of it."""
    probe = open_probe(visit, leak_site, "leak=letter&cut=30")
    probe.until_live()
    assert "cut=30" in probe.link()
    probe.choose("Prefix")
    probe.page.evaluate("history.replaceState(null, '', '#leak=letter&cut=12')")
    assert probe.link() == "leak=letter&cut=12"
    probe.page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
    probe.until_text(".detail", "position 12 ")


def test_edited_future_is_a_link_and_a_table(visit, leak_site):
    probe = open_probe(visit, leak_site)
    probe.choose("Edit")
    probe.until_live()
    assert probe.text(".finding").startswith("The same future rewrites no pick")
    hostile = '</script><img src=x onerror="window.hurt=1"> שלום 😀'
    probe.one("textarea[aria-label^='Your future']").fill(hostile)
    probe.until_says("An edited future")
    probe.one('.tok[data-t="5"]').click()
    probe.one('.tok[data-t="5"]').press("ArrowRight")
    rows = probe.table()
    assert len(rows) == CUT
    assert sum(int(row[3]) for row in rows) == probe.counts()[1]
    again = open_probe(visit, leak_site, probe.link())
    again.until_live()
    for selector in (".finding", ".readout", "tbody", ".text"):
        assert again.text(selector) == probe.text(selector)
    assert "position 6" in again.text(".readout")
    again.assert_harmless()


def test_the_readers_own_text_is_cut_as_python_cuts_it(visit, leak_site):
    """Catches a probe that cuts the stored text, or keeps the first one that was typed."""
    model, tokenizer = leak_site.model, leak_site.tokenizer
    probe = open_probe(visit, leak_site)
    probe.page.get_by_role("button", name="Your text").click()
    probe.until_live()
    for text in ("Nobody", "Nobody knew what the second clock had said to the first of them."):
        probe.one("textarea").fill(text)
    T = len(tokenizer.encode(text))
    probe.until_text(".own .note", f"{T} tokens")
    again = reroll_future(model, tokenizer, text, 2 * T // 3, source={})
    probe.until_says(said_by_probe(again))
    assert probe.counts()[1:4] == [*again.rewritten(), sum(again.changed)]
    other = open_probe(visit, leak_site, probe.link())
    other.until_live()
    other.until_says(said_by_probe(again))
    assert other.one("textarea").input_value() == text
    hostile = '</script><img src=x onerror="window.hurt=1"> \ud800 שלום 😀'
    other.in_root("root.querySelector('textarea').value = argument;", hostile)
    other.one("textarea").press("Space")
    other.until_text(".text", "onerror")
    other.assert_harmless()
    other.one("textarea").fill("a")
    other.until_text(".own .note", "at least two tokens")
    assert "onerror" in other.text(".text")
    other.one("select").select_option("letter")
    other.until("(root) => root.querySelector('.own').hidden")
    assert "Your" in other.text(".own-button")


class TestContract(FigureContract):
    kind = Probe
    parts = (".finding", ".detail", ".readout", ".text")
    hostile = (
        "leak=%3Cimg%20src=x%20onerror=window.hurt=1%3E&cut=-3&rule=__proto__&future=constructor",
        "leak=letter&cut=999999999&seed=1e9&tok=99999&view=%00",
        "leak=&cut=%F0%9F&edit=" + "x" * 9000,
        "leak=letter&rule=paper&future=edit&edit=%3C/script%3E%3Cimg%20src=x%3E",
    )

    @pytest.fixture
    def address(self, leak_site):
        self.T = len(leak_site.example.tokens)
        return leak_site.address

    def journey(self, shown):
        shown.one('.tok[data-t="5"]').click()

    def check_hostile(self, shown):
        if "constructor" in shown.page.url:
            assert "The link asks for what is not here (no leak <img" in shown.text(".told")
        assert 1 <= int(shown.one(".plot .bar").get_attribute("aria-valuenow")) < self.T

    def check_phone(self, shown):
        assert shown.one(".plot .bar").bounding_box()["width"] >= 44


def test_without_weights_the_example_stays_and_says_why(visit, leak_site):
    weights = '"url":"model.safetensors"'
    lost = leak_site.write_with("lost.html", weights, '"url":"leak.html"')
    probe = Probe(visit(lost).page, "mosa-leak")
    probe.choose("Prefix")
    probe.until("(root) => !root.querySelector('.banner').hidden")
    assert probe.text(".finding") == said_by_probe(leak_site.example)
    none = leak_site.write_with("none.html", weights, '"url":null')
    probe = Probe(visit(none).page, "mosa-leak")
    probe.choose("Prefix")
    probe.until_text(".told", "saved without the model's weights")
    assert probe.text(".finding") == said_by_probe(leak_site.example)


def test_numbers_that_are_saved_are_those_of_the_example(visit, leak_site):
    probe = open_probe(visit, leak_site)
    kinds = [line.split(",")[4] for line in probe.saved("CSV").splitlines()[1:]]
    assert (kinds.count("new"), kinds.count("lost")) == leak_site.example.rewritten()
    assert kinds.count("changed") == sum(leak_site.example.changed)


def test_fallback_and_state_carry_hostile_text_as_text(leak_site):
    text = "</script><img src=x onerror=alert(1)><!-- & so on"
    example = reroll_future(leak_site.model, leak_site.tokenizer, text, 9, source={})
    probe = LeakProbe(example)
    assert probe.element().count("</script>") == 1
    assert "<img" not in probe.element()
    assert probe.fallback().count("<tr>") == example.cut + 1
