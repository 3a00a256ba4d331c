"""Every check of every chapter accepts its solution and names each of its known mistakes."""

import copy
from importlib import import_module

import numpy as np
import pytest
import torch
from answers import ch12 as said

from mosa_edu.exercises import ch01, ch12

CHAPTERS = [import_module(f"answers.ch{number:02d}") for number in range(1, 13)]
RIGHT = [
    (check, answer)
    for chapter in CHAPTERS
    for check, answers in chapter.SOLUTIONS.items()
    for answer in answers
]
MISTAKES = [
    (check, *mistake)
    for chapter in CHAPTERS
    for check, mistakes in chapter.MISTAKES.items()
    for mistake in mistakes
]


def name(value):
    return getattr(value, "__name__", str(value))


def as_numpy(found):
    return found.detach().numpy() if isinstance(found, torch.Tensor) else found


def as_double(found):
    is_float = isinstance(found, torch.Tensor) and found.is_floating_point()
    return found.double() if is_float else found


def as_lists(found):
    return found.tolist() if isinstance(found, torch.Tensor | np.ndarray) else found


def returning(change, answer):
    """The answer in another form; each of several results by itself."""

    def changed(*args):
        found = answer(*args)
        if isinstance(found, tuple):
            return tuple(map(change, found))
        return change(found)

    return changed


def spoiling(answer):
    """The answer, from a function that leaves nothing of what it was handed."""

    def spoilt(*args):
        kept = [arg.clone() if isinstance(arg, torch.Tensor) else copy.copy(arg) for arg in args]
        found = answer(*kept)
        for arg in args:
            if isinstance(arg, torch.Tensor):
                arg.fill_(1)
            elif isinstance(arg, np.ndarray):
                arg[...] = 1
            elif isinstance(arg, dict):
                arg.clear()
        return found

    return spoilt


def constant(answer):
    """A function that knows the first result alone."""
    known = []

    def same_again(*args):
        found = answer(*args)
        known.append(copy.deepcopy(found))
        return known[0]

    return same_again


def test_every_check_has_three_right_answers_and_three_mistakes():
    for chapter in CHAPTERS:
        exercises = import_module(f"mosa_edu.exercises.{chapter.__name__.split('.')[1]}")
        checks = {vars(exercises)[n] for n in vars(exercises) if n.startswith("check_")}
        assert checks == chapter.SOLUTIONS.keys() == chapter.MISTAKES.keys()
        for check in checks:
            assert min(len(chapter.SOLUTIONS[check]), len(chapter.MISTAKES[check])) >= 3, check


@pytest.mark.parametrize(("check", "answer"), RIGHT, ids=name)
def test_right_answers_pass_however_they_are_written(check, answer):
    """In place, in float64, in NumPy, in lists: each was refused, or ended in a torch error."""
    for change in (as_double, as_numpy, as_lists):
        assert check(returning(change, answer)), check(returning(change, answer))
    assert check(answer), check(answer)
    assert check(spoiling(answer)), check(spoiling(answer))


@pytest.mark.parametrize("check", {check: None for check, _ in RIGHT}, ids=name)
def test_an_empty_answer_stops_nothing(check):
    assert repr(check(None)) == "not tried yet"
    assert repr(check(lambda *args: ...)) == "not tried yet"


@pytest.mark.parametrize(("check", "wrong", "named"), MISTAKES, ids=name)
def test_known_mistakes_are_named(check, wrong, named):
    verdict = check(wrong)
    assert not verdict.passed
    assert named in verdict.message, verdict
    assert "could not be compared" not in verdict.message, verdict


@pytest.mark.parametrize(
    ("check", "answer"), [pair for pair in RIGHT if pair[0] is not ch12.check_headline], ids=name
)
def test_the_first_right_result_is_not_right_again(check, answer):
    """Catches a check with one test case, which a constant passes."""
    assert not check(constant(answer))


@pytest.mark.parametrize("check", {check: None for check, _ in RIGHT}, ids=name)
def test_a_result_of_another_sort_is_one_sentence(check):
    for other in (object(), {"a": object()}, "a" if check is not ch12.check_headline else 3):
        verdict = check(lambda *args, other=other: other)
        assert not verdict.passed
        assert "\n" not in verdict.message
        assert "could not be compared" not in verdict.message, verdict


def test_a_function_that_raises_is_told_so():
    """The notebook goes on: a check reports, it never raises."""
    assert "ZeroDivisionError" in repr(ch01.check_weights(lambda m: 1 / 0))


def test_the_librarys_own_triangle_is_the_mistake_it_is_taken_for():
    """PyTorch's is_causal puts the triangle top left: the mistake that chapter 2 names last."""
    values = torch.arange(5.0)[None, :, None]
    query, keys = torch.zeros(1, 1, 1), torch.zeros(1, 5, 1)
    read = torch.nn.functional.scaled_dot_product_attention(query, keys, values, is_causal=True)
    assert read.item() == 0


def test_a_word_inside_another_or_one_that_is_denied_is_no_boast():
    """Catches "proves" found in "improves", and a modest sentence taken for a boast."""
    improves = said.saying("perplexity falls", "MoSA improves perplexity")
    assert ch12.check_headline(improves), ch12.check_headline(improves)
    denied = ch12.check_headline(lambda: said.headline() + " Nothing is proven, nothing is faster.")
    assert denied, denied
    assert not ch12.check_headline(lambda: said.headline() + " That proves a lot.")
