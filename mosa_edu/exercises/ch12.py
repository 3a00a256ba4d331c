"""Checks of chapter 12: recompute a saving, name a match, write a headline, design an ablation."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from mosa_edu.costs import PAPER_BASELINES, model_flops, model_parameters
from mosa_edu.exercises.verdict import Answer, Mistake, Property, Verdict, examine, number_of
from mosa_edu.experiments.plans import load_plan
from mosa_edu.head_kinds import kinds

MEASURES = ("flops", "parameters", "perplexity", "seconds")
CAUSAL = kinds(in_config=True, learned=True, causal=True)
UNLEARNED = kinds(sparse=True, learned=False, causal=True)


def check_kv_saving(kv_saving: Callable[[int, int, int, int, int], float] | None) -> Verdict:
    """Check the share of key-value pairs that a hybrid saves, in percent."""

    def named(f: Answer) -> Mistake:
        T, before, after, n, k = 1024, 9, 4, 17, 32
        found = f(T, before, after, n, k)
        mistakes = {
            100 * (1 - 4.5 / 9.2): "You used 4.5 of 9.2. A K is 1024 in one and 1000 in the "
            "other: divide pairs, not printed thousands.",
            1 - 4640 / 9216: "That is a fraction; return percent.",
            100 * 4640 / 9216: "That is what is left. The saving is the rest.",
            100 * (1 - 4096 / 9216): "You left out the MoSA heads: each stores k pairs.",
            100 * (1 - (after + n) * T / (before * T)): "A MoSA head stores k pairs, not T.",
            100 * (1 - 9216 / 4640): "Divide by the pairs of the dense model.",
        }
        return next((text for value, text in mistakes.items() if _near(found, value)), None)

    def equal(f: Answer) -> Mistake:
        for T, before, after, n, k in (
            (1024, 9, 4, 17, 32),
            (1024, 16, 4, 16, 64),
            (512, 4, 2, 26, 64),
            (1024, 9, 4, 505, 16),
        ):
            right = 100 * (1 - (after * T + n * k) / (before * T))
            found = f(T, before, after, n, k)
            if not _near(found, right):
                where = f"{before} to {after} dense heads and {n} of {k} tokens, T = {T}"
                return f"{where}: {right:.1f} %, not {found:.1f}."
        return None

    properties = [("pairs, not thousands", named), ("equal to the counts", equal)]
    return examine(kv_saving, properties, number_of, "one number")


def check_match(
    name_the_match: Callable[[Mapping[str, float], Mapping[str, float]], set[str]] | None,
) -> Verdict:
    """Check a function that says in which sense two models are equal."""
    dense, mosa = map(load_plan("isoflop").model, ("dense", "mosa"))
    tiny = PAPER_BASELINES["tiny"]
    first = _measured(model_flops(dense).total, model_parameters(dense).total, 66.1, 1.0)
    equal_flops = _measured(model_flops(mosa).total, model_parameters(mosa).total, 64.7, 1.4)
    paper = _measured(model_flops(tiny).total, model_parameters(tiny).total, 22.46, 0.137)
    matched = paper | {"flops": 0.72 * paper["flops"], "perplexity": 22.40, "seconds": 0.127}
    matched["parameters"] *= 1.3

    def flops(f: Answer) -> Mistake:
        found = f(first, equal_flops)
        if "parameters" in found:
            return "Equal FLOPs are not equal parameters: compare each measure by itself."
        return None if found == {"flops"} else f"Twins of equal FLOPs: you said {_listed(found)}."

    def tolerance(f: Answer) -> Mistake:
        found = f(paper, matched)
        if not found:
            return "22.40 and 22.46 differ by less than 1 %: do not ask for exact equality."
        if found == {"perplexity"}:
            return None
        return f"Matched by perplexity alone, yet you said {_listed(found)}."

    def exactly(f: Answer) -> Mistake:
        # Shares of the first by which the second differs: the first two are within 1 % of one of
        # the models alone.
        shares = dict(zip(MEASURES, (-0.00995, 0.01005, 0.0091, -0.0109), strict=True))
        for scale in (100.0, 3.0):
            one = dict.fromkeys(MEASURES, scale)
            other = {name: scale * (1 + share) for name, share in shares.items()}
            if (found := f(one, other)) != {"flops", "perplexity"}:
                differ = ", ".join(f"{name} by {share:+.2%}" for name, share in shares.items())
                return f"1 % of the first, up or down: {differ}; you said {_listed(found)}."
        return None

    def several(f: Answer) -> Mistake:
        found = f(paper, paper | {"seconds": 1.0})
        if found == {"flops", "parameters", "perplexity"}:
            return None
        return "Two models may be equal in several ways: return every name that holds."

    names = [
        ("FLOPs are not parameters", flops),
        ("within 1 %", tolerance),
        ("all of them", several),
        ("of the first", exactly),
    ]
    return examine(name_the_match, names, set, "a set of names")


BOAST = (
    r"significant\w*|significance|revolution\w*|breakthrough|\bprov(?:es?|en)\b|understand\w*|"
    r"\bfaster|\bsmarter|\balways\b|state of the art"
)
"""Words that claim more than was measured, unless a clause denies them."""

DENIED = (
    r"\b(?:no|not|nothing|never|nobody|none|without|cannot|neither|"
    r"un(?:known|stated|reported|published|clear|equal|matched))\b|n't\b"
)
SIZES = r"(?:parameters?|weights)"
SEEN = (
    r"(?:whole|full|entire|complete) (?:text|sequence|context|input|document)|"
    r"(?:later|future|coming|following) (?:token|word|position|text)s?|\bfuture\b|\bahead\b"
)
FELL = r"lower\w*|less|reduc\w*|f[ae]lls?|drop\w*|cuts?|below|improv\w*|better|smaller|down"

NEEDED: dict[str, tuple[str, str]] = {
    "the number": (
        r"22\.46\D{1,40}16\.39|16\.39,? (?:\w+ ){0,2}(?:of|than|against|versus|vs|with|from|to) "
        rf"22\.46|27 ?(?:%|per ?cent)[^.;]*?(?:{FELL})|(?:{FELL})[^.;]*? 27 ?(?:%|per ?cent)|"
        r"0?\.31\d? nats?",
        "Give the number and where it goes: 22.46 to 16.39, 27 % lower, or nats.",
    ),
    "of what": (r"perplexit|\bloss\b|nats", "27 % of what? Of perplexity."),
    "the match": (
        r"\b(?:equal|same|match\w*|identical|fixed|iso|constant)[ -]?(?:\w+ ){0,3}(?:flop|compute)|"
        r"(?:flops?|compute)(?: \w+){0,2} (?:equal|match\w*|same|identical|fixed|constant)",
        "Name the match: equal in what? In FLOPs.",
    ),
    "parameters": (
        rf"(?:times|more|fold|unequal|larger|bigger)(?: \w+){{0,3}} {SIZES}|"
        rf"{SIZES}[^.;]*?(?:not|un|differ|more|times|grow|rise|larger)|"
        rf"(?:not|un)[^.;,]*?{SIZES}|(?:larger|bigger) model",
        "Say what was not equal: the parameters.",
    ),
    "the score": (
        rf"(?:{SEEN})|non-?causal|not causal|acausal",
        "Name the score: what could the routers see?",
    ),
    "seeds": (
        rf"(?:{DENIED}|\b(?:one|a single|single|omit\w*|silent|miss\w*|lack\w*))[^.;]*?"
        r"(?:seed|run|repetition|error bar|interval)|"
        rf"(?:seed|run|repetition|error bar|interval)[^.;]*?(?:{DENIED}|miss|omit|lack|silent)",
        "How many runs? Say what is known of the seeds: nothing is stated.",
    ),
}
"""What the sentence must say: a pattern of it, and what is asked if it is not there."""

FALSE: tuple[tuple[str, str], ...] = (
    (
        r"from 16\.39 \w* ?to 22\.46|perplexity (?:\w+ )?(?:rises|grows|increases)",
        "The wrong way round: perplexity falls from 22.46 to 16.39, and lower is better.",
    ),
    (
        rf"\b(?:equal|same|match\w*)(?: number of)? {SIZES}|"
        rf"{SIZES} (?:are |were |is )?(?:held |kept )?(?:equal|the same|matched)",
        "The parameters are not equal: MoSA has 15 times as many.",
    ),
    (
        r"(?:different|unequal|fewer|more) (?:number of )?flop",
        "The FLOPs are equal: that is what was matched.",
    ),
    (
        r"(?:no|without)(?: any| a)? (?:view|sight|look)|(?:not|never|cannot|n't)(?: \w+){0,2} "
        rf"(?:see|look|read|know|view|peek)\w*(?: \w+){{0,3}} (?:{SEEN})|(?<!non-)(?<!not )"
        r"\bcausal (?:selection|routers?|score)",
        "The routers saw the whole text; your sentence says that they did not.",
    ),
    (
        r"\b(?:\d+|two|three|four|five|ten|several) (?:\w+ )?seeds",
        "The paper does not say how many seeds there were; your sentence does.",
    ),
)
"""What the sentence must not say."""


def check_headline(headline: Callable[[], str] | None) -> Verdict:
    """Check a sentence about the 27 % for what makes it true, as far as patterns can tell."""

    def no_boast(said: str) -> Mistake:
        for found in re.finditer(BOAST, said):
            clause = re.split(r"[.,;:]", said[: found.start()])[-1]
            if not re.search(DENIED, clause):
                return f"Nothing in the evidence carries “{found.group()}”."
        return None

    def false(said: str) -> Mistake:
        return next((words for pattern, words in FALSE if re.search(pattern, said)), None)

    def complete(said: str) -> Mistake:
        missing = [words for pattern, words in NEEDED.values() if not re.search(pattern, said)]
        return missing[0] if missing else None

    tests = [("no boast", no_boast), ("true", false), ("complete", complete)]
    properties: list[Property] = [
        (name, lambda f, test=test: test(f()))  # type: ignore[misc]
        for name, test in tests
    ]
    return examine(headline, properties, _sentence, "a sentence")


def check_ablation(causal_ablation: Callable[[dict[str, Any]], dict[str, Any]] | None) -> Verdict:
    """Check the run that would tell how much of a gain survives a causal selection."""
    given: dict[str, Any] = {"n_dense_heads": 2, "n_sparse_heads": 26, "sparsity": 8, "steps": 5000}
    given |= {"corpus": "novels", "seeds": (0, 1, 2)}
    settings = [{"selection": "mosa", **given}, {"selection": "mosa", **given, "sparsity": 16}]

    def one_change(f: Answer) -> Mistake:
        for before in settings:
            after = f(before)
            changed = [
                name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
            ]
            if not changed:
                return "Nothing changed, or you changed the settings that were passed: copy them."
            if len(changed) > 1:
                return f"{len(changed)} things changed: {', '.join(sorted(changed))}. Change one."
            if changed != ["selection"]:
                return f"You changed {changed[0]}; the question is about the selection."
        return None

    def causal(f: Answer) -> Mistake:
        rule = f(settings[0])["selection"]
        if rule in UNLEARNED:
            return f"“{rule}” is causal, but learns nothing: two things would differ."
        if rule == "predictor":
            return "A predictor trains with the whole text in view: it repairs generation alone."
        return None if rule in CAUSAL else f"“{rule}” is none of the causal rules {CAUSAL}."

    properties = [("one change", one_change), ("learned and causal", causal)]
    return examine(causal_ablation, properties, dict, "settings, a mapping")


def _measured(
    flops: float, parameters: float, perplexity: float, seconds: float
) -> dict[str, float]:
    return dict(zip(MEASURES, (flops, parameters, perplexity, seconds), strict=True))


def _near(found: float, right: float) -> bool:
    return math.isclose(found, right, rel_tol=2e-3, abs_tol=2e-3)


def _sentence(answer: Any) -> str:
    if not isinstance(answer, str):
        raise TypeError(type(answer).__name__)
    said = " ".join(answer.lower().split())
    return re.sub(r"\b(?:not|never) (?:\w+ )?(?:equal|same|match\w*)\b", "unequal", said)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(map(str, names))) or "nothing"
