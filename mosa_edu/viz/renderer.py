"""How notebooks store Plotly figures, so that a built page draws them without any network."""

import hashlib
import html
import json
import os
from collections import Counter
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

# A private module: the public ones offer no renderer that writes HTML without a script from a CDN.
from plotly.io._base_renderers import MimetypeRenderer

CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]}


class BookRenderer(MimetypeRenderer):
    """Write a figure twice: as JSON for JupyterLab and VS Code, as HTML for the built book.

    The HTML expects `plotly.min.js` on the page. Its element ids come from the content, so that
    running a notebook again changes nothing; equal figures are told apart by a counter.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, Any]:
        """Return what a notebook stores for a figure.

        Parameters
        ----------
        fig_dict : dict
            The figure.

        Returns
        -------
        dict
            Plotly's own MIME type, and `text/html`.
        """
        text = pio.to_json(fig_dict, validate=False, remove_uids=False)
        digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:12]
        self._seen[digest] += 1
        again = f"-{self._seen[digest]}" if self._seen[digest] > 1 else ""
        figure = json.loads(text)
        return {
            "application/vnd.plotly.v1+json": {**figure, "config": CONFIG},
            "text/html": figure_html(figure, f"fig-{digest}{again}"),
        }


def figure_html(figure: go.Figure | dict[str, Any], div_id: str) -> str:
    """Return a figure as a piece of HTML, with its caption and its text alternative.

    Parameters
    ----------
    figure : Figure or dict
        The figure.
    div_id : str
        Id of its element, unique on the page.

    Returns
    -------
    str
        HTML that needs `Plotly` on the page and nothing from elsewhere.
    """
    values = figure.to_plotly_json() if isinstance(figure, go.Figure) else figure
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
    """Make notebooks show figures so that they work in the book, in JupyterLab and in Colab.

    Returns
    -------
    str
        Name of the renderer that is now the default: "book", or "colab" on Colab.
    """
    pio.renderers["book"] = BookRenderer()
    pio.renderers.default = "colab" if "COLAB_RELEASE_TAG" in os.environ else "book"
    return str(pio.renderers.default)
