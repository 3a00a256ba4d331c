"""The claims ledger as a table: on a phone each row becomes a card."""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from mosa_edu.claims import VERDICTS, Row, ledger
from mosa_edu.claims.claim import CONTRADICTED, DIRECTION, EXACT, RULE, SMALL
from mosa_edu.viz.style import LIGHT

_MARKS = {EXACT: "ok", SMALL: "ok", DIRECTION: "pick", CONTRADICTED: "cursor"}


def _colour(name: str) -> str:
    """Return a colour of the page's theme; the light one where no page defines it."""
    return f"var(--mosa-{name.replace('_', '-')}, {getattr(LIGHT, name)})"


STYLE = f"""<style>
table.mosa-ledger {{ border-collapse: collapse; display: table; font-size: 0.9em; width: 100%; }}
.mosa-ledger caption {{ caption-side: top; text-align: left; color: {_colour("ink2")}; }}
.mosa-ledger th, .mosa-ledger td {{ text-align: left; vertical-align: top; padding: 8px 10px 8px 0;
  border-bottom: 1px solid {_colour("rule")}; color: {_colour("ink")}; background: none; }}
.mosa-ledger small {{ display: block; color: {_colour("ink2")};
  font-weight: normal; margin-top: 4px; }}
.mosa-ledger b {{ border-left: 4px solid {_colour("quiet")}; padding-left: 6px; }}
{
    "".join(
        f'.mosa-ledger b[data-mark="{n}"] {{ border-color: {_colour(n)}; }}'
        for n in sorted(set(_MARKS.values()))
    )
}
html[data-theme="dark"] .bd-content div.cell_output .text_html:has(.mosa-ledger) {{
  background: none !important; padding: 0 !important; }}
@media (max-width: 700px) {{
  .mosa-ledger thead {{ display: none; }}
  .mosa-ledger tr, .mosa-ledger th, .mosa-ledger td {{ display: block; }}
  .mosa-ledger th, .mosa-ledger td {{ border-bottom: 0; padding: 4px 0; }}
  .mosa-ledger tr {{ border-bottom: 1px solid {_colour("rule")}; padding: 8px 0; }}
}}
</style>"""


def section_link(notebook: str, heading: str) -> str:
    """Return the address of a notebook's section: JupyterLab follows it, the book links a page.

    >>> section_link("ch09_the_leak", "Can a model learn to use it?")
    'ch09_the_leak.ipynb#Can-a-model-learn-to-use-it%3F'
    """
    return f"{notebook}.ipynb#{quote(heading.replace(' ', '-'))}"


class Ledger:
    """The ledger in a notebook or on a page, of the shipped records if no rows are given.

    >>> print(Ledger().rows[0].claim.id)
    complexity
    """

    def __init__(self, rows: Sequence[Row] | None = None) -> None:
        self.rows = list(ledger() if rows is None else rows)

    def __repr__(self) -> str:
        return "\n".join(
            f"{row.claim.id}: {row.finding.verdict}. {row.finding.words}" for row in self.rows
        )

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th role="columnheader" scope="col">{name}</th>'
            for name in ("Claim of the paper", "What our check finds", "Verdict")
        )
        body = "\n".join(_row(row) for row in self.rows)
        return (
            f'{STYLE}\n<table class="mosa-ledger" role="table">\n'
            f"<caption>{len(self.rows)} claims: {escape(_counted(self.rows))}. "
            f"The one rule: {escape(RULE)}.</caption>\n"
            f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n'
            f'<tbody role="rowgroup">\n{body}\n</tbody></table>'
        )


def _row(row: Row) -> str:
    claim, finding = row
    link = section_link(claim.chapter, claim.section)
    where = f"Chapter {int(claim.chapter[2:4])}, {claim.section}"
    mark = _MARKS.get(finding.verdict, "quiet")
    return (
        f'<tr role="row" id="claim-{claim.id}">'
        f'<th role="rowheader" scope="row">{escape(claim.text)}'
        f"<small>{escape(claim.printed)} ({escape(claim.place)})</small></th>"
        f'<td role="cell">{escape(finding.words)}<small><a href="{link}">{escape(where)}</a>'
        f"</small></td>"
        f'<td role="cell"><b data-mark="{mark}">{escape(finding.verdict)}</b>'
        f"<small>Rule: {escape(claim.rule)}</small></td></tr>"
    )


def _counted(rows: Sequence[Row]) -> str:
    """Say how many rows have each verdict, in the order of `VERDICTS`."""
    found = [row.finding.verdict for row in rows]
    parts = [f"{found.count(name)} {name}" for name in VERDICTS if name in found]
    return ", ".join(parts)
