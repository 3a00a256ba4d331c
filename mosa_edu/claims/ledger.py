"""The ledger: what every check finds, and what has changed since somebody looked."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import NamedTuple

from mosa_edu.claims.claim import CLAIMS, SMALL, Claim, Evidence, Finding
from mosa_edu.claims.printed_numbers import PERPLEXITY
from mosa_edu.claims.statements import parameter_ratio


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
    small, leak = found["better-perplexity"], found["non-autoregressive"]
    learned = (
        "a view that small models trained here learned to use on coin flips"
        if leak.verdict == SMALL
        else "a view whose use was not shown here"
    )
    n = int(small.numbers["seeds"])
    ours = (
        f"{n} paired seed{'s' * (n > 1)} of our own small models say{'s' * (n == 1)} "
        f"“{small.verdict}”"
        if n
        else "no experiment of ours that can see a head has decided it"
    )
    return (
        f"In the paper's smallest model MoSA lowers perplexity from {dense} to {mosa} at equal "
        f"FLOPs, with {parameter_ratio():.0f} times the parameters and with routers that "
        f"see the whole text, {learned}; {ours}; and how much of the "
        f"gain stays when the selection may not look ahead, nobody has published at that scale."
    )
