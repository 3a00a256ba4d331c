"""Runs a plan from its first job to its table, and goes on where the last call ended."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mosa_edu import analysis
from mosa_edu.analysis.held_out import control_rows, experiment_of, held_out_lines
from mosa_edu.analysis.tables import EVERY
from mosa_edu.experiments.jobs import TIME_UP, Session, finish_all
from mosa_edu.experiments.plans import Job
from mosa_edu.experiments.runs import INTERRUPTED
from mosa_edu.experiments.search import search_pair
from mosa_edu.experiments.tuning import recipe_lines, tune
from mosa_edu.records import RunRecord
from mosa_edu.records.held_out import HeldOutRecord
from mosa_edu.records.scores import EVALUATIONS


def run_plan(jobs: Sequence[Job], session: Session) -> int:
    """Do the jobs of a call, then the search of the plan if it has one, and print its table."""
    plan = session.plan
    work = search_pair if plan.search else tune if plan.rounds else finish_all
    status = work(jobs, session)
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


def _recipes(out: Path) -> str:
    probes = analysis.recorded_probes(out / "probes")
    found = [line for p in probes.values() if p.probe == "recipes" for line in recipe_lines(p)]
    return "\n".join(found)


def _held_out(out: Path) -> str:
    runs, held_out = _scored(out)
    return "\n".join(held_out_lines(experiment_of(runs, held_out))) if held_out else ""


def _assay(out: Path) -> str:
    return "\n".join(str(row) for row in control_rows(*_scored(out)))


def _scored(out: Path) -> tuple[list[RunRecord], dict[str, HeldOutRecord]]:
    """Return runs and their held-out losses."""
    return analysis.recorded_runs(out / "runs"), analysis.recorded_held_out(out / "held_out")


TABLES: dict[str, Callable[[Path], str]] = {
    "causal_variants": _causal_variants,
    "cloze": _cloze,
    "long_context": _long_context,
    "pair": _pair,
    "recipes": _recipes,
    "held_out": _held_out,
    "assay": _assay,
}
"""By the name that a plan has for its table: what it prints of a folder of records."""
