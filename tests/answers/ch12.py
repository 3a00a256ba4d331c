"""Answers to chapter 12: for each check right ones, and mistakes with what is said of them."""

from types import MappingProxyType

import numpy as np

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


def saying(old, new):
    return lambda: headline().replace(old, new)


def without(*words):
    def said():
        text = headline()
        for word in words:
            text = text.replace(word, "")
        return text

    return said


def headline_in_nats():
    return (
        "With the FLOPs held constant, MoSA cuts the loss of a small model by 0.31 nats; it has "
        "far more parameters, its scores see later tokens, and nothing is said of seeds."
    )


def headline_in_percent():
    return (
        "Perplexity is 27 % lower than that of a dense model of the same compute, measured "
        "non-causally, with parameters that were not matched and without error bars."
    )


def headline_against():
    return (
        "A non-causal MoSA reaches a perplexity of 16.39, against 22.46 for a dense model with "
        "equal FLOPs but not the same number of weights; how many seeds were run is not stated."
    )


def match_in_place(first, second):
    return [name for name in first if abs(second.pop(name) / first[name] - 1) <= 0.01]


def ablation_in_place(settings):
    settings["selection"] = "threshold"
    return settings


SOLUTIONS = {
    ch12.check_kv_saving: [
        saving,
        lambda T, n, m, h, k: 100 - 100.0 * (m * T + h * k) / (n * T),
        lambda *a: np.float32(saving(*a)),
    ],
    ch12.check_match: [
        match,
        match_in_place,
        lambda a, b: frozenset(n for n, v in a.items() if 0.99 * v <= b[n] <= 1.01 * v),
    ],
    ch12.check_headline: [headline, headline_in_nats, headline_in_percent, headline_against],
    ch12.check_ablation: [
        ablation,
        ablation_in_place,
        lambda settings: MappingProxyType(dict(settings, selection="token")),
    ],
}
MISTAKES = {
    ch12.check_kv_saving: [
        (lambda *a: 100 * (1 - 4.5 / 9.2), "divide pairs"),
        (lambda *a: saving(*a) / 100, "return percent"),
        (lambda *a: 100 - saving(*a), "what is left"),
        (lambda T, n, m, h, k: saving(T, n, m, 0, k), "left out the MoSA"),
        (lambda T, n, m, h, k: saving(T, n, m, h, T), "k pairs, not T"),
        (lambda T, n, m, h, k: 100 * (1 - n * T / (m * T + h * k)), "pairs of the"),
        (lambda *a: 49.65, "68.8 %, not"),
    ],
    ch12.check_match: [
        (lambda a, b: match(a, b) | {"parameters"}, "not equal parameters"),
        (lambda a, b: {n for n in a if a[n] == b[n]} or {"flops"}, "you said flops"),
        (lambda a, b: set() if a["perplexity"] < 60 else {"flops"}, "22.40 and 22.46"),
        (lambda a, b: set(sorted(match(a, b))[:1]), "in several ways"),
        (lambda a, b: {n for n in a if abs(b[n] - a[n]) <= 0.02 * a[n]}, "1 % of the first"),
        (lambda a, b: {n for n in a if abs(b[n] - a[n]) <= 0.005 * a[n]}, "you said nothing"),
        (lambda a, b: {n for n in a if abs(b[n] - a[n]) <= 0.01 * b[n]}, "1 % of the first"),
        (lambda a, b: {n for n in a if b[n] - a[n] <= 0.01 * a[n]}, "you said"),
        (lambda a, b: {n for n in a if abs(b[n] - a[n]) <= 0.6}, "you said"),
        (lambda a, b: 1, "a set of names"),
    ],
    ch12.check_headline: [
        (lambda: "MoSA is faster.", "carries “faster”"),
        (lambda: "A significant gain.", "carries “significant”"),
        (lambda: "27 flops parameters whole text seed", "where it goes"),
        (lambda: "Perplexity, 27 % lower: flops, parameters, whole text, seeds.", "Name the match"),
        (saying("15 times the", "equal"), "15 times as many"),
        (saying("15 times the parameters", "parameters held equal"), "15 times as many"),
        (saying("routers that see the", "no view of the"), "saw the whole"),
        (saying("routers that see the", "routers that never see the"), "saw the whole"),
        (saying("22.46 to 16.39", "16.39 to 22.46"), "wrong way round"),
        (saying("falls", "rises"), "wrong way round"),
        (saying("the number of seeds is not stated", "averaged over five seeds"), "your sentence"),
        (saying("equal FLOPs", "fewer FLOPs"), "that is what was matched"),
        (saying("equal FLOPs", "not equal FLOPs"), "that is what was matched"),
        (saying("the number of seeds is not stated", "seeds were run"), "How many runs"),
        (without("22.46 to 16.39"), "Give the number"),
        (without("perplexity"), "27 % of what"),
        (without("FLOPs"), "Name the match"),
        (without("parameters"), "what was not equal"),
        (without("whole text"), "Name the score"),
        (without("seeds"), "How many runs"),
        (lambda: ["a", "list"], "a sentence, not a list"),
    ],
    ch12.check_ablation: [
        (lambda s: s, "Nothing changed"),
        (lambda s: ablation(s) | {"n_sparse_heads": 12}, "2 things changed"),
        (lambda s: s | {"seeds": (0,)}, "You changed seeds"),
        (lambda s: s | {"selection": "random"}, "learns nothing"),
        (lambda s: s | {"selection": "predictor"}, "repairs generation"),
        (lambda s: s | {"selection": "routing"}, "none of the causal"),
    ],
}
