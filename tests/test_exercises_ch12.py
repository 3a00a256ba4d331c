"""Every check of chapter 12 accepts the solution and names each of its known mistakes."""

import pytest

from mosa_edu.exercises import ch12


def saving(T, n_dense, n_kept, n_mosa, k):
    return 100 * (1 - (n_kept * T + n_mosa * k) / (n_dense * T))


def match(first, second):
    return {name for name in first if abs(second[name] - first[name]) <= 0.01 * first[name]}


def headline():
    return (
        "At equal FLOPs and 15 times the parameters, with routers that see the whole text, "
        "perplexity falls from 22.46 to 16.39; the number of seeds is not stated."
    )


def ablation(settings):
    return settings | {"selection": "prefix"}


SOLUTIONS = {
    ch12.check_kv_saving: saving,
    ch12.check_match: match,
    ch12.check_headline: headline,
    ch12.check_ablation: ablation,
}


def saying(old, new):
    return lambda: headline().replace(old, new)


def without(*words):
    def said():
        text = headline()
        for word in words:
            text = text.replace(word, "")
        return text

    return said


MISTAKES = [
    (ch12.check_kv_saving, lambda *a: 100 * (1 - 4.5 / 9.2), "divide pairs"),
    (ch12.check_kv_saving, lambda *a: saving(*a) / 100, "return percent"),
    (ch12.check_kv_saving, lambda *a: 100 - saving(*a), "what is left"),
    (ch12.check_kv_saving, lambda T, n, m, h, k: saving(T, n, m, 0, k), "left out the MoSA"),
    (ch12.check_kv_saving, lambda T, n, m, h, k: saving(T, n, m, h, T), "k pairs, not T"),
    (
        ch12.check_kv_saving,
        lambda T, n, m, h, k: 100 * (1 - n * T / (m * T + h * k)),
        "pairs of the",
    ),
    (ch12.check_kv_saving, lambda *a: 49.65, "68.8 %, not"),
    (ch12.check_match, lambda a, b: match(a, b) | {"parameters"}, "not equal parameters"),
    (ch12.check_match, lambda a, b: {n for n in a if a[n] == b[n]} or {"flops"}, "you said flops"),
    (
        ch12.check_match,
        lambda a, b: set() if a["perplexity"] < 60 else {"flops"},
        "22.40 and 22.46",
    ),
    (ch12.check_match, lambda a, b: set(sorted(match(a, b))[:1]), "in several ways"),
    (ch12.check_headline, lambda: "MoSA is faster.", "carries “faster”"),
    (ch12.check_headline, lambda: "A significant gain.", "carries “significant”"),
    (ch12.check_headline, saying("15 times the", "equal"), "15 times as many"),
    (ch12.check_headline, saying("routers that see the", "no view of the"), "saw the whole"),
    (ch12.check_headline, without("22.46 to 16.39"), "Give the number"),
    (ch12.check_headline, without("FLOPs"), "Name the match"),
    (ch12.check_headline, without("parameters"), "what was not equal"),
    (ch12.check_headline, without("whole text"), "Name the score"),
    (ch12.check_headline, without("seeds"), "How many runs"),
    (ch12.check_ablation, lambda s: s, "Nothing changed"),
    (ch12.check_ablation, lambda s: ablation(s) | {"n_sparse_heads": 12}, "2 things changed"),
    (ch12.check_ablation, lambda s: s | {"seeds": (0,)}, "You changed seeds"),
    (ch12.check_ablation, lambda s: s | {"selection": "random"}, "learns nothing"),
    (ch12.check_ablation, lambda s: s | {"selection": "predictor"}, "repairs generation"),
    (ch12.check_ablation, lambda s: s | {"selection": "routing"}, "none of the causal"),
]


@pytest.mark.parametrize("check", SOLUTIONS, ids=lambda check: check.__name__)
def test_the_solution_passes_and_an_empty_answer_stops_nothing(check):
    assert check(SOLUTIONS[check]), check(SOLUTIONS[check])
    assert repr(check(lambda *args: ...)) == "not tried yet"


@pytest.mark.parametrize(("check", "wrong", "named"), MISTAKES)
def test_known_mistakes_are_named(check, wrong, named):
    verdict = check(wrong)
    assert not verdict.passed
    assert named in verdict.message


def test_a_word_inside_another_or_one_that_is_denied_is_no_boast():
    """Catches "proves" found in "improves", and a modest sentence taken for a boast."""
    improves = ch12.check_headline(saying("perplexity falls", "MoSA improves perplexity"))
    assert improves, improves
    denied = ch12.check_headline(lambda: headline() + " Nothing is proven, nothing is faster.")
    assert denied, denied
    assert not ch12.check_headline(lambda: headline() + " That proves a lot.")
