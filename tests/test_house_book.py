"""Protects the book's Sphinx extension, on a small book of three pages built as the real one is."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import build_book
import pytest
from browser import Site
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebooks import normalise
from serve import open_server

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))
from mosa_book import repository  # noqa: E402

TOC = "format: jb-book\nroot: book/index\nchapters:\n- file: book/chart\n- file: book/plain\n"
COVER = "# Cover\n\nA formula, $O(k^2 + T)$, and enough words to describe the page with.\n"


def chart_notebook() -> str:
    import plotly.graph_objects as go

    from mosa_edu.viz.base import BookRenderer
    from mosa_edu.viz.style import LIGHT

    line = go.Scatter(x=[1, 2, 3], y=[2, 1, 3], line={"color": LIGHT.pick})
    layout = {"paper_bgcolor": "rgba(0,0,0,0)", "font": {"color": LIGHT.ink}}
    shown = BookRenderer().to_mimebundle(go.Figure(line, layout).to_dict())
    cell = new_code_cell("show()", execution_count=1)
    cell.outputs = [new_output("display_data", data=shown)] * 2
    return json.dumps(normalise(new_notebook(cells=[new_markdown_cell("# Chart"), cell])))


def build(folder: Path, **variables: str) -> Path:
    """Build the small book with the real configuration and return the folder of its pages."""
    shutil.copytree(ROOT / "book" / "_ext", folder / "book" / "_ext")
    for name in ("_static", "page"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    shutil.copy(ROOT / "_config.yml", folder)
    (folder / "_toc.yml").write_text(TOC)
    (folder / "book" / "references.bib").touch()
    (folder / "book" / "index.md").write_text(COVER)
    (folder / "book" / "plain.md").write_text("# Plain\n\nNothing but words.\n")
    (folder / "book" / "chart.ipynb").write_text(chart_notebook())
    command = [sys.executable, "-c", build_book.JUPYTER_BOOK, "build", str(folder), "-n", "-W"]
    environment = {k: v for k, v in os.environ.items() if k != "GITHUB_REPOSITORY"}
    done = subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The small book of somebody whose clone has no address, on a local server."""
    root = build(tmp_path_factory.mktemp("a small") / "book of mine")
    server = open_server(root, first_port=8200)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(root, f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://github.com/someone/mosa_edu.git\n", "someone/mosa_edu"),
        ("https://token@github.com/someone/mosa.edu", "someone/mosa.edu"),
        ("git@github.com:someone/mosa_edu.git", "someone/mosa_edu"),
        ("ssh://git@github.com/someone/mosa_edu", "someone/mosa_edu"),
        ("/srv/git/mosa_edu.git", None),
        ("https://example.org/someone/mosa_edu", None),
        ("", None),
    ],
)
def test_only_a_github_address_is_taken_for_one(address, name):
    assert repository.github_name(address) == name


def test_workflow_names_the_repository_before_git_does(monkeypatch, tmp_path):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert repository.find_repository(tmp_path) is None
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/mosa_edu")
    assert repository.find_repository(tmp_path) == "someone/mosa_edu"
    assert repository.pages_address("Someone/someone.github.io") == "https://someone.github.io/"


@pytest.mark.browser
def test_pages_load_what_they_hold_and_nothing_else(small):
    chart, plain, cover = (
        (small.root / f"book/{name}.html").read_text() for name in ("chart", "plain", "index")
    )
    assert "plotly.min.js" in chart
    assert "plotly.min.js" not in plain + cover
    assert "tex-mml-chtml.js" in cover
    assert "tex-mml-chtml.js" not in plain
    assert "unpkg.com" not in chart + plain + cover
    assert "executablebooks" not in chart + plain + cover


@pytest.mark.browser
def test_without_an_address_no_button_leads_anywhere(small):
    chart = (small.root / "book/chart.html").read_text()
    assert "colab.research.google.com" not in chart
    assert "github.com" not in chart
    assert "download this notebook" in chart
    assert "Upload notebook" in chart
    assert (small.root / "_sources/book/chart.ipynb").is_file()
    assert "og:title" in chart
    assert "og:image" not in chart


@pytest.mark.browser
def test_with_an_address_notebooks_open_in_colab(tmp_path):
    root = build(tmp_path / "book", GITHUB_REPOSITORY="someone/mosa_edu")
    chart = (root / "book/chart.html").read_text()
    colab = "https://colab.research.google.com/github/someone/mosa_edu/blob/colab/book/chart.ipynb"
    assert chart.count(colab) == 2  # the theme's launch button and the line under the title
    assert 'content="https://someone.github.io/mosa_edu/book/chart.html"' in chart
    assert (root / "_static/social-card.png").stat().st_size < 300_000
    assert "colab.research" not in (root / "book/plain.html").read_text()


@pytest.mark.browser
def test_chart_is_drawn_and_follows_the_theme(small, visit):
    from mosa_edu.viz.style import DARK, LIGHT

    page = visit(small.url("book/chart.html"), color_scheme="light").page
    line = page.locator(".scatterlayer path.js-line").first
    colour = "path => getComputedStyle(path).stroke"
    assert line.evaluate(colour) == rgb(LIGHT.pick)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(
        "c => getComputedStyle(document.querySelector('.js-line')).stroke === c", arg=rgb(DARK.pick)
    )
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_function(
        "c => getComputedStyle(document.querySelector('.js-line')).stroke === c",
        arg=rgb(LIGHT.pick),
    )


@pytest.mark.browser
def test_formula_is_typeset_from_the_books_own_files(small, visit):
    visited = visit(small.url("book/index.html"))
    visited.page.wait_for_selector("mjx-container")
    assert any("vendor/mathjax" in address for address in visited.loaded)


@pytest.mark.browser
def test_pages_work_from_the_disk(small, visit):
    page = visit((small.root / "book" / "chart.html").as_uri()).page
    page.wait_for_selector(".scatterlayer path.js-line")


def rgb(colour: str) -> str:
    """Return a hexadecimal colour as a browser reports it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"
