"""Protects every built page: no other host, no error, readable on a phone, in light and dark."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from browser import serious_findings, settle

pytestmark = pytest.mark.browser

FIRST_VISIT = 3_000_000
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 720}
BOOK = Path(__file__).resolve().parent.parent / "book"
PAGES = sorted(path.stem for path in BOOK.iterdir() if path.suffix in (".md", ".ipynb"))
ONE_OF_A_KIND = {"index", "ch06_cost", "ch12_verdict", "api_layers"}
"""A cover, a chapter of charts, one of tables and one of signatures."""


@pytest.mark.parametrize("name", PAGES)
def test_page_is_light_and_accessible_on_a_desk(site, visit, name):
    """Nothing foreign, nothing missing, no error; few bytes; nothing that axe finds serious."""
    visited = visit(site.url(f"book/{name}.html"), color_scheme="light")
    settle(visited.page)
    assert visited.page.locator("html").get_attribute("data-theme") == "light"
    weight = site.weight(visited.loaded)
    assert weight < FIRST_VISIT, f"{weight} bytes gzipped"
    assert serious_findings(visited.page) == []


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone_in_the_dark(site, visit, name):
    page = settle(visit(site.url(f"book/{name}.html"), color_scheme="dark", viewport=PHONE).page)
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    if name in ONE_OF_A_KIND:
        page.set_viewport_size(DESK)
        assert serious_findings(page) == []


def test_no_page_is_left_out(site):
    assert sorted(site.pages()) == sorted(f"book/{name}.html" for name in PAGES)


def test_search_and_index_are_clean(site, visit):
    page = visit(site.url("search.html?q=sparse")).page
    page.wait_for_selector("#search-results a")
    visit(site.url("genindex.html"))


def test_the_first_page_leads_to_the_cover(site, visit):
    page = visit(site.url("index.html")).page
    page.wait_for_url("**/book/index.html")


def test_pages_have_one_search_box_and_no_foreign_footer(site, visit):
    page = visit(site.url("book/index.html")).page
    assert page.locator(".search-button-field:visible").count() <= 1
    assert "Jupyter Book community" not in page.content()
    assert "2023" not in page.locator("footer").last.inner_text()


def test_every_link_inside_the_book_leads_somewhere(site):
    """Catches a link to a notebook that stayed one, and to a heading that is called otherwise."""
    missing = []
    texts = {site.root / name: (site.root / name).read_text() for name in site.pages()}
    places = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in texts.items()}
    for page, text in texts.items():
        for link, place in re.findall(
            r'(?:href|src)="([^"#?:]*)(?:[?][^"#]*)?(?:#([^"]*))?"', text
        ):
            target = (page.parent / link).resolve() if link else page
            known = places.get(target)  # none for other files than pages
            if not target.exists() or (target.suffix == ".ipynb" and "_sources" not in link):
                missing.append((page.name, link))
            elif known is not None and place and "=" not in place and unquote(place) not in known:
                missing.append((page.name, f"{link}#{place}"))
    assert missing == []


def test_no_page_holds_a_placeholder_or_a_machine_path(site):
    for name in site.pages():
        text = (site.root / name).read_text()
        assert not re.search(r"OWNER|\bTODO\b|\bFIXME\b|lorem ipsum|undefined</", text), name
        assert "/.venv/" not in text, name
        assert str(site.root.parent.parent) not in text, name


def test_checks_wait_for_colours_that_still_fade(site, visit):
    """Catches contrast that is read in the middle of a fade, as a page that loads slowly shows."""
    page = visit(site.url("book/index.html")).page
    settle(page)
    colour = page.evaluate(
        """() => {
          const style = document.createElement("style");
          style.textContent = "body { transition: background-color 3s; }";
          document.head.append(style);
          getComputedStyle(document.body).backgroundColor;
          document.body.style.setProperty("background-color", "rgb(1, 2, 3)", "important");
          return getComputedStyle(document.body).backgroundColor;
        }"""
    )
    assert colour != "rgb(1, 2, 3)"
    settle(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(1, 2, 3)"


def test_paper_is_light_and_the_screen_stays_dark(site, visit):
    """Catches a dark page on paper: black on black with backgrounds, pale grey without."""
    page = settle(visit(site.url("book/ch06_cost.html"), color_scheme="dark").page)
    shade = """(query) => getComputedStyle(document.querySelector(query))[%s]
        .match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 765"""
    ground, ink = shade % "'backgroundColor'", shade % "'color'"
    assert page.evaluate(ground, "body") < 0.3
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'")
    settle(page)
    for place in ("body", "div.highlight"):
        assert page.evaluate(ground, place) > 0.85, place
    for place in ("article p", "div.highlight pre", "figcaption"):
        assert page.evaluate(ink, place) < 0.5, place
    chart = page.locator(".js-plotly-plot").first
    assert chart.get_attribute("data-mosa-theme") in (None, "light")
    page.emulate_media(media="screen", color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert page.evaluate(ground, "body") < 0.3
    page.evaluate("dispatchEvent(new Event('beforeprint'))")  # browsers without the media query
    assert page.locator("html").get_attribute("data-theme") == "light"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_a_doctest_is_copied_without_prompts_and_outputs(site, visit):
    """Catches `>>>`, `...` and results in what a reader pastes."""
    permissions = ["clipboard-read", "clipboard-write"]
    page = visit(site.url("book/api_costs.html"), permissions=permissions).page
    blocks = page.locator("div.highlight:has(.gp)")
    assert blocks.count() > 3
    for number in range(4):
        block = blocks.nth(number)
        block.hover()
        block.locator("button.copybtn").click()
        copied = page.evaluate("navigator.clipboard.readText()")
        compile(copied, "copied", "exec")
        shown = block.locator("pre").inner_text()
        inputs = [line[4:] for line in shown.splitlines() if line.startswith((">>> ", "... "))]
        assert copied.splitlines() == inputs
