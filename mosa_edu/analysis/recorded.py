"""The records that ship with the package.

Those of one kind are read together, from another folder if one is given, and there may be none.
A single one is read by name; a name that is not there raises a `ValueError` that lists those
that are.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from mosa_edu.analysis.groups import Records
from mosa_edu.analysis.held_out import ControlRow, Experiment, control_rows, experiment_of
from mosa_edu.checks import require
from mosa_edu.records import RoutingHistory, RoutingTrace, RunRecord, recorded_path
from mosa_edu.records.decode_trace import DecodingTrace
from mosa_edu.records.held_out import HeldOutRecord
from mosa_edu.records.leak import LeakExample
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.routing_game import RoutingGameRecord
from mosa_edu.records.scores import ScoreRecord

Record = TypeVar("Record")


def recorded_runs(folder: Path | str | None = None) -> list[RunRecord]:
    """Read the finished, stopped and diverged runs at equal cost, sorted by name."""
    return list(_all(RunRecord.load, "runs", folder).values())


def recorded_scores(folder: Path | str | None = None) -> dict[str, ScoreRecord]:
    """Read the three scores of `recorded_runs`, by name of the run."""
    return {r.name: r for r in _all(ScoreRecord.load, "scores", folder).values()}


def recorded_held_out(folder: Path | str) -> dict[str, HeldOutRecord]:
    """Read the losses on all held-out text that an experiment left, by name of the run."""
    return {r.name: r for r in _all(HeldOutRecord.load, "held_out", folder).values()}


def recorded_heads() -> Experiment | None:
    """Read what the plan ``heads`` left, in the seeds that all its arms have; None without any."""
    folder = recorded_path("heads")
    held_out = recorded_held_out(folder / "held_out")
    return experiment_of(recorded_runs(folder / "runs"), held_out) if held_out else None


def recorded_controls() -> list[ControlRow]:
    """Read what the plan ``assay`` left: in which settings half of the heads can be seen."""
    folder = recorded_path("assay")
    return control_rows(recorded_runs(folder / "runs"), recorded_held_out(folder / "held_out"))


def recorded_probes(folder: Path | str | None = None) -> dict[str, ProbeRecord]:
    """Read what `mosa-edu inspect` measured, by name: perturbation, coin flips, decoding, ..."""
    return _all(ProbeRecord.load, "probes", folder)


def recorded_plan(folder: Path | str) -> Records:
    """Read what an experiment left in a folder; all is empty as long as it was not run."""
    runs, scores, probes = (Path(folder) / name for name in ("runs", "scores", "probes"))
    return Records(recorded_runs(runs), recorded_scores(scores), recorded_probes(probes))


def recorded_long_context() -> Records:
    """Read what the plan ``long_context`` left."""
    return recorded_plan(recorded_path("long_context"))


def recorded_cloze() -> Records:
    """Read what the plan ``cloze`` left: its probes are answers."""
    return recorded_plan(recorded_path("cloze"))


def recorded_gpu() -> Records:
    """Read what the plan ``gpu_suite`` left; empty if no GPU was ever there."""
    return recorded_plan(recorded_path("gpu"))


def recorded_long_context_costs() -> list[dict[str, Any]]:
    """Read the rows that `mosa-edu bench long-context` measured; empty if it was not run."""
    record = _all(ProbeRecord.load, "bench").get("long-context")
    return list(record.rows) if record else []


def recorded_probe(name: str) -> ProbeRecord:
    """Read one measurement of `mosa-edu inspect`, such as ``perturbation-layer-seed0``."""
    return _named(ProbeRecord.load, "probes", name)


def recorded_bench(name: str) -> ProbeRecord:
    """Read what `mosa-edu bench` timed: ``steps``, ``lengths``, ``roofline``, ``page``, ..."""
    return _named(ProbeRecord.load, "bench", name)


def recorded_trace(name: str) -> RoutingTrace:
    """Read the shipped model's routing of a text of `mosa_edu.texts.PROBES`, by its key."""
    return _named(RoutingTrace.load, "traces", name)


def recorded_history(name: str) -> RoutingHistory:
    """Read how that routing changed while the shipped model trained, at about 40 steps."""
    return _named(RoutingHistory.load, "histories", name)


def recorded_leak(name: str) -> LeakExample:
    """Read what another future did to the past of such a text in the shipped model."""
    return _named(LeakExample.load, "leaks", name)


def recorded_routing_game(name: str) -> RoutingGameRecord:
    """Read what one head's router is worth on such a text, by key; the head where it is most."""
    return _named(RoutingGameRecord.load, "contests", name)


def recorded_decode_trace(name: str) -> DecodingTrace:
    """Read how the ``explorer`` weights wrote by a rule, or ``causal``: those trained by theirs."""
    return _named(DecodingTrace.load, "decodings", name)


def recorded_notebook(name: str) -> RunRecord:
    """Read the run that a chapter, such as ``ch07``, trains again and compares with."""
    return _named(RunRecord.load, "notebooks", name)


def shipped_scores(name: str = "explorer") -> ScoreRecord:
    """Read the three scores of a shipped model, of its rounded weights."""
    found = {path.parent.name: path for path in recorded_path().glob("*/scores.json")}
    require(name in found, "name", name, f"one of {sorted(found)}")
    return ScoreRecord.load(found[name])


def _all(
    load: Callable[[Path], Record], kind: str, folder: Path | str | None = None
) -> dict[str, Record]:
    return {path.stem: load(path) for path in _files(kind, folder)}


def _named(load: Callable[[Path], Record], kind: str, name: str) -> Record:
    found = {path.stem: path for path in _files(kind)}
    require(name in found, "name", name, f"one of {sorted(found)}")
    return load(found[name])


def _files(kind: str, folder: Path | str | None = None) -> list[Path]:
    return sorted(Path(folder or recorded_path(kind)).glob("*.json"))
