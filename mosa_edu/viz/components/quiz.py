"""Questions at the end of a chapter: the reader commits to a choice, then the reasons open."""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from mosa_edu.checks import require
from mosa_edu.viz.components.widgets import Component

TAGS = ("code", "i", "sup", "sub")
"""What a run may be; the page accepts no other."""

_MARKED = re.compile(r"`([^`]+)`|\*([^*\s]+)\*|\^\{([^{}]+)\}|_\{([^{}]+)\}")

Phrase = list[str | tuple[str, str]]
"""Plain texts, and (tag, text)."""

Choice = tuple[str, bool, str]
"""What a card says, whether it is right, and the reason why or why not."""


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


@dataclass(frozen=True)
class Question:
    """A question with cards to choose from, of which `right` are right; the reader chooses one.

    Texts are phrases, which may mark `code`, *symbols*, ^{exponents} and _{indices}. The order of
    the choices does not matter: every reader sees an order of their own. A browser keeps the
    answer under `key`: small letters, digits and hyphens, unique in the book.

    >>> choices = [("4", True, "Two and two."), ("22", False, "That joins the digits.")]
    >>> Question("2 + 2?", choices, key="sum")
    Question('2 + 2?', key='sum')
    """

    text: str
    choices: Sequence[Choice]
    key: str
    right: int = 1

    def __post_init__(self) -> None:
        _check(self.text, self.key)
        require(2 <= len(self.choices) <= 6, "choices", len(self.choices), "2 to 6 cards")
        for text, _, reason in self.choices:
            require_phrase(f"choice of {self.key}", text)
            require_phrase(f"reason of {text!r}", reason)
        says = [plain_phrase(text) for text, _, _ in self.choices]
        require(len(set(says)) == len(says), "choices", says, "cards that say different things")
        found = sum(bool(right) for _, right, _ in self.choices)
        require(found == self.right, f"right choices of {self.key}", found, f"{self.right}")

    def __repr__(self) -> str:
        return f"Question({plain_phrase(self.text)!r}, key={self.key!r})"

    @property
    def mixed(self) -> list[Choice]:
        """Return the choices in an order that depends on their texts alone."""
        return sorted(self.choices, key=lambda choice: _digest([self.key, choice[0]]))

    def state(self) -> dict[str, Any]:
        """Return what the page draws, as plain JSON values."""
        choices = [
            {"text": read_phrase(text), "right": bool(right), "reason": read_phrase(reason)}
            for text, right, reason in self.mixed
        ]
        return {"id": _id(self.key, choices), "text": read_phrase(self.text), "choices": choices}

    def fallback(self) -> str:
        """Return HTML for readers without scripts: each choice opens on its reason."""
        opened = "".join(
            _details(phrase_html(text), ("✓ " if right else "✕ ") + phrase_html(reason))
            for text, right, reason in self.mixed
        )
        return f"<p><b>{phrase_html(self.text)}</b></p>\n{opened}"


@dataclass(frozen=True)
class NumberQuestion:
    """A question whose answer is a number, shown with `digits` decimals and a `unit`.

    A guess that is off by `tolerance` at most counts as well guessed.

    >>> NumberQuestion("1/7?", 1 / 7, key="seventh", reason="Divide.", digits=2).shown
    '0.14'
    """

    text: str
    number: float
    key: str
    reason: str
    tolerance: float = 0
    digits: int = 0
    unit: str = ""

    def __post_init__(self) -> None:
        _check(self.text, self.key)
        require_phrase(f"reason of {self.key}", self.reason)
        require(math.isfinite(self.number), "number", self.number, "finite")
        require(self.tolerance >= 0, "tolerance", self.tolerance, "at least 0")
        require(self.digits >= 0, "digits", self.digits, "at least 0")

    def __repr__(self) -> str:
        return f"NumberQuestion({plain_phrase(self.text)!r}, key={self.key!r})"

    @property
    def shown(self) -> str:
        """Return the answer as it is written, with its unit."""
        return f"{self.number:,.{self.digits}f} {self.unit}".strip()

    def state(self) -> dict[str, Any]:
        """Return what the page draws, as plain JSON values."""
        answer = {"number": round(float(self.number), self.digits), "shown": self.shown}
        return {
            "id": _id(self.key, answer),
            "text": read_phrase(self.text),
            **answer,
            "tolerance": self.tolerance,
            "reason": read_phrase(self.reason),
        }

    def fallback(self) -> str:
        """Return HTML for readers without scripts: a line that opens on the answer."""
        answer = f"<b>{phrase_html(self.shown)}</b>. {phrase_html(self.reason)}"
        opened = _details("Guess a number, then open", answer)
        return f"<p><b>{phrase_html(self.text)}</b></p>\n{opened}"


def _check(text: str, key: str) -> None:
    require_phrase(f"text of {key}", text)
    form = re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", key)
    require(form is not None, "key", key, "small letters and digits, joined by hyphens")


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _id(key: str, answers: object) -> str:
    """Return a name that changes with the answers, so that old ones are not taken for new."""
    return f"{key}-{_digest(answers)[:6]}"


def _details(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary><p>{text}</p></details>\n"


# Browsers do not print what is closed unless they are told to.
_PRINTED = "@media print{.mosa-quiz ::details-content{content-visibility:visible;height:auto}}"


class Quiz(Component):
    """One or more questions in a card; the answers stay in the reader's browser.

    No answer opens before the reader has chosen. Then every card that is opened carries ✓ or ✕
    and a reason. A switch, *Read through*, opens all answers of the book.

    Parameters
    ----------
    questions : Question, NumberQuestion or sequence of them
        What to ask; of several, one is shown at a time.

    Raises
    ------
    ValueError
        If there is no question, or two have the same key.

    Examples
    --------
    >>> choices = [("4", True, "Two and two."), ("22", False, "That joins the digits.")]
    >>> Quiz(Question("2 + 2?", choices, key="sum"))
    Quiz('2 + 2?')
    """

    component = "quiz"
    title = "Check yourself"
    covers = False

    def __init__(
        self, questions: Question | NumberQuestion | Sequence[Question | NumberQuestion]
    ) -> None:
        asked = (questions,) if isinstance(questions, Question | NumberQuestion) else questions
        self.questions = tuple(asked)
        keys = [question.key for question in self.questions]
        require(len(keys) > 0, "questions", "none", "at least one question")
        require(len(set(keys)) == len(keys), "keys of questions", keys, "unique")
        states = [question.state() for question in self.questions]
        super().__init__({"name": self.title, "covers": self.covers, "questions": states})

    def __repr__(self) -> str:
        texts = ", ".join(repr(plain_phrase(question.text)) for question in self.questions)
        return f"{type(self).__name__}({texts})"

    def fallback(self) -> str:
        """Return the questions, and the reasons in parts that open one by one."""
        asked = "\n".join(question.fallback() for question in self.questions)
        return f'<div class="mosa-quiz">\n<style>{_PRINTED}</style>\n{asked}</div>'


class Predict(Quiz):
    """One question whose answer is the output of the next cell.

    On a page of the book that output stays closed until the reader has answered. In a running
    notebook the reader opens it by running the cell. Without scripts, and in print, nothing is
    closed.

    Parameters
    ----------
    question : Question or NumberQuestion
        What to guess: one of a few choices, or a number, of which the reader then hears how far
        off the guess was.

    Examples
    --------
    >>> Predict(NumberQuestion("1 + 1?", 2, key="two", reason="Count."))
    Predict('1 + 1?')
    """

    title = "Predict, then check"
    covers = True

    def __init__(self, question: Question | NumberQuestion) -> None:
        super().__init__(question)


_NUMBER = {"text", "number", "reason", "tolerance", "digits", "unit"}
_CHOICES = {"text", "right", "wrong"}


def read_questions(chapter: str) -> dict[str, Any]:
    """Return what a chapter's file holds."""
    known = {path.name[: -len(".toml")]: path for path in _files()}
    require(chapter in known, "chapter", chapter, f"one of {sorted(known)}")
    return tomllib.loads(known[chapter].read_text(encoding="utf-8"))


def chapters() -> list[str]:
    """Return the names of the chapters that have questions."""
    return sorted(path.name[: -len(".toml")] for path in _files())


def predict(chapter: str, name: str, number: float | None = None) -> Predict:
    """Ask for a guess before the next cell shows the answer."""
    known = read_questions(chapter).get("predict", {})
    require(name in known, "name", name, f"one of {list(known)}")
    table = known[name] if number is None else {**known[name], "number": float(number)}
    return Predict(as_question(f"{chapter}-{name}", table))


def quiz(chapter: str) -> Quiz:
    """Ask the closed-book questions of a chapter."""
    tables = read_questions(chapter).get("quiz", [])
    asked = []
    for table in tables:
        fields = {field: value for field, value in table.items() if field != "name"}
        asked.append(as_question(f"{chapter}-{table.get('name', '')}", fields))
    return Quiz(asked)


def as_question(key: str, table: Mapping[str, Any]) -> Question | NumberQuestion:
    """Return the question that a table of a file describes."""
    if "right" in table:
        require(set(table) == _CHOICES, f"fields of {key}", sorted(table), f"{sorted(_CHOICES)}")
        pairs = [table["right"], *table["wrong"]]
        require(all(len(pair) == 2 for pair in pairs), f"choices of {key}", pairs, "pairs of texts")
        choices = [(text, i == 0, reason) for i, (text, reason) in enumerate(pairs)]
        return Question(table["text"], choices, key=key)
    fits = {"text", "number", "reason"} <= set(table) <= _NUMBER
    require(fits, f"fields of {key}", sorted(table), "text, number and reason, or right and wrong")
    return NumberQuestion(key=key, **table)


def _files() -> list[Any]:
    return [
        path for path in (files(__package__) / "questions").iterdir() if path.name.endswith(".toml")
    ]
