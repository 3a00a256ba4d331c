"""Scripts and style sheets without what only their authors read."""

from __future__ import annotations

import re

try:
    import minify
except ImportError:  # no wheels for this system: pages work as well with the readable text
    minify = None

TYPES = {"js": "application/javascript", "css": "text/css"}
STYLES = re.compile(r"(?<=_CSS = `)[^`$\\]+(?=`)")


def minified(text: str, kind: str) -> str:
    """Return a shorter text that does the same; the same text gives the same result."""
    if minify is None:
        return text
    if kind == "js":
        text = STYLES.sub(lambda found: minify.string(TYPES["css"], found.group()), text)
    return minify.string(TYPES[kind], text)
