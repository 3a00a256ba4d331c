"""Runs a plan from its first job to its table, and goes on where the last call ended."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mosa_edu import analysis
from mosa_edu.analysis.tables import EVERY
from mosa_edu.experiments.jobs import TIME_UP, Session, finish_all
from mosa_edu.experiments.plans import Job
from mosa_edu.experiments.runs import INTERRUPTED
from mosa_edu.experiments.search import search_pair
from mosa_edu.records.scores import EVALUATIONS


def run_plan(jobs: Sequence[Job], session: Session) -> int:
    """Do the jobs of a call, then the search of the plan if it has one, and print its table."""
    plan = session.plan
    status = (finish_all if plan.search is None else search_pair)(jobs, session)
    if status in (INTERRUPTED, TIME_UP):
        why = "The time is up" if status == TIME_UP else "Stopped"
        print(f"{why}; the same command goes on from here.", file=sys.stderr)
        return status
    if text := TABLES[plan.table](session.out):
        print(text)
        print(f"Records: {session.out}")
    else:
        print("No finished run yet; the same command goes on.", file=sys.stderr)
    return status


def _causal_variants(out: Path) -> str:
    found = analysis.recorded_plan(out)
    rows = analysis.variant_rows(*found)
    ended = sorted(run.name for run in found.runs if run.status == "diverged")
    lines = [analysis.variant_table(rows), *([f"Diverged: {', '.join(ended)}"] if ended else [])]
    return "\n".join(lines) if rows else ""


def _cloze(out: Path) -> str:
    return analysis.cloze_table(analysis.cloze_rows(*analysis.recorded_plan(out)))


def _long_context(out: Path) -> str:
    rows = analysis.long_context_rows(analysis.recorded_plan(out))
    lines = [str(row) for row in rows]
    for row in (row for row in rows if row.kind == "mosa"):
        for other in (other for other in rows if other is not row and other.recipe == row.recipe):
            said = [f"{way} {row.gain_on(other, way)}" for way in (EVERY, *EVALUATIONS[1:])]
            lines.append(f"gain of mosa on {other.kind}: {', '.join(said)}")
    return "\n".join(lines)


def _pair(out: Path) -> str:
    probes = analysis.recorded_probes(out / "probes")
    return "\n".join(analysis.pair_words(p) for p in probes.values() if p.probe == "pair")


TABLES: dict[str, Callable[[Path], str]] = {
    "causal_variants": _causal_variants,
    "cloze": _cloze,
    "long_context": _long_context,
    "pair": _pair,
}
"""By the name that a plan has for its table: what it prints of a folder of records."""
