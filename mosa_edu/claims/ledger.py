"""The ledger: what every check finds, and what has changed since somebody looked."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import NamedTuple

from mosa_edu.claims import (
    formula_checks as counts,
)
from mosa_edu.claims import (
    run_checks as future,
)
from mosa_edu.claims import (
    run_checks as long_texts,
)
from mosa_edu.claims import (
    run_checks as riddles,
)
from mosa_edu.claims import (
    run_checks as trained,
)
from mosa_edu.claims.claim import SMALL, Claim, Evidence, Finding
from mosa_edu.claims.formula_checks import PERPLEXITY
from mosa_edu.claims.run_checks import parameter_ratio

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "complexity",
        "A head costs O(k² + T) instead of O(T²).",
        "O(k² + T)",
        "abstract, section 2",
        "exact if, with k fixed, all that grows is one term linear in T",
        counts.complexity,
        "ch06_cost",
        "Two regimes, drawn apart",
    ),
    Claim(
        "more-heads",
        "One FLOP budget pays for many more heads.",
        "505 MoSA heads for 5 dense ones (Tiny, sparsity 64)",
        "Table 5",
        "exact if every printed head count follows from the formulas",
        counts.more_heads,
        "ch06_cost",
        "What equal FLOPs buy",
    ),
    Claim(
        "only-above-dense",
        "MoSA is the only sparse variant that beats dense attention at equal FLOPs.",
        "16.39 against 22.46 dense, 23.28 Fixed, 23.33 Routing (Tiny)",
        "table of IsoFLOP results",
        "small if, by the rule for seeds, MoSA gains and no rival does",
        trained.only_above_dense,
        "ch07_training",
        "Twins",
    ),
    Claim(
        "better-perplexity",
        "Perplexity is up to 27 % better at equal FLOPs.",
        "22.46 to 16.39, 27 %",
        "abstract, table of IsoFLOP results",
        "direction if, by the rule for seeds, MoSA gains; small if its interval also reaches the "
        "printed nats",
        trained.better_perplexity,
        "ch07_training",
        "Twins",
    ),
    Claim(
        "same-perplexity",
        "The perplexity of the dense model can be had for fewer FLOPs.",
        "22.40 against 22.46 with 17 MoSA heads for 5 dense ones (Tiny)",
        "table of matched resources",
        f"small if, by the rule for seeds, hybrids below 90 % of the FLOPs lose at most "
        f"{trained.MATCH} nats, also on windows they were not chosen by, and gain on their dense "
        f"heads alone",
        trained.same_perplexity_cheaper,
        "ch12_verdict",
        "Equal loss, in small",
    ),
    Claim(
        "wall-clock",
        "Matched by perplexity, a training step is faster without a special kernel.",
        "137 to 127 ms, 7.3 % (Tiny, A100)",
        "table of matched resources",
        "small if, on a GPU, a step of a hybrid that reached the dense loss is shorter in three "
        "quarters of paired rounds",
        trained.wall_clock,
        "ch11_faster",
        "Dense against MoSA, FLOP for FLOP",
    ),
    Claim(
        "memory",
        "Matched by perplexity, training needs less memory.",
        "21.1 to 19.0 GB, 10 % (Tiny)",
        "table of matched resources",
        "small if the peak of such a step on a GPU is lower; without one, direction if the bytes "
        "kept for the backward pass fall in all four sizes",
        trained.memory,
        "ch06_cost",
        "Keys and values to keep",
    ),
    Claim(
        "kv-cache",
        "Matched by perplexity, the KV cache shrinks by half.",
        "51.1 % (Tiny) to 69.5 % (Large)",
        "table of matched resources",
        "direction if the count of pairs falls in all four sizes; nothing decodes with it",
        counts.kv_cache,
        "ch06_cost",
        "Where the saving is",
    ),
    Claim(
        "kv-units",
        "The printed savings of key-value pairs are those of the counts.",
        "51.1, 52.2, 52.2, 69.5 %",
        "table of matched resources",
        "exact if all four follow from T times dense heads plus k times MoSA heads",
        counts.kv_units,
        "ch06_cost",
        "Where the saving is",
    ),
    Claim(
        "gigaflops",
        "The dense models cost what is printed.",
        "54.76, 219.85, 430.70, 1130.65 GFLOP",
        "table of models",
        "exact if all four follow from the paper's own formula",
        counts.gigaflops,
        "ch06_cost",
        "Count the products",
    ),
    Claim(
        "long-cost",
        "With k fixed, MoSA heads cost a quarter of Routing heads when the text is long.",
        "22.99 % at 8,192 tokens",
        "section on long sequences",
        "exact if the share at 8,192 tokens follows from the formulas; direction if it is another "
        "one below 100 %",
        long_texts.cheaper,
        "ch06_cost",
        "Two regimes, drawn apart",
    ),
    Claim(
        "long-perplexity",
        "On long texts, MoSA beside local heads has the lowest perplexity of the sparse variants.",
        "a figure, 1,024 to 8,192 tokens",
        "section on long sequences",
        "small if, by the rule for seeds, it gains on Fixed and on Routing heads of equal FLOPs; "
        "contradicted if it loses to one",
        long_texts.lowest_perplexity,
        "ch07_training",
        "Long texts",
    ),
    Claim(
        "hybrids-needed",
        "MoSA heads need some dense heads beside them.",
        "Tiny without a dense head: 22.96 to 29.76 from sparsity 2 to 16",
        "ablations",
        "small if, by the rule for seeds, hybrids gain over models of MoSA heads alone",
        trained.hybrids_needed,
        "ch05_mosa_head",
        "Hybrid layers",
    ),
    Claim(
        "first-token",
        "Every MoSA head should have a seat for the first token.",
        "a seat in all IsoFLOP runs; off in the public code",
        "experiments; code",
        "small if, by the rule for seeds, runs with the seat gain over runs without",
        trained.needs_first_token,
        "ch08_what_heads_choose",
        "Who is kept",
    ),
    Claim(
        "non-autoregressive",
        "Top-k over all tokens is not autoregressive (the authors' own caveat).",
        "“requires adaptations”",
        "limitations",
        "small if all models with this selection predict coin flips better than a causal model "
        "can, and no causal model does",
        future.non_autoregressive,
        "ch09_the_leak",
        "Can a model learn to use it?",
    ),
    Claim(
        "downstream",
        "Gains in perplexity do not always reach the tasks (the authors' own caveat).",
        "BLiMP 72.0 to 64.6 (Tiny)",
        "table of zero-shot accuracy",
        "small if, by the rule for seeds, MoSA gains in perplexity on stories with riddles and is "
        "less often right about one kind of them; contradicted if more often about every kind",
        riddles.carry_over,
        "ch07_training",
        "Does a lower loss carry over?",
    ),
)
"""In the order of the chapter's table."""


class Row(NamedTuple):
    """A claim and what its check found."""

    claim: Claim
    finding: Finding


def ledger(evidence: Evidence | None = None) -> list[Row]:
    """Run every check.

    Parameters
    ----------
    evidence : Evidence, optional
        What to judge by; the records that come with the package if not given.

    Returns
    -------
    list of Row
        In the order of `CLAIMS`.
    """
    known = evidence or Evidence.shipped()
    return [Row(claim, claim.check(known)) for claim in CLAIMS]


def expected() -> dict[str, str]:
    """Read the verdicts that were found when somebody last looked."""
    source = resources.files("mosa_edu.claims").joinpath("expected.json")
    return dict(json.loads(source.read_text(encoding="utf-8")))


def changes(rows: Sequence[Row], before: Mapping[str, str] | None = None) -> list[str]:
    """Compare verdicts with those that were found before.

    Parameters
    ----------
    rows : sequence of Row
        Of `ledger`.
    before : mapping of str to str, optional
        Verdicts by claim id; `expected` if not given.

    Returns
    -------
    list of str
        One line for each verdict that changed, came or went; empty if none did.
    """
    then = expected() if before is None else before
    now = {row.claim.id: row.finding.verdict for row in rows}
    absent = "not in the ledger"
    return [
        f"{name}: was {then.get(name, absent)}, is {now.get(name, absent)}"
        for name in sorted(now.keys() | then.keys())
        if now.get(name) != then.get(name)
    ]


def signed_sentence(rows: Sequence[Row]) -> str:
    """Write the sentence about the main claim that authors and critics would both sign.

    Parameters
    ----------
    rows : sequence of Row
        Of `ledger`.

    Returns
    -------
    str
        What was claimed, under which match and which score; what was seen here; what is open.
    """
    found = {row.claim.id: row.finding for row in rows}
    dense, mosa = (PERPLEXITY["tiny"][kind] for kind in ("dense", "mosa"))
    twins, leak = found["better-perplexity"], found["non-autoregressive"]
    learned = (
        "a view that small models trained here learned to use on coin flips"
        if leak.verdict == SMALL
        else "a view whose use was not shown here"
    )
    n = int(twins.numbers["seeds"])
    say = "paired seed of our own twins says" if n == 1 else "paired seeds of our own twins say"
    return (
        f"In the paper's smallest model MoSA lowers perplexity from {dense} to {mosa} at equal "
        f"FLOPs, with {parameter_ratio():.0f} times the parameters and with routers that "
        f"see the whole text, {learned}; {n} {say} “{twins.verdict}”; and how much of the "
        f"gain stays when the selection may not look ahead, nobody has published at that scale."
    )
