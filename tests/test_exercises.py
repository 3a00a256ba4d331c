"""Every check of every chapter accepts its solution and names each of its known mistakes."""

from importlib import import_module

import numpy as np
import pytest
import torch
from answers import ch08 as counted
from answers import ch12 as said

from mosa_edu.exercises import ch01, ch08, ch12

CHAPTERS = [import_module(f"answers.ch{number:02d}") for number in range(1, 13)]
SOLUTIONS = [pair for chapter in CHAPTERS for pair in chapter.SOLUTIONS.items()]
MISTAKES = [
    (check, *mistake)
    for chapter in CHAPTERS
    for check, mistakes in chapter.MISTAKES.items()
    for mistake in mistakes
]


def name(value):
    return getattr(value, "__name__", str(value))


def test_every_check_has_a_solution_and_a_mistake():
    for chapter in CHAPTERS:
        exercises = import_module(f"mosa_edu.exercises.{chapter.__name__.split('.')[1]}")
        checks = {vars(exercises)[n] for n in vars(exercises) if n.startswith("check_")}
        assert checks == chapter.SOLUTIONS.keys() == chapter.MISTAKES.keys()


@pytest.mark.parametrize(("check", "solution"), SOLUTIONS, ids=name)
def test_the_solution_passes_and_an_empty_answer_stops_nothing(check, solution):
    assert check(solution), check(solution)
    assert repr(check(None)) == "not tried yet"
    assert repr(check(lambda *args: ...)) == "not tried yet"


@pytest.mark.parametrize(("check", "wrong", "named"), MISTAKES, ids=name)
def test_known_mistakes_are_named(check, wrong, named):
    verdict = check(wrong)
    assert not verdict.passed
    assert named in verdict.message, verdict


def test_a_function_that_raises_is_told_so():
    """The notebook goes on: a check reports, it never raises."""
    assert "ZeroDivisionError" in repr(ch01.check_weights(lambda m: 1 / 0))


def test_the_librarys_own_triangle_is_the_mistake_it_is_taken_for():
    """PyTorch's is_causal puts the triangle top left: the mistake that chapter 2 names last."""
    values = torch.arange(5.0)[None, :, None]
    query, keys = torch.zeros(1, 1, 1), torch.zeros(1, 5, 1)
    read = torch.nn.functional.scaled_dot_product_attention(query, keys, values, is_causal=True)
    assert read.item() == 0


def test_an_overlap_by_many_draws_passes():
    generator = np.random.default_rng(0)

    def drawn(a, b):
        masks = generator.random((4000, 2, len(a))).argsort(axis=-1) < a.sum()
        either = masks.any(axis=1).sum(axis=-1)
        null = (masks.all(axis=1).sum(axis=-1) / np.maximum(either, 1)).mean()
        return counted.overlap(a, b)[0], null

    assert ch08.check_overlap(drawn), ch08.check_overlap(drawn)


def test_a_word_inside_another_or_one_that_is_denied_is_no_boast():
    """Catches "proves" found in "improves", and a modest sentence taken for a boast."""
    improves = said.saying("perplexity falls", "MoSA improves perplexity")
    assert ch12.check_headline(improves), ch12.check_headline(improves)
    denied = ch12.check_headline(lambda: said.headline() + " Nothing is proven, nothing is faster.")
    assert denied, denied
    assert not ch12.check_headline(lambda: said.headline() + " That proves a lot.")
