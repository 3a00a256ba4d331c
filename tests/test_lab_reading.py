"""Protects readers in JupyterLab: what the book's pages do, its notebooks do there as well."""

import shutil
from pathlib import Path

import nbformat
import pytest
from lab import serve_lab
from notebooks import NOT_ON_PAGES, tags

BOOK = Path(__file__).resolve().parent.parent / "book"


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(1200)
def test_a_reader_in_jupyterlab_misses_nothing(visit, tmp_path):
    """Catches open solutions, raw directives, charts without captions, links to pages, no tour."""
    for path in BOOK.glob("*.ipynb"):
        shutil.copy(path, tmp_path)
    with serve_lab(tmp_path) as address:
        page = visit(f"{address}/ch12_verdict.ipynb", strict=False).page
        page.locator(".jp-RenderedMarkdown details").first.wait_for(state="attached")
        cells = nbformat.read(BOOK / "ch12_verdict.ipynb", 4).cells
        hints = sum(cell.source.count("<details>") for cell in cells)
        page.wait_for_function(
            "n => document.querySelectorAll('.jp-RenderedMarkdown details').length === n", arg=hints
        )
        assert page.locator(".jp-RenderedMarkdown details[open]").count() == 0
        read = page.locator(".jp-Notebook").inner_text()
        assert ":class:" not in read
        assert "{cite" not in read
        hidden = sum(bool(NOT_ON_PAGES.intersection(tags(cell))) for cell in cells)
        assert page.locator(".jp-CodeCell .jp-InputPlaceholder").count() == hidden
        chart = page.locator(".js-plotly-plot .gtitle").first
        chart.wait_for()
        stored = [o.data for c in cells for o in c.get("outputs", []) if "data" in o]
        figures = [d[name] for d in stored for name in d if "plotly" in name]
        caption = figures[0]["layout"]["meta"]["caption"]
        assert "".join(caption.split()) in "".join(chart.text_content().split())
        page.locator("table.mosa-ledger a").first.click()
        page.locator(".lm-TabBar-tabLabel", has_text="ch06_cost.ipynb").wait_for()

        page = visit(f"{address}/index.ipynb?reset", strict=False).page
        page.get_by_text("| Idle").wait_for()  # what is run before the kernel is ready is lost
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.locator(".tok").first.wait_for()
        page.get_by_role("link", name="tour in six steps").click()
        page.get_by_text("Step 1 of 6").wait_for()
