"""What all figures share: one look, a caption, a text alternative, and numbers written one way."""

import hashlib
import html
import json
import os
from collections import Counter
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio
from plotly.io._base_renderers import MimetypeRenderer

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


# A private module: the public ones offer no renderer that writes HTML without a script from a CDN.

CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]}


class BookRenderer(MimetypeRenderer):
    """Write a figure twice: as JSON for JupyterLab and VS Code, as HTML for the built book.

    The HTML expects `plotly.min.js` on the page. Its element ids come from the content, so that
    running a notebook again changes nothing; equal figures are told apart by a counter.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, Any]:
        """Return what a notebook stores for a figure."""
        figure = rounded(json.loads(pio.to_json(fig_dict, validate=False, remove_uids=False)))
        text = pio.to_json(figure, validate=False, remove_uids=False)
        digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:12]
        self._seen[digest] += 1
        again = f"-{self._seen[digest]}" if self._seen[digest] > 1 else ""
        return {
            "application/vnd.plotly.v1+json": {**figure, "config": CONFIG},
            "text/html": figure_html(figure, f"fig-{digest}{again}"),
        }


def figure_html(figure: go.Figure | dict[str, Any], div_id: str) -> str:
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
        include_plotlyjs=False,
        include_mathjax=False,
        full_html=False,
        default_width="100%",
        default_height="100%",
        validate=False,
        div_id=div_id,
    )
    if "height" in meta:
        plot = _with_height(plot, meta["height"])
    alt, caption = (html.escape(str(meta.get(key, ""))) for key in ("alt", "caption"))
    said = f"<figcaption>{caption}</figcaption>" if caption else ""
    label = f' aria-label="{alt}"' if alt else ""
    return f'<figure class="mosa-chart" style="margin:0"{label}>{plot}{said}</figure>'


def _with_height(plot: str, height: str) -> str:
    """Give a plot a height that depends on its width: of all properties, only padding can."""
    # Plotly 6 leaves the outer element without a height, Plotly 7 gives it that of its parent.
    filled = plot.replace("<div>", '<div style="height:100%">', 1)
    inner = f'<div style="position:absolute;inset:0">{filled}</div>'
    return f'<div style="position:relative;padding-bottom:{html.escape(height)}">{inner}</div>'


def use_book_renderer() -> str:
    """Make notebooks show figures so that they work in the book, in JupyterLab and in Colab."""
    pio.renderers["book"] = BookRenderer()
    pio.renderers.default = "colab" if "COLAB_RELEASE_TAG" in os.environ else "book"
    return str(pio.renderers.default)


def live_output(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as an `Output` widget holds it."""
    on_ground = go.Figure(figure).update_layout(paper_bgcolor=LIGHT.ground)
    values = on_ground.to_dict()
    if pio.renderers.default == "colab":
        data = pio.renderers["colab"].to_mimebundle(values)
    else:
        data = BookRenderer().to_mimebundle(values)
        del data["text/html"]  # no notebook has the script that it expects
    said = {"text/plain": alt_text(figure)}
    return {"output_type": "display_data", "data": {**data, **said}, "metadata": {}}
