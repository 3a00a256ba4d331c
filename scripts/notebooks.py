"""Execute the book's notebooks and store them in a form that changes only with their content.

make notebooks                              execute all, then normalise
.venv/bin/python scripts/notebooks.py --normalise-only [NOTEBOOK...]
.venv/bin/python scripts/notebooks.py --check           say what is not normalised or not allowed
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import sys
import time
from collections import Counter
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
CELL_SECONDS = 4800
LARGEST_NOTEBOOK = 200_000
WIDEST_LINE = 78  # what a page of the book shows without scrolling
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
NEEDS_HTML = (WIDGET_VIEW, "application/vnd.plotly.v1+json")
NOT_ON_PAGES = {"remove-cell", "remove-input"}
COLLAPSED = {"jupyter": {"source_hidden": True}, "cellView": "form"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without anything that differs between two runs of the same content.

    Cell ids become a hash of the cell's text, so that a new cell leaves the others alone.
    Execution counts stay: without them nbval takes a cell for one that never ran. Code that the
    page leaves out comes collapsed where a notebook is opened: Jupyter and VS Code read
    `source_hidden`, Colab `cellView`.
    """
    result = copy.deepcopy(notebook)
    result.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    result.nbformat, result.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    for cell in result.cells:
        digest = hashlib.sha1(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        cell.metadata.pop("execution", None)
        if NOT_ON_PAGES.intersection(tags(cell)):
            cell.metadata.update(NotebookNode(COLLAPSED))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                # The page shows the HTML; the widget's model lived in a kernel that is gone.
                data.pop(WIDGET_VIEW, None)
    return result


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Return a copy with the outputs of a fresh kernel that runs in the notebook's folder."""
    result = copy.deepcopy(notebook)
    client = NotebookClient(
        result,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
    )
    client.execute()
    return result


def keep_outputs(fresh: NotebookNode, stored: NotebookNode, tag: str) -> None:
    """Put stored outputs back into the cells that carry a tag and whose text has not changed."""
    before = {cell.source: cell for cell in stored.cells if cell.get("outputs")}
    for cell in fresh.cells:
        if tag in tags(cell) and cell.source in before:
            cell.outputs = copy.deepcopy(before[cell.source].outputs)


def cell_complaints(cell: NotebookNode, root: str) -> list[str]:
    """Return what a cell of the book may not hold."""
    found = []
    for output in cell.get("outputs", []):
        types = set(output.get("data", {}))
        if output.output_type == "error" and "raises-exception" not in tags(cell):
            found.append(f"stored error {output.ename}")
        if types.intersection(NEEDS_HTML) and "text/html" not in types:
            found.append("a chart or widget without text/html shows nothing on a page")
    text = nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))
    if root in text:
        found.append("names a folder of this machine")
    runs = cell.cell_type == "code" and cell.source.strip() and "skip-execution" not in tags(cell)
    if runs and cell.execution_count is None:
        found.append("never ran")
    if cell.cell_type == "code" and "remove-cell" not in tags(cell):
        shown = [cell.source, *(output.get("text", "") for output in cell.get("outputs", []))]
        widest = max((len(line) for text in shown for line in text.splitlines()), default=0)
        if widest > WIDEST_LINE:
            found.append(f"a line of {widest} columns scrolls, more than {WIDEST_LINE}")
    return found


def complaints(notebook: NotebookNode, root: str = str(ROOT)) -> list[str]:
    """Return what no page of the book may hold, one line each."""
    found = [
        f"cell {number}: {line}"
        for number, cell in enumerate(notebook.cells)
        for line in cell_complaints(cell, root)
    ]
    size = len(nbformat.writes(notebook))
    if size > LARGEST_NOTEBOOK:
        found.append(f"{size} bytes, more than {LARGEST_NOTEBOOK}")
    return found


def process(path: Path, run: bool, check: bool, keep_tagged: bool) -> list[str]:
    """Execute, normalise and write one notebook; return the complaints about it."""
    stored = nbformat.read(path, as_version=4)
    notebook = execute(stored, path.parent) if run else stored
    if keep_tagged:
        keep_outputs(notebook, stored, "nbval-ignore-output")
    notebook = normalise(notebook)
    text = nbformat.writes(notebook) + "\n"
    found = complaints(notebook)
    if text != path.read_text(encoding="utf-8"):
        if check:
            found.append("not normalised: run make notebooks, or this script --normalise-only")
        else:
            path.write_text(text, encoding="utf-8")
    return found


def main() -> int:
    """Process the named notebooks, or all of the book's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--normalise-only", action="store_true", help="do not execute")
    parser.add_argument("--check", action="store_true", help="neither execute nor write")
    parser.add_argument(
        "--keep-tagged",
        action="store_true",
        help="execute, but keep the stored outputs of cells tagged nbval-ignore-output",
    )
    arguments = parser.parse_args()
    found = False
    for path in arguments.notebooks or sorted((ROOT / "book").glob("**/*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        start = time.monotonic()
        run = not (arguments.normalise_only or arguments.check)
        lines = process(path.resolve(), run, arguments.check, arguments.keep_tagged)
        found = found or bool(lines)
        print(f"{time.monotonic() - start:6.1f} s  {path}", flush=True)
        print("".join(f"          {line}\n" for line in lines), end="", flush=True)
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
