"""A notebook stores a chart as a picture and as JSON; a page draws the JSON, which answers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from sphinx.application import Sphinx


def draw(notebook: str) -> str:
    """Return a notebook whose charts are HTML that expects Plotly's script on the page.

    The ids come from the content; equal figures of a page are told apart by a counter.
    """
    from mosa_edu.viz.base import PLOTLY, figure_html, on_page

    content = json.loads(notebook)
    seen: Counter[str] = Counter()
    for cell in content["cells"]:
        for output in cell.get("outputs", []):
            if figure := output.get("data", {}).pop(PLOTLY, None):
                figure = on_page(figure)
                text = json.dumps(figure, sort_keys=True).encode()
                digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()[:12]
                seen[digest] += 1
                again = f"-{seen[digest]}" if seen[digest] > 1 else ""
                output["data"]["text/html"] = figure_html(figure, f"fig-{digest}{again}")
    return json.dumps(content)


def draw_page(app: Sphinx, page: str, source: list[str]) -> None:
    """Draw the charts of a notebook that is about to be read."""
    if app.env.doc2path(page).endswith(".ipynb"):
        source[0] = draw(source[0])


def connect(app: Sphinx) -> None:
    """Run before notebooks are parsed."""
    app.connect("source-read", draw_page)
