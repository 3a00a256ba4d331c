"""Answers to chapter 12: for each check the solution, and mistakes with what is said of them."""

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


SOLUTIONS = {
    ch12.check_kv_saving: saving,
    ch12.check_match: match,
    ch12.check_headline: headline,
    ch12.check_ablation: ablation,
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
    ],
    ch12.check_headline: [
        (lambda: "MoSA is faster.", "carries “faster”"),
        (lambda: "A significant gain.", "carries “significant”"),
        (saying("15 times the", "equal"), "15 times as many"),
        (saying("routers that see the", "no view of the"), "saw the whole"),
        (without("22.46 to 16.39"), "Give the number"),
        (without("FLOPs"), "Name the match"),
        (without("parameters"), "what was not equal"),
        (without("whole text"), "Name the score"),
        (without("seeds"), "How many runs"),
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
