"""Static pages of widgets: an element that draws itself in any page, without a kernel.

The element holds its state as JSON, and a fallback for print, screen readers and readers without
scripts. The book adds the component's script once a page; `self_contained` adds it to the element.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from mosa_edu.viz.assets import classic_script, inline_json, inline_script
from mosa_edu.viz.words import rounded

LONG = 20
"""A table of more rows opens on demand."""


def element(component: str, fallback: str, state: dict[str, Any]) -> str:
    """Return a component as a piece of HTML that expects its script on the page."""
    data = f'<script type="application/json">{inline_json(rounded(state))}</script>'
    return f"<mosa-{component}>\n{fallback}\n{data}\n</mosa-{component}>"


def self_contained(component: str, fallback: str, state: dict[str, Any]) -> str:
    """Return a component as HTML that needs nothing else."""
    script = inline_script(classic_script(component.replace("-", "_")))
    return f"{element(component, fallback, state)}\n<script>{script}</script>"


def fallback(
    said: str, headings: Sequence[str], rows: Iterable[Sequence[object]], text: str = ""
) -> str:
    """Return what readers without scripts see: what is drawn, the text it is of, all as a table.

    >>> print(fallback("One pair & more.", ["Row"], [[1_000], ["<b>"]]))
    <figure aria-label="One pair &amp; more.">
    <figcaption><b>One pair &amp; more.</b></figcaption>
    <table>
    <thead><tr><th scope="col">Row</th></tr></thead>
    <tbody>
    <tr><td>1,000</td></tr>
    <tr><td>&lt;b&gt;</td></tr>
    </tbody>
    </table>
    </figure>
    """
    body = ["".join(f"<td>{_cell(cell)}</td>" for cell in row) for row in rows]
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in headings)
    table = (
        f"<table>\n<thead><tr>{names}</tr></thead>\n<tbody>\n"
        + "".join(f"<tr>{row}</tr>\n" for row in body)
        + "</tbody>\n</table>"
    )
    if len(body) > LONG:
        table = f"<details><summary>All as a table</summary>\n{table}\n</details>"
    paragraph = f"<p>{escape(text)}</p>\n" if text else ""
    return (
        f'<figure aria-label="{escape(said)}">\n<figcaption><b>{escape(said)}</b></figcaption>\n'
        f"{paragraph}{table}\n</figure>"
    )


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def page(title: str, body: str) -> str:
    """Return a whole HTML page round a self-contained component."""
    style = "body{margin:16px auto;max-width:760px;padding:0 8px;background:Canvas}"
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n<main>\n{body}\n</main>\n</html>\n"
    )
