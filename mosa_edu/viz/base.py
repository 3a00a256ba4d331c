"""What all figures share: one look, a caption, a text alternative, and numbers written one way."""

import html
import json
import os
import textwrap
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio
from plotly.io._base_renderers import MimetypeRenderer

from mosa_edu.viz.picture import picture
from mosa_edu.viz.style import CLEAR, LIGHT, SANS, SIZES
from mosa_edu.viz.words import rounded

AXIS: dict[str, Any] = {
    "automargin": True,
    "fixedrange": True,  # a figure must not catch the finger that scrolls the page
    "showgrid": False,
    "showline": False,
    "zeroline": False,
    "ticks": "",
    "tickfont": {"size": SIZES["axis"], "color": LIGHT.ink2},
    "title": {"font": {"size": SIZES["note"], "color": LIGHT.ink2}, "standoff": 8},
}


def new_figure(heading: str, note: str, height: int) -> go.Figure:
    """Make an empty figure in the book's look."""
    # No colour inside the text: pages recolour a figure by whole values.
    small = f"font-size:{SIZES['note']}px"
    title = {
        "text": f"<b>{heading}</b><br><span style='{small}'>{note}</span>",
        "font": {"size": SIZES["heading"], "color": LIGHT.ink},
        **{"x": 0, "xref": "container", "xanchor": "left"},
        **{"y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 20}},
    }
    layout = go.Layout(
        template=go.layout.Template(),  # None would be the default one, 7 KB of JSON
        title=title,
        height=height,
        margin={"l": 8, "r": 8, "t": 56, "b": 8},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"family": SANS, "size": SIZES["note"], "color": LIGHT.ink},
        hoverlabel={
            "bgcolor": LIGHT.ink,
            "bordercolor": LIGHT.ink,
            "font": {"color": LIGHT.ground, "size": SIZES["control"], "family": SANS},
        },
        dragmode=False,
        showlegend=False,
    )
    return go.Figure(layout=layout)


def explain(figure: go.Figure, drawn: str, caption: str) -> go.Figure:
    """Give a figure its text alternative, what is drawn and then the caption, and its caption."""
    figure.layout.meta = {"caption": caption, "alt": f"{drawn} {caption}".strip()}
    return figure


def keep_square(figure: go.Figure, share_of_width: float, most: int) -> go.Figure:
    """Let a figure of squares shrink with the width of the page instead of leaving a gap."""
    rest = int(figure.layout.height - most)
    height = f"calc(min({share_of_width:.0%}, {most}px) + {rest}px)"
    figure.layout.meta = {**figure.layout.meta, "height": height}
    return figure


def caption(figure: go.Figure) -> str:
    """Return the caption of a figure; empty for one without."""
    return str((figure.layout.meta or {}).get("caption", ""))


def alt_text(figure: go.Figure) -> str:
    """Return what is drawn and what it shows, for those who do not see it."""
    return str((figure.layout.meta or {}).get("alt", ""))


def share(value: float, digits: int = 2) -> str:
    """Write a number between 0 and 1 without its leading zero.

    >>> share(0.6374, 3), share(0.999), share(0)
    ('.637', '1.00', '.00')
    """
    return f"{value:.{digits}f}".removeprefix("0")


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun, thousands by comma.

    >>> plural(1, "head"), plural(5995, "pair")
    ('1 head', '5,995 pairs')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


PLOTLY = "application/vnd.plotly.v1+json"
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]}


# A private module: the public ones offer no renderer that writes HTML without a script from a CDN.
class BookRenderer(MimetypeRenderer):
    """Write a figure twice: as JSON, which JupyterLab, VS Code and the book draw, and as a picture.

    The picture is for all that runs no script of Plotly's: nbconvert, Colab before a cell has run,
    mail. Colab, where a script can be had, gets HTML that loads it.
    """

    def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, Any]:
        """Return what a notebook stores for a figure."""
        figure = rounded(json.loads(pio.to_json(fig_dict, validate=False, remove_uids=False)))
        if "COLAB_RELEASE_TAG" in os.environ:
            return {"text/html": figure_html(figure, "figure", include_plotlyjs="cdn")}
        try:
            still = picture(figure, _said(figure, "alt"))
        except (ArithmeticError, LookupError, TypeError, ValueError):
            still = ""  # a reader's own figure, of a sort that no chart of the book has
        stored = {**with_caption(figure), "config": CONFIG}
        return {PLOTLY: stored, "text/html": _said_below(still, figure)}


def with_caption(figure: dict[str, Any]) -> dict[str, Any]:
    """Return a figure that says its caption under its heading and stands on a ground of its own.

    Viewers of notebooks draw a figure and nothing beside it, in the dark, too; `on_page` undoes it.
    """
    layout = figure["layout"]
    lines = textwrap.wrap(html.escape(_said(figure, "caption"), quote=False), 96)
    title, height = layout.get("title", {}), layout.get("height")
    room = 19 * len(lines) + 8 * bool(lines)
    text = "<br>".join([title.get("text", ""), *_small(lines)])
    top = layout.get("margin", {}).get("t", 100)
    changed = {
        "title": {**title, "text": text},
        "height": (height or 420) + room,
        "margin": {**layout.get("margin", {}), "t": top + room},
        "paper_bgcolor": LIGHT.ground,
    }
    meta = {**layout.get("meta", {}), "page": {key: layout.get(key) for key in changed}}
    return {**figure, "layout": {**layout, **changed, "meta": meta}}


def on_page(figure: dict[str, Any]) -> dict[str, Any]:
    """Return a stored figure as a page of the book draws it, which has captions of its own."""
    meta = dict(figure["layout"].get("meta", {}))
    layout = {**figure["layout"], **meta.pop("page", {}), "meta": meta}
    return {"data": figure["data"], "layout": {k: v for k, v in layout.items() if v is not None}}


def _small(lines: list[str]) -> list[str]:
    return [f"<span style='font-size:{SIZES['note']}px'>{line}</span>" for line in lines]


def _said(figure: dict[str, Any], name: str) -> str:
    return str((figure.get("layout", {}).get("meta") or {}).get(name, ""))


def _said_below(drawn: str, figure: dict[str, Any], label: str = "") -> str:
    caption = html.escape(_said(figure, "caption"))
    said = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure class="mosa-chart" style="margin:0"{label}>{drawn}{said}</figure>'


def figure_html(
    figure: go.Figure | dict[str, Any], div_id: str, include_plotlyjs: str | bool = False
) -> str:
    """Return a figure as a piece of HTML, with its caption and its text alternative."""
    values = json.loads(figure.to_json()) if isinstance(figure, go.Figure) else figure
    values = rounded(values)
    meta = values.get("layout", {}).get("meta") or {}
    if "height" in meta:
        layout = {key: value for key, value in values["layout"].items() if key != "height"}
        values = {**values, "layout": layout}
    plot = pio.to_html(
        values,
        config=CONFIG,
        auto_play=False,
        include_plotlyjs=include_plotlyjs,
        include_mathjax=False,
        full_html=False,
        default_width="100%",
        default_height="100%",
        validate=False,
        div_id=div_id,
    )
    if "height" in meta:
        plot = _with_height(plot, meta["height"])
    alt = html.escape(_said(values, "alt"))
    return _said_below(plot, values, label=f' aria-label="{alt}"' if alt else "")


def _with_height(plot: str, height: str) -> str:
    """Give a plot a height that depends on its width: of all properties, only padding can."""
    # Plotly 6 leaves the outer element without a height, Plotly 7 gives it that of its parent.
    filled = plot.replace("<div>", '<div style="height:100%">', 1)
    inner = f'<div style="position:absolute;inset:0">{filled}</div>'
    return f'<div style="position:relative;padding-bottom:{html.escape(height)}">{inner}</div>'


def use_book_renderer() -> str:
    """Make notebooks show figures so that they work in the book, in JupyterLab and in Colab."""
    pio.renderers["book"] = BookRenderer()
    pio.renderers.default = "book"
    return "book"


def live_output(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as an `Output` widget holds it."""
    data = BookRenderer().to_mimebundle(figure.to_dict())
    said = {"text/plain": alt_text(figure)}
    return {"output_type": "display_data", "data": {**data, **said}, "metadata": {}}
