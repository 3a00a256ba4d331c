"""The book's questions, one file a chapter, and the two calls that put them into a notebook.

A chapter's file, ``chNN.toml``, holds its predictions by name and the questions of its quiz::

    [predict.softmax]
    text = "By how much does the softmax of token 1 fall?"
    right = ["From .249 to .038", "All weights share one unit."]
    wrong = [
      ["Not at all", "That is the sigmoid: it looks at no other token."],
      ["To zero", "Its odds are still 4."],
    ]

    [predict.pairs]
    text = "How many pairs does the head compute?"
    number = 91
    tolerance = 5
    reason = "13 × 14 / 2: each pick sees itself and the earlier picks."

    [[quiz]]
    name = "gate"
    text = "..."
    right = [...]
    wrong = [...]

In the chapter, ``predict("ch03", "softmax")`` stands in a cell tagged ``remove-input``, right
before the cell whose output is the answer, and ``quiz("ch03")`` at the end. Texts may hold the few
marks of `mosa_edu.viz.phrase`. A number that a cell computes is passed, not typed into the file:
``predict("ch08", "hubs", number=clocks.heads_per_token().max())``.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from mosa_edu.checks import require
from mosa_edu.viz.predict import Predict
from mosa_edu.viz.question import NumberQuestion, Question
from mosa_edu.viz.quiz import Quiz

_NUMBER = {"text", "number", "reason", "tolerance", "digits", "unit"}
_CHOICES = {"text", "right", "wrong"}


def read_questions(chapter: str) -> dict[str, Any]:
    """Return what a chapter's file holds.

    Parameters
    ----------
    chapter : str
        For example "ch03".

    Returns
    -------
    dict
        Under "predict" tables by name, under "quiz" a list of tables.

    Raises
    ------
    ValueError
        If there is no such file.
    """
    known = {path.name[: -len(".toml")]: path for path in _files()}
    require(chapter in known, "chapter", chapter, f"one of {sorted(known)}")
    return tomllib.loads(known[chapter].read_text(encoding="utf-8"))


def chapters() -> list[str]:
    """Return the names of the chapters that have questions."""
    return sorted(path.name[: -len(".toml")] for path in _files())


def predict(chapter: str, name: str, number: float | None = None) -> Predict:
    """Ask for a guess before the next cell shows the answer.

    Parameters
    ----------
    chapter : str
        For example "ch03".
    name : str
        Of the prediction in the chapter's file.
    number : float, optional
        The answer, where a cell has computed it.

    Returns
    -------
    Predict
        The card.

    Raises
    ------
    ValueError
        If the chapter has no such prediction, or the file does not describe a question.
    """
    known = read_questions(chapter).get("predict", {})
    require(name in known, "name", name, f"one of {list(known)}")
    table = known[name] if number is None else {**known[name], "number": float(number)}
    return Predict(as_question(f"{chapter}-{name}", table))


def quiz(chapter: str) -> Quiz:
    """Ask the closed-book questions of a chapter.

    Parameters
    ----------
    chapter : str
        For example "ch03".

    Returns
    -------
    Quiz
        The card.

    Raises
    ------
    ValueError
        If the chapter has no quiz, or the file does not describe questions.
    """
    tables = read_questions(chapter).get("quiz", [])
    asked = []
    for table in tables:
        fields = {field: value for field, value in table.items() if field != "name"}
        asked.append(as_question(f"{chapter}-{table.get('name', '')}", fields))
    return Quiz(asked)


def as_question(key: str, table: Mapping[str, Any]) -> Question | NumberQuestion:
    """Return the question that a table of a file describes.

    Parameters
    ----------
    key : str
        Of the question.
    table : mapping
        `text`, `right` and `wrong`, or `text`, `number` and `reason`.

    Returns
    -------
    Question or NumberQuestion
        The question.

    Raises
    ------
    ValueError
        If fields are missing or unknown, or the question refuses them.
    """
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
    return [path for path in files(__package__).iterdir() if path.name.endswith(".toml")]
