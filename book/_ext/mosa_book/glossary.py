"""A page's first bold use of a word that the glossary explains becomes a link to it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

PAGE = "book/glossary"


@cache
def read_terms(path: Path) -> dict[str, str]:
    """Return the glossary's words by how they are looked up; none if there is no glossary."""
    if not path.exists():
        return {}
    body = path.read_text(encoding="utf-8").partition("{glossary}")[2]
    return {key(word): word for word in re.findall(r"^(\w[^\n]*)\n  \S", body, re.MULTILINE)}


def key(word: str) -> str:
    """Return what singular and plural, capital and small letter share.

    >>> key("Orphans"), key("orphan"), key("softmax")
    ('orphan', 'orphan', 'softmax')
    """
    return " ".join(word.lower().split()).removesuffix("s")


def link_words(doctree: nodes.document, page: str, terms: dict[str, str]) -> list[str]:
    """Turn the first bold use of each term into a link; return the terms, in their order."""
    linked: list[str] = []
    for strong in list(doctree.findall(nodes.strong)):
        term = terms.get(key(strong.astext()))
        if term is None or term in linked or _elsewhere(strong):
            continue
        linked.append(term)
        link = addnodes.pending_xref(
            **{"refdomain": "std", "reftype": "term", "reftarget": term, "refdoc": page},
            **{"refexplicit": True, "refwarn": True},
        )
        strong.replace_self(link)
        link += strong
    return linked


def _elsewhere(node: nodes.Node | None) -> bool:
    """Return whether a word stands in a link, a heading or the description of code."""
    while node is not None:
        if isinstance(node, nodes.reference | nodes.title | addnodes.desc | addnodes.pending_xref):
            return True
        node = node.parent
    return False


def add_links(app: Sphinx, doctree: nodes.document) -> None:
    """Link the words of every page but the glossary itself."""
    page = app.env.docname
    if page != PAGE:
        link_words(doctree, page, read_terms(Path(app.srcdir) / f"{PAGE}.md"))


def connect(app: Sphinx) -> None:
    """Run when a page has been read."""
    app.connect("doctree-read", add_links)
