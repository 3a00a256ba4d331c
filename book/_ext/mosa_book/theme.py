"""What the theme and its companions do by default and this book does not want."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config


def configure(app: Sphinx, config: Config) -> None:
    """Change single options; an own dictionary in _config.yml would drop Jupyter Book's."""
    config.html_theme_options["navbar_persistent"] = []  # a second search box on every page
    config.html_theme_options["show_toc_level"] = 2
    config.html_theme_options["use_download_button"] = True


def silence_thebe(app: Sphinx) -> None:
    """Disconnect sphinx-thebe, which Jupyter Book always loads.

    It names another host on every page and declares one JavaScript constant twice, an error
    in the console of every page.
    """
    for listeners in app.events.listeners.values():
        for listener in list(listeners):
            if listener.handler.__module__.partition(".")[0] == "sphinx_thebe":
                listeners.remove(listener)


def mend_roles(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Take back a role whose children are of another kind: screen readers announce 0 items."""
    if "body" in context:
        context["body"] = context["body"].replace(
            '<div role="list" class="citation-list">', '<div class="citation-list">'
        )


def connect(app: Sphinx) -> None:
    """Run after the other extensions have connected theirs."""
    app.connect("config-inited", configure)
    app.connect("builder-inited", silence_thebe, priority=0)
    app.connect("html-page-context", mend_roles)
