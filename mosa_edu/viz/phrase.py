"""Short texts in which single words are code, variables, exponents or indices, and nothing else.

    `logits.topk(k)`    code
    *k*                 a variable
    T^{2}, x_{t}        an exponent, an index

Everything else is plain text, tags and entities included: what a phrase says is shown, never run.
"""

import re
from html import escape

from mosa_edu.checks import require

TAGS = ("code", "i", "sup", "sub")
"""What a run may be; the page accepts no other."""

_MARKED = re.compile(r"`([^`]+)`|\*([^*\s]+)\*|\^\{([^{}]+)\}|_\{([^{}]+)\}")

Phrase = list[str | tuple[str, str]]
"""Plain texts, and (tag, text)."""


def read_phrase(text: str) -> Phrase:
    """Take a text apart.

    Parameters
    ----------
    text : str
        Any text; marks that do not close are plain text.

    Returns
    -------
    list
        Plain texts and (tag, text), in order.

    Examples
    --------
    >>> read_phrase("cost *k*^{2}, `x[0]` & <b>")
    ['cost ', ('i', 'k'), ('sup', '2'), ', ', ('code', 'x[0]'), ' & <b>']
    """
    found: Phrase = []
    end = 0
    for match in _MARKED.finditer(text):
        if match.start() > end:
            found.append(text[end : match.start()])
        found.append((TAGS[(match.lastindex or 1) - 1], match[match.lastindex or 1]))
        end = match.end()
    if end < len(text):
        found.append(text[end:])
    return found


def phrase_html(text: str) -> str:
    """Return a phrase as HTML.

    Examples
    --------
    >>> phrase_html("*T* < 3")
    '<i>T</i> &lt; 3'
    """
    return "".join(
        escape(run) if isinstance(run, str) else f"<{run[0]}>{escape(run[1])}</{run[0]}>"
        for run in read_phrase(text)
    )


def plain_phrase(text: str) -> str:
    """Return a phrase without its marks.

    Examples
    --------
    >>> plain_phrase("*k*^{2}")
    'k2'
    """
    return "".join(run if isinstance(run, str) else run[1] for run in read_phrase(text))


def require_phrase(argument: str, text: object) -> None:
    """Refuse what is no text, or an empty one."""
    require(
        isinstance(text, str) and bool(text.strip()), argument, text, "a text that says something"
    )
