"""Colours and fonts: the only place in Python where a colour is written.

Two hues and grey, so that colour is an argument: grey is the reference, blue is what a head
chose, orange is what the reader studies. Every pair that carries text has a contrast of at least
4.5 : 1 in both themes, every mark at least 3 : 1, except `dense`, which is an area and never the
only sign of anything.
"""

from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Palette:
    """The colours of one theme, as hexadecimal text."""

    ink: str  # text
    ink2: str  # quieter text
    ground: str  # background
    wash: str  # bars of controls
    rule: str  # hairlines
    pick: str  # chosen by the head
    pick_ink: str  # text on it
    pick_wash: str  # pairs that the choice allows
    cursor: str  # the token under study, for graphics
    cursor_text: str  # the same hue for text
    cursor_wash: str  # its row and column
    quiet: str  # marks of all the other heads
    dense: str  # the dense head, or the whole of a share
    ok: str  # a test that passed


LIGHT = Palette(
    ink="#1b1f24",
    ink2="#57606a",
    ground="#ffffff",
    wash="#f6f8fa",
    rule="#d5dae0",
    pick="#0072b2",
    pick_ink="#ffffff",
    pick_wash="#e3f0f8",
    cursor="#d55e00",
    cursor_text="#ad4700",
    cursor_wash="#fdeee3",
    quiet="#848d97",
    dense="#bcc2c9",
    ok="#00734f",
)

DARK = Palette(
    ink="#e8ebef",
    ink2="#a3adb8",
    ground="#14181e",
    wash="#1b2027",
    rule="#343b44",
    pick="#56b4e9",
    pick_ink="#0a1219",
    pick_wash="#17303f",
    cursor="#e69f00",
    cursor_text="#f0b132",
    cursor_wash="#362a10",
    quiet="#7b8592",
    dense="#4a525c",
    ok="#35c08f",
)

CLEAR = "rgba(0,0,0,0)"
CONTINUOUS = "Cividis"
"""Plotly's name of the colour scale for continuous fields: the same in both themes."""

SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
MONO = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'
SIZES = {"finding": 21, "heading": 14, "body": 14, "control": 13, "note": 12, "axis": 11}
"""Font sizes in pixels; nothing is smaller than an axis label."""


def css_variables() -> str:
    """Return the style sheet that gives components and the captions of charts these colours.

    Returns
    -------
    str
        Custom properties `--mosa-NAME` (underscores as hyphens) for the light theme, and for the
        dark one where the page says so: `html[data-theme=dark]` in the book, JupyterLab's own
        mark in a notebook. Print is always light.
    """
    fonts = f"  --mosa-sans: {SANS};\n  --mosa-mono: {MONO};\n"
    dark = 'html[data-theme="dark"], [data-jp-theme-light="false"]'
    return (
        f":root {{\n{_declarations(LIGHT)}{fonts}}}\n"
        f"@media not print {{\n{dark} {{\n{_declarations(DARK)}}}\n}}\n"
        ".mosa-chart figcaption {\n  color: var(--mosa-ink2);\n"
        f"  font: {SIZES['body']}px/1.45 var(--mosa-sans);\n  padding: 4px 0 8px;\n}}\n"
    )


def dark_of_light() -> dict[str, str]:
    """Return the dark colour for each light one, for pages that recolour a finished figure.

    Returns
    -------
    dict of str to str
        Where two names share a light colour (white is ground and text on picks) the first wins,
        so figures use such a colour for its first meaning only.
    """
    pairs: dict[str, str] = {}
    for name, light in asdict(LIGHT).items():
        pairs.setdefault(light, getattr(DARK, name))
    return pairs


def _declarations(palette: Palette) -> str:
    return "".join(
        f"  --mosa-{field.name.replace('_', '-')}: {getattr(palette, field.name)};\n"
        for field in fields(palette)
    )
