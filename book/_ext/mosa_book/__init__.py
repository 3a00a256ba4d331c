"""The book's one Sphinx extension: a site that asks no other host for anything."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from . import assets, claims, docstrings, glossary, notebooks, repository, theme

__all__ = ["setup"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the parts; each says itself what it does to the pages."""
    claims.connect(app)
    repository.connect(app)
    theme.connect(app)
    assets.connect(app)
    notebooks.connect(app)
    docstrings.connect(app)
    glossary.connect(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
