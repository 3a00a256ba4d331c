"""Protects the stored notebooks: same content, same bytes, and no output that nobody checks."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import notebooks
import numpy as np
import plotly.graph_objects as go
import pytest
from markdown_it import MarkdownIt
from nbformat.v4 import new_code_cell, new_notebook, new_output

from mosa_edu.viz.base import PLOTLY, BookRenderer
from mosa_edu.viz.components.static import element
from mosa_edu.viz.words import rounded

ROOT = Path(__file__).resolve().parent.parent
BOOK = sorted((ROOT / "book").glob("**/*.ipynb"))


def cell(source, text="", **metadata):
    outputs = [new_output("stream", name="stdout", text=text)] if text else []
    return new_code_cell(source, outputs=outputs, execution_count=1, metadata=metadata)


def display(**data):
    types = {key.replace("__", "/").replace("_", "-"): value for key, value in data.items()}
    return new_output("display_data", data=types)


def test_normalising_twice_changes_nothing_and_drops_what_a_run_leaves_behind():
    timed = cell("print(1)", "1\n", execution={"iopub.execute_input": "2026-01-01"})
    raw = new_notebook(cells=[timed, cell("print(1)", "1\n")])
    raw.metadata = {"widgets": {"state": 1}, "language_info": {"version": "3.11.7"}}
    once = notebooks.normalise(raw)
    assert notebooks.normalise(once) == once
    assert "widgets" not in once.metadata
    assert once.metadata.language_info == {"name": "python"}
    assert "execution" not in once.cells[0].metadata
    assert [c.execution_count for c in once.cells] == [1, 1]


def test_cell_ids_follow_the_text_and_are_unique():
    before = notebooks.normalise(new_notebook(cells=[cell("a = 1"), cell("a = 1"), cell("b = 2")]))
    after = notebooks.normalise(new_notebook(cells=[cell("new"), *before.cells]))
    assert [c.id for c in after.cells[1:]] == [c.id for c in before.cells]
    assert len({c.id for c in after.cells}) == 4


def test_widget_view_goes_where_html_stands_beside_it():
    both = cell("show()")
    both.outputs = [display(**{notebooks.WIDGET_VIEW: {}, "text__html": "<mosa-x>"})]
    kept = notebooks.normalise(new_notebook(cells=[both])).cells[0].outputs[0].data
    assert list(kept) == ["text/html"]


@pytest.mark.parametrize("kind", notebooks.NEEDS_HTML)
def test_chart_or_widget_without_html_is_found(kind):
    blank = cell("show()")
    blank.outputs = [new_output("display_data", data={kind: {}})]
    (line,) = notebooks.complaints(new_notebook(cells=[blank]))
    assert "shows nothing" in line


def too_long(value):
    """Return the floats of a stored figure or component that hold more than six digits."""
    pairs = zip(leaves(value), leaves(rounded(value)), strict=True)
    return [(old, new) for old, new in pairs if old != new]


def leaves(value):
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


def stored_json(output):
    """Yield every JSON value in an output: Plotly's, and those inside of HTML."""
    for kind, content in output.get("data", {}).items():
        if kind.endswith("json"):
            yield content
        elif kind == "text/html":
            for text in re.findall(r'application/json">(.*?)</script>', content, re.S):
                yield json.loads(text)


def test_six_digits_are_what_a_figure_stores():
    """Catches a processor's own last bits in a list, in a binary array, in a component."""
    binary = json.loads(go.Figure(go.Scatter(y=np.log(np.arange(1.0, 9)))).to_json())
    assert too_long(binary)
    assert too_long(rounded(binary)) == []
    figure = go.Figure(go.Bar(x=[1.777321508289949], y=np.array([0.1 + 0.2, 1 / 3])))
    bundle = BookRenderer().to_mimebundle(figure.to_dict())
    assert bundle[PLOTLY]["data"][0]["x"] == [1.77732]
    assert all(too_long(v) == [] for v in stored_json({"data": bundle}))
    assert "[0.3,7]" in element("x", "", {"a": [0.1 + 0.2, 7]})


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.stem)
def test_no_stored_output_holds_a_longer_number(path):
    """Catches figures that differ by the last bit from one make of processor to the next."""
    notebook = nbformat.read(path, as_version=4)
    for number, code in enumerate(notebook.cells):
        for output in code.get("outputs", []):
            for value in stored_json(output):
                assert too_long(value) == [], f"cell {number}"


def test_errors_unrun_cells_and_machine_paths_are_found():
    failed = cell("1 / 0")
    failed.outputs = [new_output("error", ename="ZeroDivisionError", evalue="", traceback=[])]
    unrun = new_code_cell("print(1)")
    local = cell("print(path)", "/somewhere/mosa/book\n")
    found = notebooks.complaints(new_notebook(cells=[failed, unrun, local]), "/somewhere/mosa")
    assert [line.split(": ")[1] for line in found] == [
        "stored error ZeroDivisionError",
        "never ran",
        "names a folder of this machine",
    ]


def test_lines_that_would_scroll_are_found_in_code_and_in_what_it_prints():
    wide = [cell("x" * 79), cell("print(1)", f"{'y' * 78}\n{'y' * 80}\n")]
    found = notebooks.complaints(new_notebook(cells=wide))
    assert [line.split(" columns")[0] for line in found] == [
        "cell 0: a line of 79",
        "cell 1: a line of 80",
    ]
    hidden = cell("x" * 90, tags=["remove-cell"])
    assert notebooks.complaints(new_notebook(cells=[hidden, cell("x" * 78)])) == []


def test_what_pages_leave_out_comes_collapsed_in_notebooks():
    hidden, shown = cell("install()", tags=["remove-cell"]), cell("print(1)")
    folded, seen = notebooks.normalise(new_notebook(cells=[hidden, shown])).cells
    assert folded.metadata.jupyter.source_hidden is True  # JupyterLab and VS Code
    assert folded.metadata.cellView == "form"  # Colab
    assert "jupyter" not in seen.metadata


VIEWER = MarkdownIt("commonmark").enable(["table", "strikethrough"])  # Lab, Colab, VS Code
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.DOTALL)
SPHINX = {
    "directive": re.compile(r"(?:```+|~~~+|:::+) *\{|language-\{|^:::", re.MULTILINE),
    "role": re.compile(r"\{[a-z][\w:+.-]*\}(?:`|<code>)"),
    "attributes": re.compile(r"\{[#.][\w-]"),
    "target": re.compile(r"^(?:<p>)?\([\w-]+\)=", re.MULTILINE),
    "substitution": re.compile(r"\{\{.*?\}\}"),
    "reference": re.compile(r"\[\^|\]\[|\[\]\("),
    "comment": re.compile(r"^(?:<p>)?%|^(?:<p>)?\+\+\+", re.MULTILINE),
}


def shown_raw(markdown):
    """Return what only Sphinx understands, as a notebook viewer would show it."""
    html = VIEWER.render(FORMULA.sub("", markdown))
    html = re.sub("<code>.*?</code>", "<code></code>", html, flags=re.DOTALL)
    found = {name for name, pattern in SPHINX.items() if pattern.search(html)}
    opened, closed = html.count("<details>"), html.count("</details>")
    if opened != closed or re.search(r"<details>(?:(?!</details>).)*(?:\*\*|`)", html, re.DOTALL):
        found.add("details")
    return found


@pytest.mark.parametrize(
    ("kind", "markdown"),
    [
        ("directive", "```{admonition} Hint\n:class: dropdown\nRow t.\n```"),
        ("directive", ":::{note}\nRow t.\n:::"),
        ("role", "paper {cite:p}`piekos2025mosa` and {ref}`x`"),
        ("attributes", "![a](b.png){.wide}"),
        ("target", "(twins)=\n## Twins"),
        ("substitution", "{{ version }}"),
        ("details", "<details><summary>Hint</summary>\nRow **t**\n</details>"),
        ("details", "<details><summary>Hint</summary>\n\nRow"),
    ],
)
def test_what_no_viewer_renders_is_found(kind, markdown):
    assert kind in shown_raw(markdown)


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.stem)
def test_every_viewer_renders_the_text_and_folds_hints(path):
    """Catches a directive, a role or a solution that JupyterLab, Colab and VS Code show open."""
    texts = [c.source for c in nbformat.read(path, 4).cells if c.cell_type == "markdown"]
    assert {number: found for number, text in enumerate(texts) if (found := shown_raw(text))} == {}
    hints = sum(text.count("<summary>Solution</summary>") for text in texts)
    assert hints > 0 or not path.stem.startswith("ch")


def test_tagged_outputs_can_be_kept_while_the_text_stays():
    tag = {"tags": ["nbval-ignore-output"]}
    stored = new_notebook(cells=[cell("train()", "loss 5.1\n", **tag), cell("print(2)", "2\n")])
    fresh = new_notebook(cells=[cell("train()", "loss 5.2\n", **tag), cell("print(2)", "3\n")])
    notebooks.keep_outputs(fresh, stored, "nbval-ignore-output")
    assert [c.outputs[0].text for c in fresh.cells] == ["loss 5.1\n", "3\n"]


@pytest.fixture
def executed(tmp_path):
    """A notebook as make notebooks stores it, with two numbers of three decimals."""
    path = tmp_path / "small.ipynb"
    cells = [new_code_cell("print('a', round(22 / 7, 3))"), new_code_cell("print('b', 1.414)")]
    notebook = new_notebook(cells=cells)
    nbformat.write(notebook, path)
    assert notebooks.process(path, run=True, check=False, keep_tagged=False) == []
    return path


def nbval(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml")]
    command += ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(ROOT / "nbval.cfg")]
    return subprocess.run([*command, str(path)], capture_output=True, text=True, cwd=path.parent)


def test_one_altered_digit_fails_and_executing_again_gives_the_same_bytes(executed):
    stored = executed.read_text()
    executed.write_text(stored.replace("a 3.143", "a 3.144"))
    altered = nbval(executed)
    assert "1 failed, 1 passed" in altered.stdout
    assert "3.144" in altered.stdout
    notebooks.process(executed, run=True, check=False, keep_tagged=False)
    assert executed.read_text() == stored


@pytest.mark.parametrize("path", BOOK, ids=[path.stem for path in BOOK])
def test_stored_notebook_is_normalised_and_complete(path):
    assert notebooks.process(path, run=False, check=True, keep_tagged=False) == []
