"""Docstrings of properties and constants are sentences; napoleon reads them as "type: text"."""

from __future__ import annotations

from sphinx.application import Sphinx

KINDS = {"property", "attribute", "data"}
TYPE = ":type: "


def put_back(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Join a sentence that was cut at its first colon.

    >>> lines = ["the loss of guessing.", "", ":type: ln V"]
    >>> put_back(None, "property", "floor", None, None, lines)
    >>> lines
    ['ln V: the loss of guessing.', '']
    """
    if what not in KINDS:
        return
    for line in [line for line in lines if line.startswith(TYPE)]:
        lines.remove(line)
        lines[0] = f"{line.removeprefix(TYPE)}: {lines[0]}"


def connect(app: Sphinx) -> None:
    """Run after napoleon."""
    app.connect("autodoc-process-docstring", put_back, priority=600)
