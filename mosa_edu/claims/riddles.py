"""The check of what the paper admits about tasks; ours are riddles with known answers."""

from mosa_edu.claims.claim import CONTRADICTED, SMALL, UNDECIDED, Evidence, Finding
from mosa_edu.claims.pairs import gains, is_dense, is_hybrid, pairs
from mosa_edu.claims.paper import BLIMP
from mosa_edu.claims.seeds import in_words, sign
from mosa_edu.results import riddle_rows


def carry_over(evidence: Evidence) -> Finding:
    """Check whether models that gain in perplexity are less often right about riddles."""
    runs, _, _ = evidence.riddles
    losses = gains(pairs(runs, is_dense, is_hybrid("mosa")))
    found = {row.riddle: row.gains for row in riddle_rows(*evidence.riddles) if row.kind == "mosa"}
    signs = [sign(values) for values in found.values()]
    if sign(losses) != 1 or None in signs or not signs:
        verdict = UNDECIDED
    elif -1 in signs:
        verdict = SMALL
    else:
        verdict = CONTRADICTED if all(value == 1 for value in signs) else UNDECIDED
    worse = sum(mosa < dense for dense, mosa in BLIMP.values())
    words = (
        f"In the paper's table MoSA is below dense on BLiMP in {worse} of {len(BLIMP)} sizes. "
        f"Gain of our twins on stories with riddles: {in_words(losses)}"
    )
    for riddle, values in found.items():
        words += f"; right about {riddle} {in_words(values, 'of the answers')}"
    return Finding(verdict, f"{words}.", {"seeds": len(losses), "worse": worse})
