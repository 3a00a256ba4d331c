"""Runs a plan from its first job to its table, and goes on where the last call ended."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mosa_edu import analysis
from mosa_edu.analysis.findings import listed
from mosa_edu.analysis.groups import Group
from mosa_edu.analysis.held_out import control_rows, experiment_of, held_out_lines
from mosa_edu.analysis.tables import EVERY, PAPER
from mosa_edu.checks import require
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
    require(plan.table in TABLES, "table", plan.table, f"one of {', '.join(TABLES)}")
    work = search_pair if plan.search else tune if plan.rounds else finish_all
    status = work(jobs, session)
    if status in (INTERRUPTED, TIME_UP):
        print("The time is up." if status == TIME_UP else "Stopped.", file=sys.stderr)
        return status
    text, finding = TABLES[plan.table](session.out)
    if text:
        print(f"{text}\n{finding}\nRecords: {session.out.resolve()}")
    else:
        print("No finished run yet.", file=sys.stderr)
    return status


def _causal_variants(out: Path) -> tuple[str, str]:
    found = analysis.recorded_plan(out)
    rows = analysis.variant_rows(*found)
    ended = sorted(run.name for run in found.runs if run.status == "diverged")
    lines = [analysis.variant_table(rows), *([f"Diverged: {', '.join(ended)}"] if ended else [])]
    gained = [row for row in rows if row.kind == PAPER and row.gains]
    said = [f"{row.verdict(way)} ({way})" for row in gained[:1] for way in EVALUATIONS[::2]]
    finding = f"{PAPER} on dense heads: {'; '.join(said)}." if said else _best(rows)
    return "\n".join(lines) if rows else "", finding


def _best(rows: Sequence[Group]) -> str:
    return f"Lowest loss: {rows[0].label}, {rows[0].loss()} nats a token." if rows else ""


def _cloze(out: Path) -> tuple[str, str]:
    rows = analysis.cloze_rows(*analysis.recorded_plan(out))
    tasks = list(dict.fromkeys(row.task for row in rows))
    first = [row for row in rows if tasks and row.task == tasks[0]]
    right = listed(f"{row.kind} {row.accuracy.mean:.0%}" for row in first)
    return analysis.cloze_table(rows), f"Right at {tasks[:1] and tasks[0]}: {right}."


def _long_context(out: Path) -> tuple[str, str]:
    rows = analysis.long_context_rows(analysis.recorded_plan(out))
    lines = [str(row) for row in rows]
    for row in (row for row in rows if row.kind == "mosa"):
        for other in (other for other in rows if other is not row and other.recipe == row.recipe):
            said = [f"{way} {row.gain_on(other, way)}" for way in (EVERY, *EVALUATIONS[1:])]
            lines.append(f"gain of mosa on {other.kind}: {', '.join(said)}")
    return "\n".join(lines), _best(rows)


def _pair(out: Path) -> tuple[str, str]:
    probes = analysis.recorded_probes(out / "probes").values()
    pairs = [probe for probe in probes if probe.probe == "pair"]
    times = listed(f"{probe.row(model='mosa')['time']:.2f}" for probe in pairs)
    finding = f"A training step of the pair of equal loss takes {times} times as long as dense."
    return "\n".join(map(analysis.pair_words, pairs)), finding


def _recipes(out: Path) -> tuple[str, str]:
    probes = analysis.recorded_probes(out / "probes")
    found = [line for p in probes.values() if p.probe == "recipes" for line in recipe_lines(p)]
    return "\n".join(found), f"{len(found)} rows have a recipe of their own."


def _held_out(out: Path) -> tuple[str, str]:
    runs, held_out = _scored(out)
    if not held_out:
        return "", ""
    found = experiment_of(runs, held_out)
    gains = {kind: found.gain(kind, "dense") for kind in found.arms if kind != "dense"}
    said = listed(f"{kind} {gain}" for kind, gain in gains.items())
    return "\n".join(held_out_lines(found)), f"Gains on dense heads, nats a token: {said}."


def _assay(out: Path) -> tuple[str, str]:
    rows = control_rows(*_scored(out))
    return "\n".join(map(str, rows)), f"Clearest: {rows[0].setting}." if rows else ""


def _scored(out: Path) -> tuple[list[RunRecord], dict[str, HeldOutRecord]]:
    """Return runs and their held-out losses."""
    return analysis.recorded_runs(out / "runs"), analysis.recorded_held_out(out / "held_out")


TABLES: dict[str, Callable[[Path], tuple[str, str]]] = {
    "causal_variants": _causal_variants,
    "cloze": _cloze,
    "long_context": _long_context,
    "pair": _pair,
    "recipes": _recipes,
    "held_out": _held_out,
    "assay": _assay,
}
"""By the name of a plan's table: what it prints of a folder of records, and in one sentence."""
