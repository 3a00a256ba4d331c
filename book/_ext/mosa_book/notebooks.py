"""What a notebook stores as JupyterLab, Colab and nbconvert show it, as a page needs it."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import Any
from urllib.parse import unquote

from sphinx.application import Sphinx

CELL_LINK = re.compile(r'(?<=href=")(\w*)\.ipynb(?:#([^"]*))?(?=")')
OUTPUT_LINK = re.compile(r'(?<=")(\w*)\.ipynb(?:#([^"]*))?(?=")')


def page_link(link: re.Match[str]) -> str:
    """Return the address of a page for that of a notebook; a state of the explorer stays.

    >>> OUTPUT_LINK.sub(page_link, '"ch09_the_leak.ipynb#Can-it%3F" "index.ipynb#tour=1"')
    '"ch09_the_leak.html#can-it" "index.html#tour=1"'
    """
    name, section = link[1], unquote(link[2] or "")
    if "=" not in section:
        section = "-".join("".join(c if c.isalnum() else " " for c in section.lower()).split())
    return f"{name}.html#{section}" if section else f"{name}.html"


def chart(stored: dict[str, Any], seen: Counter[str]) -> str:
    """Return the HTML of a chart that expects Plotly's script on the page.

    Its id comes from the content; equal figures of a page are told apart by a counter.
    """
    from mosa_edu.viz.base import figure_html, on_page

    figure = on_page(stored)
    text = json.dumps(figure, sort_keys=True).encode()
    digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()[:12]
    seen[digest] += 1
    return figure_html(figure, f"fig-{digest}" + (f"-{seen[digest]}" if seen[digest] > 1 else ""))


def for_page(notebook: str) -> str:
    """Return a notebook whose charts answer and whose links lead to pages."""
    from mosa_edu.viz.base import PLOTLY

    content = json.loads(notebook)
    seen: Counter[str] = Counter()
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = CELL_LINK.sub(page_link, "".join(cell["source"]))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if figure := data.pop(PLOTLY, None):
                data["text/html"] = chart(figure, seen)
            elif "text/html" in data:
                data["text/html"] = OUTPUT_LINK.sub(page_link, "".join(data["text/html"]))
    return json.dumps(content)


def read(app: Sphinx, page: str, source: list[str]) -> None:
    """Change a notebook that is about to be read."""
    if app.env.doc2path(page).endswith(".ipynb"):
        source[0] = for_page(source[0])


def connect(app: Sphinx) -> None:
    """Run before notebooks are parsed."""
    app.connect("source-read", read)
