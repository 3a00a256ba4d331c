"""What other sites show when somebody passes a page on."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

IMAGE = "_static/social-card.png"


def first_paragraph(doctree: nodes.document | None, limit: int = 200) -> str:
    """Return the beginning of a page's text, cut at a word."""
    if doctree is None:
        return ""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) > 40:
            return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " ..."
    return ""


def properties(app: Sphinx, pagename: str, title: str, text: str) -> dict[str, str]:
    """Return the properties of a page's card; addresses only where the site's own is known."""
    site = app.config.html_baseurl
    card = {
        "og:type": "article",
        "og:site_name": app.config.html_title,
        "og:title": title,
        "og:description": text,
        "twitter:card": "summary_large_image" if site else "summary",
    }
    if site:
        card["og:url"] = f"{site.rstrip('/')}/{pagename}.html"
        card["og:image"] = f"{site.rstrip('/')}/{IMAGE}"
        card["og:image:alt"] = "Mixture of Sparse Attention: each head chooses its own tokens"
    return {key: value for key, value in card.items() if value}


def add_card(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Write the card into the head of a page."""
    if doctree is None:
        return
    title = nodes.document.astext(app.env.titles[pagename])
    text = first_paragraph(doctree)
    lines = [f'<meta name="description" content="{escape(text)}" />'] if text else []
    for key, value in properties(app, pagename, title, text).items():
        kind = "name" if key.startswith("twitter:") else "property"
        lines.append(f'<meta {kind}="{key}" content="{escape(value)}" />')
    context["metatags"] = context.get("metatags", "") + "\n".join(lines) + "\n"


def connect(app: Sphinx) -> None:
    """Add the card after the other extensions have written their meta tags."""
    app.connect("html-page-context", add_card, priority=800)
