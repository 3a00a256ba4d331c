"""The claims ledger: what the paper says, what our numbers say, and a verdict computed from both.

No torch: a verdict comes from cost formulas and from records. Nothing here is typed in but the
paper's own numbers; what a check has found is stored beside it only so that a change is noticed.
"""

from mosa_edu.claims.claim import CLAIMS, VERDICTS, Claim, Evidence, Finding
from mosa_edu.claims.ledger import Row, changes, ledger, signed_sentence

__all__ = [
    "CLAIMS",
    "VERDICTS",
    "Claim",
    "Evidence",
    "Finding",
    "Row",
    "changes",
    "ledger",
    "signed_sentence",
]
