"""Protects `mosa-edu bench page`: what it counts, and that it measures a page that it can drive.

Caught here: a file counted twice or left out, quartiles that are not those of the rounds, and a
measurement that waits for a picture that never comes.
"""

import json
import shutil

import pytest
from figure_pages import HEAD

from mosa_edu.bench.page import WEIGHTS, BuiltBook, measure_book, weight_rows
from mosa_edu.cli.main import main
from mosa_edu.viz.assets import WEB, module_text


@pytest.fixture
def folder(tmp_path):
    """A book with nothing but a cover."""
    static = tmp_path / "_static"
    for name, text in {
        "../book/index.html": "<!doctype html><title>Cover</title>",
        "../book/chapter.html": "<!doctype html><title>Chapter</title>",
        "mosa/explorer.js": "//" + "a" * 5000,
        "mosa/book.css": "b{}",
        "vendor/large.js": "x" * 5000,
        "models/explorer/model.safetensors": "w" * 2000,
        "models/traces/list.json": "{}",
    }.items():
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).write_text(text)
    return tmp_path


def test_every_file_of_ours_is_weighed_once_and_no_other(folder):
    sizes = BuiltBook(folder).own_bytes()
    assert list(sizes) == ["mosa/book.css", "mosa/explorer.js"]
    assert sizes["mosa/explorer.js"] < 100
    rows = {row["what"]: row for row in weight_rows(BuiltBook(folder))}
    total = rows["scripts and styles of all components, gzipped"]
    assert total["median"] == pytest.approx(sum(sizes.values()) / 1e3, abs=0.006)
    assert total["bar"] == 60
    assert rows["weights on first use"]["median"] == 2


def test_pages_start_with_the_cover(folder):
    assert BuiltBook(folder).pages() == ["book/index.html", "book/chapter.html"]


def test_a_folder_without_a_book_is_refused_in_one_line(tmp_path, capsys):
    assert main(["bench", "page", "--book", str(tmp_path)]) == 2
    assert "make build" in capsys.readouterr().err


@pytest.mark.browser
def test_a_page_with_an_explorer_is_measured(folder, explorer_site, chromium):
    shutil.copy(explorer_site.folder / "model.safetensors", folder / WEIGHTS)
    body = f"<main>{explorer_site.widget.element()}</main><script src='../explorer.js'></script>"
    shutil.copy(explorer_site.folder / "explorer.js", folder)
    shutil.copy(explorer_site.folder / "model.safetensors", folder / "book")
    cover = HEAD + body + "<script>console.error('one'); fetch('http://127.0.0.1:9/x')</script>"
    (folder / "book" / "index.html").write_text(cover)
    script = module_text("bench/page", WEB.parents[1])
    rows = measure_book(chromium, BuiltBook(folder), 3, script)
    found = {(row["what"], row["clock"]): row for row in rows}
    for row in rows:
        assert row["lower"] <= row["median"] <= row["upper"], row
        if row["unit"] == "ms":
            assert 0 < row["median"] < 60_000, row
    assert found["forward of 256 tokens, all predictions", "processor"]["median"] > 0
    assert found["requests to other hosts, all pages", None]["median"] == 1
    assert found["errors in the console, all pages", None]["median"] >= 1
    json.dumps(rows)
