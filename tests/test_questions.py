"""Protects the book's questions: each in its place, before its answer, with a reason everywhere.

A prediction that stands behind its answer, a question that no chapter asks, a number that the
chapter's own cell contradicts, or a right card that readers find by its place, fails.
"""

import json
import re
from pathlib import Path

import nbformat
import pytest
from figure_pages import refuses
from test_quiz import PAIRS

from mosa_edu.viz.components.quiz import (
    NumberQuestion,
    Question,
    Quiz,
    as_question,
    chapters,
    phrase_html,
    plain_phrase,
    predict,
    quiz,
    read_phrase,
    read_questions,
)

BOOK = sorted((Path(__file__).resolve().parent.parent / "book").glob("ch*.ipynb"))
CALL = re.compile(r"(predict|quiz)\((.*)\)", re.S)


def every_question():
    found = []
    for chapter in chapters():
        table = read_questions(chapter)
        for name, own in table.get("predict", {}).items():
            known = own if "right" in own or "number" in own else {**own, "number": 1}
            found.append(as_question(f"{chapter}-{name}", known))
        found += quiz(chapter).questions if table.get("quiz") else []
    return found


def calls():
    """Return (chapter of the notebook, cells, place of the call, function, arguments)."""
    found = []
    for path in BOOK:
        cells = nbformat.read(path, 4).cells
        for place, cell in enumerate(cells):
            match = CALL.fullmatch(cell.source) if cell.cell_type == "code" else None
            if match:
                names = re.findall(r'"([^"]+)"', match[2])
                found.append((path.stem[:4], cells, place, match[1], names))
    return found


def test_every_question_of_the_book_stands_once_in_its_own_chapter():
    placed = [(kind, *names) for _, _, _, kind, names in calls()]
    assert len(set(placed)) == len(placed)
    assert all(names[0] == chapter for chapter, _, _, _, names in calls())
    written = [("quiz", chapter) for chapter in chapters() if read_questions(chapter).get("quiz")]
    for chapter in chapters():
        written += [("predict", chapter, own) for own in read_questions(chapter).get("predict", {})]
    assert sorted(placed) == sorted(written)


def test_every_prediction_stands_before_the_output_that_answers_it():
    for chapter, cells, place, kind, names in calls():
        assert cells[place].metadata.tags == ["remove-input"], names
        if kind == "quiz":
            continue
        after = cells[place + 1]
        assert after.cell_type == "code", f"{chapter}: {names} has no cell behind it"
        assert after.outputs, f"{chapter}: the cell behind {names} shows nothing"
        asked = read_questions(chapter)["predict"][names[1]]
        printed = "".join(output.get("text", "") for output in after.outputs)
        if "number" in asked and printed:
            shown = f"{asked['number']:,.{asked.get('digits', 0)}f}"
            assert shown in printed, f"{chapter}: {names}: {shown} is not what the cell prints"


def test_keys_of_the_book_differ_and_the_right_card_is_not_always_first():
    questions = every_question()
    keys = [question.key for question in questions]
    assert len(set(keys)) == len(keys)
    states = [q.state()["choices"] for q in questions if isinstance(q, Question)]
    places = [[choice["right"] for choice in choices].index(True) for choices in states]
    for place in range(3):
        assert places.count(place) <= 0.5 * len(places) + 2
    for question in questions:
        assert len(plain_phrase(question.text)) <= 180, question


def test_phrases_know_four_marks_and_nothing_else():
    assert read_phrase("`a*b*` *T*^{2} x_{t}") == [
        *(("code", "a*b*"), " ", ("i", "T"), ("sup", "2"), " x", ("sub", "t"))
    ]
    for open_mark in ("2 * 3 * 4", "a ` b", "x^2", "a_b_c", "*", ""):
        assert "".join(run for run in read_phrase(open_mark)) == open_mark
    assert phrase_html("`</script><b>` & *<i>*") == (
        "<code>&lt;/script&gt;&lt;b&gt;</code> &amp; <i>&lt;i&gt;</i>"
    )


def test_order_of_the_author_changes_nothing_and_a_changed_answer_is_another_question():
    turned = Question(PAIRS.text, PAIRS.choices[::-1], key="pairs")
    assert turned.state() == PAIRS.state()
    changed = [*PAIRS.choices[:3], ("90", False, "One pair short.")]
    assert Question(PAIRS.text, changed, key="pairs").state()["id"] != PAIRS.state()["id"]
    assert json.loads(json.dumps(PAIRS.state()))["id"].startswith("pairs-")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"choices": [("a", False, "r"), ("b", False, "r")]}, "right choices of pairs must be 1"),
        ({"choices": [("a", True, "r"), ("b", True, "r")]}, "right choices of pairs must be 1"),
        ({"choices": [("a", True, "r"), ("b", False, " ")]}, "reason of 'b' must be"),
        ({"choices": [("a", True, "r"), ("*a*", False, "r")]}, "different things"),
        ({"choices": [("a", True, "r")]}, "2 to 6"),
        ({"text": ""}, "text of pairs"),
        ({"key": "Two words"}, "joined by hyphens"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(change, message):
    fields = {"text": PAIRS.text, "choices": PAIRS.choices, "key": PAIRS.key}
    with pytest.raises(ValueError, match=message):
        Question(**(fields | change))


def test_several_right_cards_must_be_said_so_and_numbers_must_be_numbers():
    both = [("a", True, "r"), ("b", True, "r"), ("c", False, "r")]
    assert Question("Which?", both, key="both", right=2).right == 2
    for bad in ({"number": float("nan")}, {"tolerance": -1}, {"digits": -1}, {"reason": ""}):
        fields = {"text": "?", "number": 1, "key": "n", "reason": "r"} | bad
        refuses("must be", NumberQuestion, **fields)
    refuses("unique", Quiz, [PAIRS, PAIRS])
    refuses("chapter must be one of", predict, "ch99", "x")
    fields = {"text": "?", "right": ["a", "b"], "wrong": [], "hint": "c"}
    refuses("fields of x", as_question, "x", fields)
