"""Protects what readers take along: a picture, numbers, a cell of Python, a link."""

import csv
import io
from xml.etree import ElementTree

import pytest
from explorer_pages import CLIPBOARD, COPIED, show

import mosa_edu

SPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def shown(visit, explorer_site):
    return show(visit, explorer_site, "ex=letter&layer=1&head=2&tok=3", permissions=CLIPBOARD)


def saved(shown, name):
    with shown.page.expect_download() as download:
        shown.button(name).click()
    return download.value.suggested_filename, download.value.path().read_text("utf-8")


def test_picture_is_one_svg_with_caption_and_provenance(shown, explorer_site):
    shown.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    name, text = saved(shown, "Save SVG")
    assert name == "mosa-L1-H2.svg"
    picture = ElementTree.fromstring(text)
    words = " ".join("".join(node.itertext()) for node in picture.iter(f"{SPACE}text"))
    assert picture.findtext(f"{SPACE}title") == shown.text(".finding")
    assert f"Trained model {explorer_site.first.model['name']}: 3 layers of " in words
    assert "L1·H2, zero-based." in words
    assert "layer=1&head=2&tok=3" in words
    drawn = [node for node in picture.iter(f"{SPACE}rect") if node.get("fill") == "#0072b2"]
    assert len(drawn) == explorer_site.first.k  # light, whatever the page
    assert "var(" not in text


def test_picture_breaks_lines_that_are_too_long(shown):
    """Catches a finding that runs out of the picture."""
    for head in range(5):
        shown.go(f"ex=letter&layer=1&head={head}")
        _, text = saved(shown, "Save SVG")
        longest = shown.in_root(
            """const node = root.appendChild(document.createElement("div"));
            node.innerHTML = argument;
            const lines = [...node.querySelectorAll("text:not(g[font-family] text)")];
            const ends = lines.map((line) => line.getComputedTextLength());
            node.remove();
            return Math.max(...ends);""",
            text,
        )
        assert longest <= 726 + 16


def test_numbers_are_those_of_the_trace(shown, explorer_site):
    name, text = saved(shown, "CSV")
    trace = explorer_site.first
    rows = list(csv.DictReader(io.StringIO(text)))
    assert name == "mosa-L1-H2.csv"
    assert len(rows) == trace.layers * trace.heads * trace.T
    picked, scores = trace.selected_mask(), trace.router_scores()
    for row in rows:
        at = int(row["layer"]), int(row["head"]), int(row["position"])
        assert row["picked"] == str(int(picked[at]))
        assert float(row["score"]) == pytest.approx(scores[at], abs=1e-6)
        assert row["token"].lstrip("'").strip() in trace.tokens[at[2]].text


def test_copied_python_gives_the_numbers_of_the_page(shown, explorer_site, monkeypatch, capsys):
    loaded = explorer_site.model, explorer_site.tokenizer
    monkeypatch.setattr(mosa_edu, "load_pretrained", lambda name: loaded, raising=False)
    shown.button("Copy as Python").click()
    shown.until_text(".told", "Python copied.")
    exec(shown.page.evaluate(COPIED), {})
    picks, score = capsys.readouterr().out.splitlines()
    assert picks == str(shown.picked())
    assert f"score .{score[2:]:0<3}" in shown.text(".readout")


def test_shared_link_is_the_address_of_the_view(shown):
    shown.button("Share link").click()
    shown.until_text(".told", "Link copied.")
    assert shown.page.evaluate(COPIED) == shown.page.url
