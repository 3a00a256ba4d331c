"""What all figures share: one look, a caption, a text alternative, and numbers written one way."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from mosa_edu.viz.style import CLEAR, LIGHT, SANS, SIZES

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
    """Make an empty figure in the book's look.

    Parameters
    ----------
    heading, note : str
        What is drawn, and how to read it; short enough for a phone (about 48 characters).
    height : int
        Height in pixels; the width is the page's.

    Returns
    -------
    plotly.graph_objects.Figure
        With no template behind it, so that its JSON is small.
    """
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


def explain(figure: go.Figure, finding: str, encoding: str) -> go.Figure:
    """Give a figure its caption and its text alternative.

    Parameters
    ----------
    figure : Figure
        Changed in place.
    finding : str
        What the data show, in whole sentences: the caption.
    encoding : str
        What is drawn, for those who do not see it.

    Returns
    -------
    Figure
        The same.
    """
    figure.layout.meta = {"caption": finding, "alt": f"{encoding} {finding}"}
    return figure


def keep_square(figure: go.Figure, share_of_width: float, most: int) -> go.Figure:
    """Let a figure of squares shrink with the width of the page instead of leaving a gap.

    Parameters
    ----------
    figure : Figure
        Changed in place; its height is what is right at full width.
    share_of_width : float
        Height of the squares as a share of the width.
    most : int
        Their height in pixels at full width.

    Returns
    -------
    Figure
        The same.
    """
    rest = int(figure.layout.height - most)
    height = f"calc(min({share_of_width:.0%}, {most}px) + {rest}px)"
    figure.layout.meta = {**figure.layout.meta, "height": height}
    return figure


def caption(figure: go.Figure) -> str:
    """Return what a figure's data show, in words; empty for a figure that is not ours."""
    return str((figure.layout.meta or {}).get("caption", ""))


def alt_text(figure: go.Figure) -> str:
    """Return what is drawn and what it shows, for those who do not see it."""
    return str((figure.layout.meta or {}).get("alt", ""))


def share(value: float, digits: int = 2) -> str:
    """Write a number between 0 and 1 without its leading zero.

    Examples
    --------
    >>> share(0.6374, 3), share(0.999), share(0)
    ('.637', '1.00', '.00')
    """
    return f"{value:.{digits}f}".removeprefix("0")


def percent(part: float, whole: float) -> str:
    """Write a share in percent, with two digits that count.

    Examples
    --------
    >>> print(percent(91, 5995), percent(13, 109), percent(1, 3000), sep=", ")
    1.5 %, 12 %, 0.033 %
    """
    value = 100 * part / whole
    digits = 0 if value >= 9.95 or value == 0 else 1 if value >= 0.995 else 2
    digits = 3 if 0 < value < 0.0995 else digits
    return f"{value:.{digits}f}\N{NO-BREAK SPACE}%"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun, thousands by comma.

    Examples
    --------
    >>> plural(1, "head"), plural(5995, "pair")
    ('1 head', '5,995 pairs')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(words: Sequence[str], most: int) -> str:
    """Join words, with a count of those left out.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
