"""A guess before a figure: what answers the question stays closed until the reader commits."""

from mosa_edu.viz.question import NumberQuestion, Question
from mosa_edu.viz.quiz import Quiz


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
