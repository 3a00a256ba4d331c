"""`mosa-edu probe`: measure whether the future reaches the past, and what a token costs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.cli import runs

if TYPE_CHECKING:
    from mosa_edu.records.probe import ProbeRecord

PROBES = ("perturbation", "jacobian", "coin-flips", "decoding")
CERTAIN = 4.0
"""Standard errors below guessing from which on chance is ruled out."""


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "probe",
        help="measure the leak: does the future reach the past?",
        description="Measure whether later tokens change earlier outputs (perturbation, jacobian, "
        "coin-flips), and what a token costs when they do not (decoding). Coin flips resume.",
    )
    add = parser.add_argument
    add("probe", choices=PROBES, help="what to measure")
    add("--kinds", nargs="+", help="coin-flips: kinds of heads; all by default")
    add("--seeds", nargs="+", type=int, default=[0], help="of weights and tokens")
    add("--steps", type=int, default=600, help="coin-flips: optimizer updates")
    add("--out", type=Path, help="folder of the records, instead of the cache")
    add("--threads", type=int, default=1, help="CPU threads")


def run(args: argparse.Namespace) -> int:
    """Measure, save one record a measurement, and print the numbers with their commands."""
    require(args.threads >= 1, "--threads", args.threads, "at least 1")
    require(min(args.seeds) >= 0, "--seeds", args.seeds, "at least 0")
    import torch

    torch.set_num_threads(args.threads)
    folder = args.out or runs.runs_folder() / "probes"
    if args.probe == "coin-flips":
        return _coin_flips(args, folder)
    require(args.kinds is None, "--kinds", args.kinds, "left out: this probe has a fixed list")
    for seed in args.seeds:
        for record in _measure(args.probe, seed):
            record.save(folder)
            print(_table(record), f"Again: {record.command}\n", sep="\n")
    return 0


def _measure(probe: str, seed: int) -> list[ProbeRecord]:
    import torch

    from mosa_edu.generation.timing import SHAPE, decoding_rows
    from mosa_edu.probes.sweeps import jacobian_rows, layer_rows, model_rows
    from mosa_edu.records import provenance
    from mosa_edu.records.probe import ProbeRecord

    measures: dict[str, Any] = {
        "perturbation": {"perturbation-layer": layer_rows, "perturbation-model": model_rows},
        "jacobian": {"jacobian": jacobian_rows},
        "decoding": {"decoding": decoding_rows},
    }
    settings: dict[str, Any] = {"seed": seed}
    if probe == "decoding":
        settings |= {"threads": torch.get_num_threads(), "n_heads": SHAPE.n_dense_heads}
        settings |= {"d_head": SHAPE.d_head, "d_model": SHAPE.d_model}
    origin = provenance(torch.__version__, command=f"mosa-edu probe {probe} --seeds {seed}")
    return [
        ProbeRecord(name, f"{name}-seed{seed}", settings, rows(seed=seed), {}, origin)
        for name, rows in measures[probe].items()
    ]


def _coin_flips(args: argparse.Namespace, folder: Path) -> int:
    from mosa_edu.probes.coin_flips import KINDS, run_coin_flips

    kinds = args.kinds or list(KINDS)
    unknown = sorted(set(kinds) - set(KINDS))
    require(not unknown, "--kinds", " ".join(unknown), f"among {', '.join(KINDS)}")
    require(args.steps >= 1, "--steps", args.steps, "at least 1")
    records = []
    for seed in args.seeds:
        for kind in kinds:
            records.append(run_coin_flips(kind, seed, args.steps, folder))
            print(_verdict(records[-1]), f"  Again: {records[-1].command}", sep="\n", flush=True)
    return 0


def _verdict(record: ProbeRecord) -> str:
    """Say in one line what coin flips showed."""
    full = record.row(score="full", position=None)
    floor = float(record.settings["ln_v"])
    name = f"{record.settings['kind']}, seed {record.settings['seed']}:"
    if full["loss"] is None:
        return f"{name:<18} the loss stopped being a number"
    line = f"{name:<18} {full['loss']:.4f} ± {full['stderr']:.4f}, ln V = {floor:.4f}"
    below = (floor - full["loss"]) / full["stderr"]
    if below <= CERTAIN:
        return f"{line}, not below guessing"
    return f"{line}, below guessing by {below:.0f} standard errors: it sees the future"


def _table(record: ProbeRecord) -> str:
    """Lay out the rows of a record in columns."""
    names = list(record.rows[0])
    lines = [names, *([_cell(row[name]) for name in names] for row in record.rows)]
    return "\n".join(_align(line, lines) for line in lines)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _align(line: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(other[column]) for other in lines) for column in range(len(line))]
    return "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
