"""Scripts and style sheets without what only their authors read."""

from __future__ import annotations

import re

try:
    import minify
except ImportError:  # no wheels for this system: pages work as well with the readable text
    minify = None

TYPES = {"js": "application/javascript", "css": "text/css"}
NUMBERS = re.compile(r"^const ([A-Z][A-Z\d_]*) = (-?[\d.]+(?:e-?\d+)?);\n", re.M)
NAMES = re.compile(r"(?<![\w$.])[A-Z][A-Z\d_]*(?![\w$])")
STYLES = re.compile(r"(?<=_CSS = `)[^`$\\]+(?=`)")


def minified(text: str, kind: str) -> str:
    """Return a shorter text that does the same; the same text gives the same result.

    A number that a script names (``const GAP = 8;``) stands where the name stood, and the styles
    that it holds (constants whose names end in ``_CSS``) are shortened too.
    """
    if minify is None:
        return text
    if kind == "js":
        numbers = dict(NUMBERS.findall(text))
        text = NUMBERS.sub("", text)
        text = NAMES.sub(lambda found: numbers.get(found.group(), found.group()), text)
        text = STYLES.sub(lambda found: minify.string(TYPES["css"], found.group()), text)
    return minify.string(TYPES[kind], text)
