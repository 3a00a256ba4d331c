"""How tokens and numbers are written, and the kind of token that a head keeps, if one stands out.

Kinds and their words are those of the page, `web/lib/token_kinds.js`. All comparisons are of
integers, so that the page and Python agree to the last case.
"""

import base64
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from mosa_edu.records import RoutingTrace

SPACES = (
    " \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""What is stripped off a token, written out because languages disagree on what a space is."""


@dataclass(frozen=True)
class Finding:
    """What a head keeps: a sentence, the kind that stands out (or None), how many are of it."""

    sentence: str
    kind: str | None
    count: int


class Specialist(NamedTuple):
    """The head that keeps a kind of token most purely."""

    kind: str
    chip: str
    layer: int
    head: int


def continues_word(texts: Sequence[str], position: int) -> bool:
    """Whether a token goes on with the word that the token before it began.

    >>> [continues_word([" th", "ird", "."], position) for position in range(3)]
    [False, True, False]
    """
    if not 0 < position < len(texts) or not texts[position] or not texts[position - 1]:
        return False
    return _is_word_character(texts[position][0]) and _is_word_character(texts[position - 1][-1])


def token_labels(texts: Sequence[str]) -> list[str]:
    r"""Write tokens so that each can be told apart from its neighbours.

    >>> token_labels(["The", " th", "ird", " ", "\n", "", "."])
    ['The', 'th', '·ird', '␣', '⏎', '▯', '.']
    """
    return [_label(texts, position) for position in range(len(texts))]


def shown_labels(texts: Sequence[str]) -> list[str]:
    """Return the labels of tokens as Plotly must read them: it takes `<b>` for markup."""
    return [label.replace("&", "&amp;").replace("<", "&lt;") for label in token_labels(texts)]


def _label(texts: Sequence[str], position: int) -> str:
    text = texts[position]
    if text == "":
        return "▯"
    if text.strip(SPACES) == "":
        return "".join("⏎" if character == "\n" else "␣" for character in text)
    return "·" + text if continues_word(texts, position) else text.strip(SPACES)


def _is_word_character(character: str) -> bool:
    """Whether words are made of it: a letter, a mark on a letter, or a digit."""
    return unicodedata.category(character)[0] in "LMN"


@cache
def load_kinds() -> tuple[dict[str, Any], ...]:
    """Return the kinds that a finding may name, as `web/lib/token_kinds.js` lists them."""
    source = resources.files("mosa_edu.viz").joinpath("web/lib/token_kinds.js").read_text("utf-8")
    literal = source.partition("export const KINDS =")[2].strip().removesuffix(";")
    return tuple(json.loads(literal))


def token_kinds(texts: Sequence[str]) -> list[frozenset[str]]:
    r"""Say of which kinds each token is; a token may be of several, or of none.

    >>> [sorted(kinds) for kinds in token_kinds(["The", " a", "bbot", ".\n"])]
    [['article', 'capital'], [], ['piece'], ['punctuation']]
    """
    return list(_token_kinds(tuple(texts)))


def kind_that_stands_out(texts: Sequence[str], picks: Sequence[int]) -> tuple[str | None, int]:
    """Return the kind with most picks among those that are frequent here and not everywhere.

    It makes up at least 40 % of the picks and at least 1.8 times its share of the text.

    >>> kind_that_stands_out(["The", " cat", " saw", " a", " dog", "."], [0, 3])
    ('article', 2)
    """
    kinds, T, k = token_kinds(texts), len(texts), len(picks)
    named, most = None, 0
    for kind in load_kinds() if k < T else ():
        count = sum(kind["key"] in kinds[position] for position in picks)
        in_text = sum(kind["key"] in of_token for of_token in kinds)
        if count > most and 5 * count >= 2 * k and 5 * count * T >= 9 * in_text * k:
            named, most = kind["key"], count
    return named, most


def finding(trace: RoutingTrace, layer: int, head: int) -> Finding:
    """Say what a head of a trace keeps."""
    picks = trace.selected(layer, head).tolist()
    key, count = kind_that_stands_out([token.text for token in trace.tokens], picks)
    sentence = f"Layer {layer}, head {head} keeps {len(picks)} of {trace.T} tokens"
    if key is None:
        return Finding(sentence + ".", None, 0)
    kind = next(kind for kind in load_kinds() if kind["key"] == key)
    number = "all" if count == len(picks) > 1 else count
    return Finding(f"{sentence}: {number} {kind['one' if count == 1 else 'many']}.", key, count)


def specialists(trace: RoutingTrace) -> list[Specialist]:
    """Find, for every kind, the head that keeps it most purely, if a head does."""
    best: dict[str, tuple[int, int, int, int]] = {}
    for layer in range(trace.layers):
        for head in range(trace.heads):
            found, k = finding(trace, layer, head), len(trace.selected(layer, head))
            if found.kind is None:
                continue
            count_then, k_then, _, _ = best.get(found.kind, (0, 1, 0, 0))
            if found.count * k_then > count_then * k:
                best[found.kind] = (found.count, k, layer, head)
    rows = [(kind, best[kind["key"]]) for kind in load_kinds() if kind["key"] in best]
    rows.sort(key=lambda row: -row[1][0] / row[1][1])
    return [Specialist(kind["key"], kind["chip"], *row[2:]) for kind, row in rows]


@lru_cache(maxsize=8)  # every head of a trace asks about the same text
def _token_kinds(texts: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(_kinds_of(texts, position)) for position in range(len(texts)))


def _kinds_of(texts: Sequence[str], position: int) -> set[str]:
    text = texts[position].strip(SPACES)
    if not text:
        return set()
    if continues_word(texts, position):
        return {"piece"}
    if not any(_is_word_character(character) for character in text):
        marks = any(unicodedata.category(character).startswith("P") for character in text)
        return {"punctuation"} if marks else set()
    found = {"capital"} if unicodedata.category(text[0]) in ("Lu", "Lt") else set()
    if not continues_word(texts, position + 1):
        word = text.lower()
        found |= {kind["key"] for kind in load_kinds() if word in kind.get("words", ())}
    return found


DIGITS = 6
"""Significant digits of stored numbers: the last of all depend on the processor's logarithm."""


def rounded(value: Any) -> Any:
    """Round every float in plain JSON values, those in Plotly's binary arrays included.

    >>> rounded({"x": [1.777321508289949, 2, 0.1 + 0.2], "y": 123456789.0})
    {'x': [1.77732, 2, 0.3], 'y': 123457000.0}
    """
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        if value.get("dtype") in ("f4", "f8") and isinstance(value.get("bdata"), str):
            numbers = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
            short = np.array([float(f"{x:.{DIGITS}g}") for x in numbers], value["dtype"])
            return {**value, "bdata": base64.b64encode(short.tobytes()).decode("ascii")}
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value
