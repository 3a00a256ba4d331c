"""Questions at the end of a chapter: the reader commits to a choice, then the reasons open."""

from collections.abc import Sequence
from typing import Any

import traitlets

from mosa_edu.checks import require
from mosa_edu.viz.assets import module_text
from mosa_edu.viz.phrase import plain_phrase
from mosa_edu.viz.question import NumberQuestion, Question
from mosa_edu.viz.widgets import Component

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
    _esm = module_text("quiz")
    data = traitlets.Dict().tag(sync=True)

    def __init__(
        self, questions: Question | NumberQuestion | Sequence[Question | NumberQuestion]
    ) -> None:
        asked = (questions,) if isinstance(questions, Question | NumberQuestion) else questions
        self.questions = tuple(asked)
        keys = [question.key for question in self.questions]
        require(len(keys) > 0, "questions", "none", "at least one question")
        require(len(set(keys)) == len(keys), "keys of questions", keys, "unique")
        states = [question.state() for question in self.questions]
        super().__init__(data={"name": self.title, "covers": self.covers, "questions": states})

    def __repr__(self) -> str:
        texts = ", ".join(repr(plain_phrase(question.text)) for question in self.questions)
        return f"{type(self).__name__}({texts})"

    def state(self) -> dict[str, Any]:
        """Return what the page draws."""
        return {"data": self.data}

    def fallback(self) -> str:
        """Return the questions, and the reasons in parts that open one by one."""
        asked = "\n".join(question.fallback() for question in self.questions)
        return f'<div class="mosa-quiz">\n<style>{_PRINTED}</style>\n{asked}</div>'
