"""Protects the way from a page to Colab: installs nothing of Colab's own, runs nothing elsewhere.

A wrong implementation that must fail: a cell that upgrades torch; an address where none is known; a
second cell at the second call; a cell that prints outside Colab, where nbval would see it.
"""

import contextlib
import io
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import colab_cell
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mosa_edu.training.optimizer import device_sentence

KNOWN = "someone/mosa_edu"


def notebook():
    cells = [new_markdown_cell("# 1 Title"), new_code_cell("a = 1", execution_count=1)]
    return new_notebook(cells=[*cells, new_code_cell("print(a)", execution_count=2)])


def run(source):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "cell", "exec"), {})
    return printed.getvalue()


def test_the_cell_stands_behind_the_title_once_and_is_hidden():
    once = colab_cell.with_cell(notebook(), None)
    twice = colab_cell.with_cell(nbformat.from_dict(once), None)
    assert twice == once
    title, cell, *others = once.cells
    assert title.cell_type == "markdown"
    assert cell.metadata.tags == ["colab", "remove-cell"]
    assert cell.outputs == []
    assert [c.execution_count for c in (cell, *others)] == [1, 2, 3]


def test_a_new_address_replaces_the_old_cell():
    old = colab_cell.with_cell(notebook(), None)
    new = colab_cell.with_cell(nbformat.from_dict(old), KNOWN)
    assert len(new.cells) == len(old.cells)
    assert f"git+https://github.com/{KNOWN}" in new.cells[1].source
    assert [c.execution_count for c in new.cells[1:]] == [1, 2, 3]


def test_without_an_address_none_is_made_up():
    source = colab_cell.cell_source(None)
    assert "github" not in source
    assert "http" not in source
    assert "{package}" not in source


@pytest.mark.parametrize("name", [None, KNOWN])
def test_outside_colab_nothing_happens(name, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("installed something"))
    assert run(colab_cell.cell_source(name)) == ""


def test_on_colab_the_three_stay_and_the_device_is_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("mosa_edu-0.1.0-py3-none-any.whl").touch()
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    wanted = {None: "mosa_edu-0.1.0-py3-none-any.whl[viz]"}
    wanted[KNOWN] = f"mosa_edu[viz] @ git+https://github.com/{KNOWN}"
    for name, package in wanted.items():
        assert run(colab_cell.cell_source(name)) == device_sentence() + "\n"
        assert commands[-1][1:] == ["-m", "pip", "install", "-q", "-c", "kept.txt", package]
    kept = Path("kept.txt").read_text().splitlines()
    assert [line.split("==")[0] for line in kept] == ["torch", "numpy", "plotly"]


def test_on_colabs_branch_links_lead_to_the_site(tmp_path, monkeypatch):
    """Catches a link to a notebook that is not beside the one that Colab opened."""
    text = (
        "# 1 Title\n[2](ch02_masks.ipynb) [word](glossary.md#k) [paper](https://arxiv.org/abs/1) "
        '<a href="ch09_the_leak.ipynb#Can-it%3F">leak</a> <a href="index.ipynb#tour=1">tour</a>'
    )
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell(text)]), path)
    assert colab_cell.process(path, None, check=False, online=True)
    assert nbformat.read(path, 4).cells[0].source == text  # no address is made up
    colab_cell.process(path, KNOWN, check=False, online=True)
    book = "https://someone.github.io/mosa_edu/book"
    assert nbformat.read(path, 4).cells[0].source == (
        f"# 1 Title\n[2]({book}/ch02_masks.html) [word]({book}/glossary.html#k) "
        f"[paper](https://arxiv.org/abs/1) "
        f'<a href="{book}/ch09_the_leak.html#can-it">leak</a> '
        f'<a href="{book}/index.html#tour=1">tour</a>'
    )


def test_the_cell_is_no_longer_than_a_cell_of_the_book():
    assert all(len(colab_cell.cell_source(name).splitlines()) <= 15 for name in (None, KNOWN))


def test_check_writes_nothing(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(notebook(), path)
    before = path.read_text()
    assert colab_cell.process(path, None, check=True)
    assert path.read_text() == before
    assert colab_cell.process(path, None, check=False)
    assert not colab_cell.process(path, None, check=False)


def test_a_t4_is_named_with_the_format_it_can(monkeypatch):
    """Catches bfloat16 on a card that has none."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.current_device", lambda: 0)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: "Tesla T4")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: (7, 5))
    memory = type("Properties", (), {"total_memory": 15.8e9})
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda device: memory)
    assert device_sentence() == "Found a Tesla T4 with 16 GB: models train on it in float16."
