"""How tokens are written in pictures: pieces of words are told from words."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

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

    Parameters
    ----------
    texts : sequence of str
        The tokens as written, spaces included.
    position : int
        Which token.

    Returns
    -------
    bool
        Both sides of the cut are letters, marks or digits.

    Examples
    --------
    >>> [continues_word([" th", "ird", "."], position) for position in range(3)]
    [False, True, False]
    """
    if not 0 < position < len(texts) or not texts[position] or not texts[position - 1]:
        return False
    return is_word_character(texts[position][0]) and is_word_character(texts[position - 1][-1])


def token_labels(texts: Sequence[str]) -> list[str]:
    r"""Write tokens so that each can be told apart from its neighbours.

    Parameters
    ----------
    texts : sequence of str
        The tokens as written, spaces included.

    Returns
    -------
    list of str
        Words without their space; the rest of a word behind a dot; visible signs for tokens of
        spaces and line breaks alone, and for a token that is only part of a character.

    Examples
    --------
    >>> token_labels(["The", " th", "ird", " ", "\n", "", "."])
    ['The', 'th', '·ird', '␣', '⏎', '▯', '.']
    """
    return [_label(texts, position) for position in range(len(texts))]


def word_around(texts: Sequence[str], position: int) -> Word:
    """Return the whole word that a token is part of.

    Parameters
    ----------
    texts : sequence of str
        The tokens as written, spaces included.
    position : int
        Which token.

    Returns
    -------
    Word
        The word in three parts; parts are empty where there is nothing.

    Examples
    --------
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
