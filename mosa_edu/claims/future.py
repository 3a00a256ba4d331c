"""The check of what the paper admits: its selection looks into the future."""

from mosa_edu.claims.claim import CONTRADICTED, SMALL, UNDECIDED, Evidence, Finding
from mosa_edu.results import brought_rows, coin_flip_rows
from mosa_edu.results.coin_flips import CERTAIN

CAUSAL = ("dense", "prefix", "token")


def non_autoregressive(evidence: Evidence) -> Finding:
    """Check that training finds the future that the selection lets in, and only there."""
    rows = coin_flip_rows(evidence.probes)
    mosa = [row.sees_the_future for row in rows if row.kind == "mosa"]
    causal = [row.sees_the_future for row in rows if row.kind in CAUSAL]
    if not mosa or not causal or (any(mosa) and any(causal)):
        verdict = UNDECIDED
    elif all(mosa):
        verdict = SMALL
    else:
        verdict = UNDECIDED if any(mosa) else CONTRADICTED
    words = (
        f"Coin flips: {sum(mosa)} of {len(mosa)} models with the paper's selection predict them "
        f"more than {CERTAIN:g} standard errors better than any causal model can; "
        f"{sum(causal)} of {len(causal)} models with a causal selection do."
    )
    for row in brought_rows(evidence.runs, evidence.scores):
        if (row.kind, row.match) == ("mosa", "flops") and row.include_first and row.decides:
            cut, foreign = (row.future[way] for way in ("prefix", "foreign"))
            words += (
                f" On novels the loss of our twins rises by {cut} nats when the future is cut off, "
                f"and by {foreign} when another book follows ({len(row.seeds)} seeds)."
            )
    return Finding(verdict, words, {"mosa": len(mosa), "causal": len(causal)})
