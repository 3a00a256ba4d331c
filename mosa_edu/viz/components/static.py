"""Static twins of widgets: an element that draws itself in any page, without a kernel.

The element holds its state as JSON, and a fallback for print, screen readers and readers without
scripts. The book adds the component's script once a page; `self_contained` adds it to the element.
"""

from html import escape
from typing import Any

from mosa_edu.viz.assets import classic_script, inline_json, inline_script
from mosa_edu.viz.rounding import rounded


def element(component: str, fallback: str, state: dict[str, Any]) -> str:
    """Return a component as a piece of HTML that expects its script on the page."""
    data = f'<script type="application/json">{inline_json(rounded(state))}</script>'
    return f"<mosa-{component}>\n{fallback}\n{data}\n</mosa-{component}>"


def self_contained(component: str, fallback: str, state: dict[str, Any]) -> str:
    """Return a component as HTML that needs nothing else."""
    script = inline_script(classic_script(component.replace("-", "_")))
    return f"{element(component, fallback, state)}\n<script>{script}</script>"


def page(title: str, body: str) -> str:
    """Return a whole HTML page round a self-contained component."""
    style = "body{margin:16px auto;max-width:760px;padding:0 8px;background:Canvas}"
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n<main>\n{body}\n</main>\n</html>\n"
    )
