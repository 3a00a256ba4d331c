"""A verdict that changed since somebody looked ends the build: no page may show a stale one."""

from __future__ import annotations

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def refuse_changes(app: Sphinx) -> None:
    """Compute the claims ledger and compare it with what was accepted."""
    from mosa_edu.claims import changes, ledger

    if different := changes(ledger()):
        lines = "; ".join(different)
        raise ExtensionError(
            f"verdicts of the claims ledger changed: {lines}. Look at the evidence, then run "
            "scripts/claims.py --accept and execute book/ch12_verdict.ipynb again."
        )


def connect(app: Sphinx) -> None:
    """Check before any page is read."""
    app.connect("builder-inited", refuse_changes)
