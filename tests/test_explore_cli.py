"""Protects `mosa-edu explore`: any run becomes one file that shows its routing, and runs it."""

import json
import re
from pathlib import Path

import pytest
from explorer_pages import OTHER_TEXT, Shown

from mosa_edu.cli.main import main
from mosa_edu.config import SPARSE_KINDS
from mosa_edu.head_kinds import HEAD_KINDS
from mosa_edu.pretrained import load_pretrained
from mosa_edu.texts import PROBES
from mosa_edu.tracing import trace


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make a run that stopped before its first step, and return its folder."""
    monkeypatch.setenv("MOSA_EDU_CACHE", str(tmp_path / "cache"))
    corpus = tmp_path / "book.txt"
    corpus.write_text("\n\n".join(PROBES.values()), encoding="utf-8")

    def make(*words: str) -> Path:
        folder = tmp_path / "run"
        command = ["train", "--corpus", str(corpus), "--run-dir", str(folder)]
        command += ["--vocab-size", "300", "--steps", "4", "--time-limit", "1e-9"]
        assert main([*command, *words]) == 0
        return folder

    return make


def state_of(page: Path) -> dict:
    """Return what the page's component is given to draw."""
    found = re.search(r'<script type="application/json">(.*?)</script>', page.read_text(), re.S)
    assert found
    return json.loads(found.group(1))


@pytest.mark.parametrize("kind", [kind for kind in SPARSE_KINDS if kind != "routing"])
def test_every_kind_of_selection_becomes_a_page(run, kind, capsys) -> None:
    folder = run("--sparse", kind, "--n-local-heads", "1")
    capsys.readouterr()
    assert main(["explore", str(folder)]) == 0
    printed = capsys.readouterr()
    page = folder / "explorer.html"
    assert printed.out.splitlines()[-1] == f"Open in a browser: {page.as_uri()}"
    state = state_of(page)
    (example,) = state["data"]["examples"]
    assert example["title"].startswith("1. The old clockmaker")
    assert len(example["trace"]["tokens"]) == 64, "the book's text, cut to what the model reads"
    lives = HEAD_KINDS[kind].in_page
    assert bool(state.get("weights")) == lives
    assert ("do not run in a page" in printed.out) != lives
    assert "http" not in page.read_text().replace("http://www.w3.org/", "")


def test_texts_of_the_reader_in_their_order(run, tmp_path) -> None:
    out = tmp_path / "deep" / "page.html"
    words = ["--text", "One & two", "--text", "</script>", "--html", str(out)]
    assert main(["explore", str(run()), *words]) == 0
    titles = [example["title"] for example in state_of(out)["data"]["examples"]]
    assert titles == ["1. One & two", "2. </script>"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--text", ""], "text must be at least one character long, got ''"),
        (["--text", "word " * 400], "text must be at most 64 tokens long"),
        (["--html", "."], "--html must be a file, not a folder, got '.'"),
    ],
)
def test_what_cannot_be_shown_is_one_line_and_exit_2(run, refused, words, message) -> None:
    folder = run()
    refused(["explore", str(folder), *words], message)
    assert not (folder / "explorer.html").exists()


@pytest.mark.parametrize(
    "words", [["--sparse", "routing"], ["--n-sparse-heads", "0", "--n-dense-heads", "2"]]
)
def test_model_without_selection_is_refused(run, refused, words) -> None:
    refused(["explore", str(run(*words))], "model must be one with heads that select tokens")


def test_checkpoint_of_another_config_and_no_run_are_refused(run, refused) -> None:
    folder = run()
    path = folder / "config.json"
    settings = json.loads(path.read_text())
    settings["model"]["d_head"] = 8
    path.write_text(json.dumps(settings))
    message = "checkpoint must be weights of the model in config.json"
    refused(["explore", str(folder)], message)
    refused(["explore", "absent"], "run must be the folder of a run")
    refused(["explore", str(path)], "path must be a safetensors file")
    path.write_text('{"model": {}}')
    refused(["explore", str(folder)], "config.json must be a whole JSON object with")


@pytest.mark.browser
def test_page_of_the_shipped_model_runs_from_disk(visit, tmp_path) -> None:
    out = tmp_path / "explorer.html"
    assert main(["explore", "explorer", "--text", PROBES["letter"], "--html", str(out)]) == 0
    shown = Shown(visit(out.as_uri()).page)
    shown.until("(root) => root.querySelector('.tok[data-t]') !== null")
    shown.go_live()
    shown.type_own(OTHER_TEXT)
    expected = trace(*load_pretrained(), OTHER_TEXT, source={})
    shown.until("(root, T) => root.querySelectorAll('.tok[data-t]').length === T", expected.T)
    shown.until_text(".badge", "Self-test passed")
    state = state_of(out)
    assert shown.picked() == expected.selected(state["layer"], state["head"]).tolist()
