"""Checks of chapter 12: recompute a saving, name a match, write a headline, design an ablation."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from mosa_edu.costs import PAPER_BASELINES, model_flops, model_parameters
from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine
from mosa_edu.experiments.plans import load_plan
from mosa_edu.head_kinds import kinds

MEASURES = ("flops", "parameters", "perplexity", "seconds")
CAUSAL = kinds(in_config=True, learned=True, causal=True)
UNLEARNED = kinds(sparse=True, learned=False, causal=True)


def check_kv_saving(kv_saving: Callable[[int, int, int, int, int], float] | None) -> Verdict:
    """Check the share of key-value pairs that a hybrid saves, in percent."""

    def named(f: Answer) -> Mistake:
        T, before, after, n, k = 1024, 9, 4, 17, 32
        found = float(f(T, before, after, n, k))
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
            found = float(f(T, before, after, n, k))
            if not _near(found, right):
                where = f"{before} to {after} dense heads and {n} of {k} tokens, T = {T}"
                return f"{where}: {right:.1f} %, not {found:.1f}."
        return None

    return examine(kv_saving, [("pairs, not thousands", named), ("equal to the counts", equal)])


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
        found = set(f(first, equal_flops))
        if "parameters" in found:
            return "Equal FLOPs are not equal parameters: compare each measure by itself."
        return None if found == {"flops"} else f"Twins of equal FLOPs: you said {_listed(found)}."

    def tolerance(f: Answer) -> Mistake:
        found = set(f(paper, matched))
        if not found:
            return "22.40 and 22.46 differ by less than 1 %: do not ask for exact equality."
        if found == {"perplexity"}:
            return None
        return f"Matched by perplexity alone, yet you said {_listed(found)}."

    def several(f: Answer) -> Mistake:
        found = set(f(paper, paper | {"seconds": 1.0}))
        if found == {"flops", "parameters", "perplexity"}:
            return None
        return "Two models may be equal in several ways: return every name that holds."

    names = [
        ("FLOPs are not parameters", flops),
        ("within 1 %", tolerance),
        ("all of them", several),
    ]
    return examine(name_the_match, names)


BOAST = r"significant\w*|significance|revolution\w*|\bprov(?:es?|en)\b|understand\w*|\bfaster"
"""Words that claim more than was measured, unless a sentence denies them."""


def check_headline(headline: Callable[[], str] | None) -> Verdict:
    """Check a sentence about the 27 % for what makes it true."""

    def no_boast(f: Answer) -> Mistake:
        said = _said(f)
        for found in re.finditer(BOAST, said):
            clause = re.split(r"[.,;:]", said[: found.start()])[-1]
            if not re.search(r"\b(?:no|not|nothing|never|nobody)\b", clause):
                return f"Nothing in the evidence carries “{found.group()}”."
        return None

    def true(f: Answer) -> Mistake:
        if re.search(r"(?:equal|same)(?: number of)? (?:parameters|weights)", _said(f)):
            return "The parameters are not equal: MoSA has 15 times as many."
        if re.search(r"(?:no|without)(?: any| a)? (?:view|sight|look)", _said(f)):
            return "The routers saw the whole text; your sentence says that they did not."
        return None

    def needs(pattern: str, mistake: str) -> Callable[[Callable[..., Any]], str | None]:
        return lambda f: None if re.search(pattern, _said(f)) else mistake

    needed = {
        "numbers": (r"22\.46.*16\.39|27|0?\.31", "Give the number: 22.46 to 16.39, or nats."),
        "the match": (r"flop", "Name the match: equal in what?"),
        "parameters": (r"parameter|weights", "Say what was not equal: the parameters."),
        "the score": (
            r"whole|full|future|later token|not causal|non-causal|ahead",
            "Name the score: what could the routers see?",
        ),
        "seeds": (
            r"seed|one run|single run|error bar|interval",
            "How many runs? Say what is known.",
        ),
    }
    properties = [(name, needs(*pair)) for name, pair in needed.items()]
    return examine(headline, [("no boast", no_boast), *properties, ("true", true)])


def check_ablation(causal_ablation: Callable[[dict[str, Any]], dict[str, Any]] | None) -> Verdict:
    """Check the run that would tell how much of a gain survives a causal selection."""
    given: dict[str, Any] = {"n_dense_heads": 2, "n_sparse_heads": 26, "sparsity": 8, "steps": 5000}
    given |= {"corpus": "novels", "seeds": (0, 1, 2)}
    settings = [{"selection": "mosa", **given}, {"selection": "mosa", **given, "sparsity": 16}]

    def one_change(f: Answer) -> Mistake:
        for before in settings:
            after = f(dict(before))
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
        rule = f(dict(settings[0]))["selection"]
        if rule in UNLEARNED:
            return f"“{rule}” is causal, but learns nothing: two things would differ."
        if rule == "predictor":
            return "A predictor trains with the whole text in view: it repairs generation alone."
        return None if rule in CAUSAL else f"“{rule}” is none of the causal rules {CAUSAL}."

    return examine(causal_ablation, [("one change", one_change), ("learned and causal", causal)])


def _measured(
    flops: float, parameters: float, perplexity: float, seconds: float
) -> dict[str, float]:
    return dict(zip(MEASURES, (flops, parameters, perplexity, seconds), strict=True))


def _near(found: float, right: float) -> bool:
    return math.isclose(found, right, rel_tol=2e-3, abs_tol=2e-3)


def _said(f: Callable[..., Any]) -> str:
    return " ".join(str(f()).lower().split())


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(map(str, names))) or "nothing"
