"""One true sentence about what a head keeps, for any text.

The page says the same sentence: `web/lib/finding.js` follows this file, and both read the kinds
of tokens from `web/lib/token_kinds.js`. All comparisons are of integers, so that both agree to the
last case.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape
from importlib import resources
from typing import Any, NamedTuple
from unicodedata import category

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace

SPACES = (
    " \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""What is stripped off a token, written out because languages disagree on what a space is."""


class Word(NamedTuple):
    """The word around a token: what stands before the piece, the piece, what stands after."""

    before: str
    piece: str
    after: str


def is_word_character(character: str) -> bool:
    """Whether words are made of it: a letter, a mark on a letter, or a digit."""
    return unicodedata.category(character)[0] in "LMN"


def continues_word(texts: Sequence[str], position: int) -> bool:
    """Whether a token goes on with the word that the token before it began.

    >>> [continues_word([" th", "ird", "."], position) for position in range(3)]
    [False, True, False]
    """
    if not 0 < position < len(texts) or not texts[position] or not texts[position - 1]:
        return False
    return is_word_character(texts[position][0]) and is_word_character(texts[position - 1][-1])


def token_labels(texts: Sequence[str]) -> list[str]:
    r"""Write tokens so that each can be told apart from its neighbours.

    >>> token_labels(["The", " th", "ird", " ", "\n", "", "."])
    ['The', 'th', '·ird', '␣', '⏎', '▯', '.']
    """
    return [_label(texts, position) for position in range(len(texts))]


def shown_labels(texts: Sequence[str]) -> list[str]:
    """Return the labels of tokens as Plotly must read them: it takes `<b>` for markup."""
    return [label.replace("&", "&amp;").replace("<", "&lt;") for label in token_labels(texts)]


def word_around(texts: Sequence[str], position: int) -> Word:
    """Return the whole word that a token is part of.

    >>> word_around([" watch", "man", "."], 1)
    Word(before='watch', piece='man', after='')
    """
    first, last = position, position
    while continues_word(texts, first):
        first -= 1
    while continues_word(texts, last + 1):
        last += 1
    before = "".join(texts[first:position]).lstrip(SPACES)
    after = "".join(texts[position + 1 : last + 1])
    label = token_labels(texts[position : position + 1])[0]
    return Word(before, label, after)


def _label(texts: Sequence[str], position: int) -> str:
    text = texts[position]
    if text == "":
        return "▯"
    if text.strip(SPACES) == "":
        return "".join("⏎" if character == "\n" else "␣" for character in text)
    return "·" + text if continues_word(texts, position) else text.strip(SPACES)


MOST_OTHERS = 7
MOST_NEXT = 4


@dataclass(frozen=True)
class Finding:
    """What a head keeps, in words.

    Attributes
    ----------
    who, keeps, what : str
        The sentence in three parts, of which a picture may stress the second.
    detail : str
        A second line, possibly empty.
    kind : str or None
        Key of the kind that is named, None if no kind stands out.
    count : int
        Picks of that kind.
    """

    who: str
    keeps: str
    what: str
    detail: str
    kind: str | None
    count: int

    @property
    def sentence(self) -> str:
        """The whole sentence."""
        return self.who + self.keeps + self.what


class Specialist(NamedTuple):
    """The head that keeps a kind of token most purely."""

    kind: str
    chip: str
    layer: int
    head: int


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


def describe(
    texts: Sequence[str], layer: int, head: int, picks: Sequence[int], ranked: Sequence[int]
) -> Finding:
    """Say what a head keeps.

    Of the kinds that make up at least 40 % of the picks and at least 1.8 times their share of
    the text, the one with most picks is named; if there is none, the best token is.
    """
    T, k = len(texts), len(picks)
    who = f"Layer {layer}, head {head} "
    if k == 0:
        return Finding(who, "keeps no token", ".", "", None, 0)
    if k == T:
        keeps = "keeps the only token" if T == 1 else f"keeps all {T} tokens"
        return Finding(who, keeps, ".", "Nothing is left out.", None, 0)
    keeps = f"keeps {k} of {T} tokens"
    kinds, labels = token_kinds(texts), token_labels(texts)
    named = _kind_that_stands_out(kinds, picks)
    if named is None:
        what = f", first of all {labels[ranked[0]]}." if ranked else "."
        return Finding(who, keeps, what, _without_kind(labels, picks, ranked), None, 0)
    key = named["key"]
    others = [labels[position] for position in picks if key not in kinds[position]]
    count = k - len(others)
    in_text = sum(key in kind for kind in kinds)
    number = "all" if count == k > 1 else str(count)
    what = f": {number} {named['one'] if count == 1 else named['many']}."
    detail = f"{named['share']} are {_percent(in_text, T)} of the text."
    if len(others) == 1:
        detail += f" The other pick: {others[0]}."
    elif 1 < len(others) <= MOST_OTHERS:
        detail += f" The other {len(others)} picks: {', '.join(others)}."
    return Finding(who, keeps, what, detail, key, count)


def finding(trace: RoutingTrace, layer: int, head: int) -> Finding:
    """Say what a head of a trace keeps."""
    texts = [token.text for token in trace.tokens]
    picks = trace.picks(layer, head).tolist()
    return describe(texts, layer, head, picks, ranked_picks(trace, layer, head))


def ranked_picks(trace: RoutingTrace, layer: int, head: int) -> list[int]:
    """Return the picks of a head from the highest score to the lowest."""
    picks = trace.picks(layer, head)
    scores = trace.scores[layer, head, picks]
    if (scores == scores[:1]).all():
        return []
    kept = set(picks.tolist())
    return [position for position in trace.order[layer, head].tolist() if position in kept]


def specialists(trace: RoutingTrace) -> list[Specialist]:
    """Find, for every kind, the head that keeps it most purely, if a head does."""
    best: dict[str, tuple[int, int, int, int]] = {}
    for layer in range(trace.layers):
        for head in range(trace.heads):
            found, k = finding(trace, layer, head), len(trace.picks(layer, head))
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
    if not any(is_word_character(character) for character in text):
        marks = any(category(character).startswith("P") for character in text)
        return {"punctuation"} if marks else set()
    found = {"capital"} if category(text[0]) in ("Lu", "Lt") else set()
    if not continues_word(texts, position + 1):
        word = text.lower()
        found |= {kind["key"] for kind in load_kinds() if word in kind.get("words", ())}
    return found


def _kind_that_stands_out(
    kinds: Sequence[frozenset[str]], picks: Sequence[int]
) -> dict[str, Any] | None:
    """Return the kind with most picks among those that are frequent here and not everywhere."""
    T, k = len(kinds), len(picks)
    named, most = None, 0
    for kind in load_kinds():
        count = sum(kind["key"] in kinds[position] for position in picks)
        in_text = sum(kind["key"] in of_token for of_token in kinds)
        frequent = 5 * count >= 2 * k  # 40 % of the picks
        special = 5 * count * T >= 9 * in_text * k  # 1.8 times its share of the text
        if count > most and frequent and special:
            named, most = kind, count
    return named


def _without_kind(labels: Sequence[str], picks: Sequence[int], ranked: Sequence[int]) -> str:
    if not ranked:
        shown = [labels[position] for position in picks[: MOST_OTHERS + 1]]
        return f"Its picks: {', '.join(shown)}{', …' if len(picks) > len(shown) else '.'}"
    following = [labels[position] for position in ranked[1 : 1 + MOST_NEXT]]
    return f"Next in its ranking: {', '.join(following)}." if following else ""


def _percent(part: int, whole: int) -> str:
    """Write a share in whole percent, halves up, with a space that does not break."""
    rounded = (200 * part + whole) // (2 * whole)
    return f"{rounded}\N{NO-BREAK SPACE}%" if rounded else "less than 1\N{NO-BREAK SPACE}%"


TAGS = ("code", "i", "sup", "sub")
"""What a run may be; the page accepts no other."""

_MARKED = re.compile(r"`([^`]+)`|\*([^*\s]+)\*|\^\{([^{}]+)\}|_\{([^{}]+)\}")

Phrase = list[str | tuple[str, str]]
"""Plain texts, and (tag, text)."""


def read_phrase(text: str) -> Phrase:
    """Take a text apart.

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

    >>> phrase_html("*T* < 3")
    '<i>T</i> &lt; 3'
    """
    return "".join(
        escape(run) if isinstance(run, str) else f"<{run[0]}>{escape(run[1])}</{run[0]}>"
        for run in read_phrase(text)
    )


def plain_phrase(text: str) -> str:
    """Return a phrase without its marks.

    >>> plain_phrase("*k*^{2}")
    'k2'
    """
    return "".join(run if isinstance(run, str) else run[1] for run in read_phrase(text))


def require_phrase(argument: str, text: object) -> None:
    """Refuse what is no text, or an empty one."""
    require(
        isinstance(text, str) and bool(text.strip()), argument, text, "a text that says something"
    )
