"""Protects what readers ask for against what comes late, cannot be, or cannot be loaded.

Each test stands for a failure that was seen: a click on a word without effect, a link that threw,
an older answer over a newer wish, a label that was not true.
"""

from urllib.parse import parse_qs, quote
from xml.etree import ElementTree

import pytest
from explorer_pages import CLIPBOARD, COPIED, show

import mosa_edu

LONG = " ".join(["A clock said that nobody knew whether the second man did."] * 60)


def test_named_words_of_the_overview_choose_their_token(kept_page):
    """Catches an action that is handed over without what it belongs to."""
    shown = kept_page.go("ex=letter&layer=0&head=0&tok=1")
    words = shown.every("p.note button")
    assert words.count() > 0
    for number in range(words.count()):
        shown.go("ex=letter&layer=0&head=0&tok=1")
        word = words.nth(number)
        said = word.text_content() or ""
        word.click()
        shown.settle()
        assert f"tok={shown.studied()}" in shown.page.url
        assert shown.text(f'[data-t="{shown.studied()}"]') in said  # a word may be several tokens


@pytest.mark.parametrize("token", ["", "&tok=200"])
def test_link_with_own_text_keeps_the_example_when_no_model_comes(visit, explorer_site, token):
    """Catches a token of the text that is still to come, looked up in the example."""
    shown = show(visit, explorer_site, strict=False)  # a file that is refused is an error, too
    thrown = []
    shown.page.on("pageerror", lambda error: thrown.append(error.message))
    shown.page.route("**/model.safetensors", lambda route: route.abort())
    shown.go(f"text={LONG[:900]}&layer=1&head=2{token}")
    shown.until_text(".pill", "not loaded")
    assert 0 <= shown.studied() < explorer_site.first.T
    assert "undefined" not in shown.text(".readout")
    assert thrown == []


def test_a_late_example_does_not_replace_a_later_wish(visit, explorer_site):
    """Catches answers that are taken in the order in which they arrive."""
    shown = show(visit, explorer_site)
    held = []
    shown.page.route("**/full.json", lambda route: held.append(route))
    shown.one("select").select_option("full")
    shown.page.wait_for_timeout(100)
    shown.one("select").select_option("letter")
    shown.settle()
    assert held
    held[0].continue_()
    shown.page.wait_for_timeout(300)
    assert "ex=full" not in shown.page.url
    assert shown.one("select").input_value() == "letter"


def test_impossible_k_is_refused_and_the_usual_one_shown(kept_page):
    usual = kept_page.go("ex=letter&layer=0&head=0").picked()
    for k in (0, 1, 999):
        shown = kept_page.go(f"ex=letter&layer=0&head=0&k={k}")
        assert shown.picked() == usual
        assert f"no k {k}" in shown.text(".told")


def test_k_of_the_live_model_survives_its_link(visit, explorer_site):
    """Catches a link that cuts stored scores where the live model had run every head at k."""
    shown = show(visit, explorer_site)
    shown.go_live()
    shown.go("ex=letter&layer=2&head=1&k=20&live=1")
    shown.until("(root) => !root.querySelector('.detail').textContent.includes('What if')")
    shown.page.keyboard.press("Escape")
    asked = "ex=letter&layer=2&head=1&k=20&live=1"
    other = show(visit, explorer_site, asked)
    other.until_text(".pill", "Live model")
    other.until("(root) => !root.querySelector('.detail').textContent.includes('What if')")
    shown.go(asked)
    shown.settle()
    assert other.picked() == shown.picked()


def test_picture_of_control_characters_is_still_xml(visit, explorer_site):
    shown = show(visit, explorer_site, "text=A%0Bclock%1Bsaid%EF%BF%BEthat nobody knew it")
    shown.until_text(".pill", "Live model")
    shown.until_text(".text", "nobody")
    ElementTree.fromstring(shown.saved("Save SVG"))


@pytest.mark.parametrize(
    "fragment",
    [
        "ex=letter&layer=1&head=2&tok=3&off=0.1 1.2",
        "ex=letter&layer=0&head=2&tok=3&first=1",
        f"text={LONG}&layer=2&head=3&tok=9",
    ],
)
def test_copied_python_changes_the_model_as_the_reader_did(
    visit, explorer_site, fragment, monkeypatch, capsys
):
    """Catches a cell that gives the picks of the model as trained, or of a text cut otherwise."""
    shown = show(visit, explorer_site, fragment, permissions=CLIPBOARD)
    shown.until_text(".pill", "Live model")
    shown.until_text(".badge", "Self-test passed")
    shown.page.wait_for_timeout(500)
    path = explorer_site.folder / "model.safetensors"
    fresh = mosa_edu.pretrained.load_page_model
    monkeypatch.setattr(mosa_edu, "load_pretrained", lambda name: fresh(path), raising=False)
    shown.button("Copy as Python").click()
    shown.until_text(".told", "Python copied.")
    exec(shown.page.evaluate(COPIED), {})
    assert capsys.readouterr().out.splitlines()[0] == str(shown.picked())


@pytest.mark.parametrize(
    ("pressed", "moves"),
    [
        ({"altKey": True}, True),  # Option+5 on a German Mac
        ({"ctrlKey": True, "altKey": True, "modifierAltGraph": True}, True),  # Windows
        ({"ctrlKey": True}, False),
        ({"metaKey": True}, False),  # back, in Safari
    ],
)
def test_brackets_are_heard_however_a_keyboard_writes_them(kept_page, pressed, moves):
    shown = kept_page.go("ex=letter&layer=1&head=2&tok=1")
    shown.one(".text button, .text [tabindex='0']").focus()
    event = {"key": "]", "bubbles": True, "composed": True, **pressed}
    shown.one(".text").evaluate(
        "(node, event) => node.dispatchEvent(new KeyboardEvent('keydown', event))", event
    )
    shown.settle()
    assert ("head=3" in shown.page.url) == moves


def test_link_of_a_long_text_keeps_the_view_and_what_the_model_reads(visit, explorer_site):
    """Catches a head lost behind 1,840 Chinese characters, and half of a character at the end."""
    shown = show(visit, explorer_site, f"text={quote('学习' * 920)}&layer=2&head=3&tok=9")
    shown.until_text(".pill", "Live model")
    shown.until_text(".text", "学")
    shown.keep(11)
    shown.settle()
    address = shown.page.url
    assert "layer=2" in address
    assert address.index("head=3") < address.index("text=")
    read = parse_qs(address.partition("#")[2])["text"][0]
    assert 2 <= len(read) < 300
    assert set(read) == {"学", "习"}
    other = show(visit, explorer_site, address.partition("#")[2][:-4])  # as mail may cut it
    other.until_text(".pill", "Live model")
    other.until_text(".text", "学")
    assert "head=3" in other.page.url
    assert "%E" not in other.text(".text")
    assert "\ufffd" not in other.one("textarea").input_value()


def test_only_where_scores_are_equal_does_the_earlier_position_win(visit, explorer_site):
    """Above layer 0 equal words have scores that differ by rounding, and the page says so."""
    shown = show(visit, explorer_site, "text=" + "a" * 64 + "&layer=0&head=0&tok=3")
    shown.until_text(".pill", "Live model")
    said = {}
    for layer in (0, 1):
        for head in range(4):
            shown.go("text=" + "a " * 40 + f"&layer={layer}&head={head}&tok=3")
            shown.settle()
            said.setdefault(layer, []).append(shown.text(".detail") or "")
    assert not any("rounding" in text for text in said[0])
    assert not any("earlier position wins" in text for text in said[1])
