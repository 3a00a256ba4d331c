"""Put the cell into notebooks that makes them run in Colab, or refresh it.

.venv/bin/python scripts/colab_cell.py [NOTEBOOK...]    all of the book's if none is named
.venv/bin/python scripts/colab_cell.py --check          say which notebooks lack it
python scripts/colab_cell.py --online       for the branch that Colab opens: links lead to the site,
                                            since Colab has no other page beside a notebook

On Colab the cell installs this package beside Colab's own torch, numpy and plotly, and says what
device it found; elsewhere it does nothing. The package comes from the repository that the
workflow's environment or git remote names; with none known, from a wheel that the reader uploads.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from notebooks import normalise

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))
from mosa_book.notebooks import CELL_LINK, page_link  # type: ignore[import-not-found]  # noqa: E402
from mosa_book.repository import (  # type: ignore[import-not-found]  # noqa: E402
    find_repository,
    pages_address,
)

TAG = "colab"
MARKDOWN_LINK = re.compile(r"(?<=\]\()(\w+)\.(?:ipynb|md)(?:#([^)]*))?(?=\))")
CELL = """\
# Colab only: installs the package beside Colab's own torch, numpy and plotly.
import sys

if "google.colab" in sys.modules:
    import subprocess
    from importlib.metadata import version
    from pathlib import Path

    package = {package}
    kept = [f"{name}=={version(name)}\\n" for name in ("torch", "numpy", "plotly")]
    Path("kept.txt").write_text("".join(kept))
    pip = [sys.executable, "-m", "pip", "install", "-q", "-c", "kept.txt", package]
    subprocess.run(pip, check=True)
    from mosa_edu.training.optimizer import device_sentence
    print(device_sentence())"""
FROM_GIT = '"mosa_edu[viz] @ git+https://github.com/{name}"'
FROM_WHEEL = """f"{next(Path().glob('mosa_edu-*.whl'))}[viz]"  # the uploaded wheel"""


def cell_source(name: str | None) -> str:
    """Return the cell's text for a repository ``owner/name``, or for none."""
    package = FROM_GIT.format(name=name) if name else FROM_WHEEL
    return CELL.replace("{package}", package)


def lead_online(text: str, name: str) -> str:
    """Return a Markdown cell's text whose links to other pages lead to the published ones."""
    book = f"{pages_address(name)}book/"
    for pattern in (CELL_LINK, MARKDOWN_LINK):
        text = pattern.sub(lambda link: f"{book}{page_link(link)}", text)
    return text


def with_cell(notebook: NotebookNode, name: str | None) -> NotebookNode:
    """Return the notebook with the cell behind its title, run counts included.

    Inserting counts as having run: outside Colab the cell prints nothing, and the counts of the
    others move by one, as if all had been executed again.
    """
    others = [cell for cell in notebook.cells if TAG not in cell.metadata.get("tags", [])]
    if len(others) == len(notebook.cells):
        for cell in others:
            if cell.cell_type == "code" and cell.execution_count is not None:
                cell.execution_count += 1
    tags = {"tags": [TAG, "remove-cell"]}
    cell = nbformat.v4.new_code_cell(cell_source(name), metadata=tags, execution_count=1)
    notebook.cells = [others[0], cell, *others[1:]]
    return normalise(notebook)


def process(path: Path, name: str | None, check: bool, online: bool = False) -> bool:
    """Write one notebook if its cell is missing or old; return whether it was."""
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    for cell in notebook.cells:
        if name and online and cell.cell_type == "markdown":
            cell.source = lead_online(cell.source, name)
    notebook = with_cell(notebook, name)
    after = nbformat.writes(notebook) + "\n"
    if after != before and not check:
        path.write_text(after, encoding="utf-8")
    return after != before


def main() -> int:
    """Process the named notebooks, or all of the book's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if any would change")
    parser.add_argument("--online", action="store_true", help="let links lead to the site")
    arguments = parser.parse_args()
    name = find_repository(ROOT)
    print(f"Package from {name or 'an uploaded wheel: no repository on GitHub is known'}.")
    changed = [
        path
        for path in arguments.notebooks or sorted((ROOT / "book").glob("*.ipynb"))
        if process(path, name, arguments.check, arguments.online)
    ]
    for path in changed:
        print(f"{'would change' if arguments.check else 'written'}: {path}")
    return int(arguments.check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
