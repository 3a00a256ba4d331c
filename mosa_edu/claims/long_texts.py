"""Checks of what the paper says about long texts: k is fixed, and the text grows."""

from collections.abc import Callable

from mosa_edu.claims.claim import (
    CONTRADICTED,
    DIRECTION,
    EXACT,
    SMALL,
    UNDECIDED,
    Evidence,
    Finding,
)
from mosa_edu.claims.pairs import gains, pairs
from mosa_edu.claims.paper import LONG
from mosa_edu.claims.seeds import in_words, sign
from mosa_edu.costs import HeadShape, head_flops
from mosa_edu.records import RunRecord
from mosa_edu.results import kind_of

RIVALS = ("fixed", "routing")


def share_of_routing(length: int) -> float:
    """Compute what the paper's MoSA heads cost at a length, as a share of its Routing heads.

    Parameters
    ----------
    length : int
        Tokens in the text.

    Returns
    -------
    float
        Percent of the FLOPs.

    Examples
    --------
    >>> [round(share_of_routing(length), 2) for length in (1024, 8192)]
    [131.22, 22.96]
    """
    sizes = {"d_model": LONG.d_model, "d_head": LONG.d_head, "seq_len": length}
    shape = HeadShape(**sizes, sparsity=length // LONG.n_kept)
    mosa, routing = (head_flops(kind, shape).total for kind in ("mosa", "routing"))
    return 100 * LONG.n_mosa * mosa / (LONG.n_routing * routing)


def cheaper(evidence: Evidence) -> Finding:
    """Check that MoSA heads cost the printed part of Routing heads at the longest text."""
    shortest, longest = LONG.lengths[0], LONG.lengths[-1]
    found = {length: share_of_routing(length) for length in (shortest, longest)}
    if round(found[longest], 2) == LONG.share:
        verdict = EXACT
    else:
        verdict = DIRECTION if found[longest] < 100 else CONTRADICTED
    return Finding(
        verdict,
        f"By the formulas {LONG.n_mosa} MoSA heads cost {found[longest]:.2f} % of "
        f"{LONG.n_routing} Routing heads at {longest:,} tokens, and {found[shortest]:.0f} % at "
        f"{shortest:,}. A clock also sees what formulas leave out: sorting, gathering, and all but "
        f"one of the centroids of a Routing head.",
        {"longest": found[longest], "shortest": found[shortest]},
    )


def lowest_perplexity(evidence: Evidence) -> Finding:
    """Check that MoSA beside local heads gains on both rivals of equal FLOPs."""
    chosen = {kind: pairs(evidence.long_runs, _of(kind), _of("mosa")) for kind in RIVALS}
    found = {kind: gains(of_seeds) for kind, of_seeds in chosen.items()}
    signs = [sign(values) for values in found.values()]
    if None in signs or (0 in signs and -1 not in signs):
        verdict = UNDECIDED
    else:
        verdict = CONTRADICTED if -1 in signs else SMALL
    compared = [pair.other for of_seeds in chosen.values() for pair in of_seeds]
    lengths = sorted({run.model["max_seq_len"] for run in compared})
    where = f" at {' and '.join(f'{n:,}' for n in lengths)} tokens" if lengths else ""
    listed = "; ".join(f"on {kind} {in_words(values)}" for kind, values in found.items())
    return Finding(
        verdict,
        f"Gain of MoSA beside local heads{where}, at equal FLOPs and with routers that see the "
        f"whole text: {listed}.",
        {f"{kind}_seeds": len(values) for kind, values in found.items()},
    )


def _of(kind: str) -> Callable[[RunRecord], bool]:
    def beside_local(run: RunRecord) -> bool:
        return kind_of(run) == kind and run.model["n_local_heads"] > 0

    return beside_local
