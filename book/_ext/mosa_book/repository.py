"""Where the repository lives, if anybody knows, and the way from a page to a running notebook."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

CARD_IMAGE = "_static/social-card.png"
COLAB = "https://colab.research.google.com"
BRANCH = "colab"
"""Where the workflow puts the notebooks whose first cell knows this repository's address."""


def github_name(address: str) -> str | None:
    """Return ``owner/name`` from the address of a GitHub repository, None for any other address.

    >>> github_name("git@github.com:someone/mosa_edu.git")
    'someone/mosa_edu'
    >>> github_name("/srv/git/mosa_edu")
    """
    pattern = (
        r"(?:https://(?:[^@/]+@)?|ssh://git@|git@)github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?"
    )
    match = re.fullmatch(pattern, address.strip())
    return match.group(1) if match else None


def find_repository(root: Path) -> str | None:
    """Return ``owner/name`` from the workflow's environment or else from ``git remote``."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return name
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return github_name(answer.stdout) if answer.returncode == 0 else None


def pages_address(name: str) -> str:
    """Return the address under which GitHub Pages publishes a repository.

    >>> pages_address("someone/mosa_edu")
    'https://someone.github.io/mosa_edu/'
    """
    owner, project = name.split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if project.lower() == host else f"https://{host}/{project}/"


def configure(app: Sphinx, config: Config) -> None:
    """Draw the buttons that need an address only where there is one."""
    name = find_repository(Path(app.srcdir))
    options = config.html_theme_options
    for key in ("repository_url", "repository_branch", "path_to_docs", "launch_buttons"):
        options.pop(key, None)
    app.mosa_repository = name  # type: ignore[attr-defined]
    if name:
        options["repository_url"] = f"https://github.com/{name}"
        options["repository_branch"] = BRANCH
        options["path_to_docs"] = ""
        options["use_repository_button"] = True
        options["launch_buttons"] = {"colab_url": COLAB, "notebook_interface": "jupyterlab"}
        config.html_baseurl = config.html_baseurl or pages_address(name)
    if config.html_baseurl:  # the social card names an address only where there is one
        config.ogp_site_url = config.html_baseurl.rstrip("/") + "/"
        config.ogp_image = CARD_IMAGE
        config.ogp_custom_meta_tags = ['<meta name="twitter:card" content="summary_large_image" />']


def run_line(name: str | None, pagename: str, download: str) -> str:
    """Return the HTML line under a notebook's title that says how to run it."""
    if name:
        colab = f"{COLAB}/github/{name}/blob/{BRANCH}/{pagename}.ipynb"
        return (
            f'<p class="mosa-run">Run this page: <a href="{colab}">open it in Colab</a> or '
            f'<a href="{download}" download>download this notebook</a>.</p>'
        )
    return (
        f'<p class="mosa-run">Run this page: <a href="{download}" download>download this notebook'
        "</a>. In Colab, choose File, then Upload notebook, and put the package's wheel "
        "(<code>python -m build --wheel</code>) among its files.<br>On your own machine, put it "
        "into the <code>book</code> folder and type <code>make lab</code>.</p>"
    )


def add_run_line(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Put the line under the title of every page that is a notebook."""
    if not str(context.get("page_source_suffix", "")).endswith("ipynb"):
        return
    source = f"{context['pathto']('_sources', 1)}/{context['sourcename']}"
    line = run_line(app.mosa_repository, pagename, source)  # type: ignore[attr-defined]
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{line}", 1)


def connect(app: Sphinx) -> None:
    """Ask for the address before the theme reads its options."""
    app.connect("config-inited", configure)
    app.connect("html-page-context", add_run_line)
