"""Say which verdicts of the claims ledger have changed, and accept them once you have looked.

.venv/bin/python scripts/claims.py              what the checks find, and what has changed
.venv/bin/python scripts/claims.py --accept     store these verdicts as the expected ones
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mosa_edu.claims import changes, ledger

EXPECTED = Path(__file__).resolve().parent.parent / "mosa_edu" / "claims" / "expected.json"


def main() -> int:
    """Print the ledger; return 1 if a verdict has changed and was not accepted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accept", action="store_true", help="store the verdicts")
    accept = parser.parse_args().accept
    rows = ledger()
    for claim, finding in rows:
        print(f"{claim.id:20} {finding.verdict:20} {finding.words}")
    if accept:
        verdicts = {row.claim.id: row.finding.verdict for row in rows}
        EXPECTED.write_text(json.dumps(verdicts, indent=1) + "\n", encoding="utf-8")
        print("Stored. Execute book/ch12_verdict.ipynb again: its table shows the numbers.")
        return 0
    different = changes(rows)
    print("\n".join(["Changed since it was last accepted:", *different] if different else []))
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
