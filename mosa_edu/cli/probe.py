"""`mosa-edu probe`: measure what a model sees of the future, what a token costs, what it solves."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.cli.columns import columns
from mosa_edu.experiments import runner as runs

if TYPE_CHECKING:
    from mosa_edu.records.probe import ProbeRecord

PROBES = ("perturbation", "jacobian", "coin-flips", "decoding", "predictor", "selection", "riddles")
OF_MODELS = PROBES[-3:]
"""Probes of a trained model; the others make their own."""


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "probe",
        help="measure the leak: does the future reach the past?",
        description="Measure whether later tokens change earlier outputs (perturbation, jacobian, "
        "coin-flips), what a token costs when they do not (decoding), whether a trained model's "
        "picks can be guessed (predictor), how many it keeps (selection) and how often it is right "
        "where only a distant word tells (riddles). Coin flips resume.",
    )
    add = parser.add_argument
    add("probe", choices=PROBES, help="what to measure")
    add("--kinds", nargs="+", help="coin-flips: kinds of heads; all by default")
    add("--seeds", nargs="+", type=int, default=[0], help="of weights and tokens")
    add("--steps", type=int, default=600, help="coin-flips: optimizer updates")
    add("--model", metavar="RUN", help="of a trained model: a run; by default 'explorer'")
    add("--out", type=Path, help="folder of the records, instead of the cache")
    add("--threads", type=int, default=1, help="CPU threads")


def run(args: argparse.Namespace) -> int:
    """Measure, save one record a measurement, and print the numbers with their commands."""
    require(args.threads >= 1, "--threads", args.threads, "at least 1")
    require(min(args.seeds) >= 0, "--seeds", args.seeds, "at least 0")
    import torch

    torch.set_num_threads(args.threads)
    folder = args.out or runs.runs_folder() / "probes"
    allowed = f"left out: {args.probe} makes its own models"
    require(args.model is None or args.probe in OF_MODELS, "--model", args.model, allowed)
    if args.probe == "coin-flips":
        return _coin_flips(args, folder)
    require(args.kinds is None, "--kinds", args.kinds, "left out: this probe has a fixed list")
    if args.probe in OF_MODELS:
        _show(_of_model(args), folder)
        return 0
    for seed in args.seeds:
        for record in _measure(args.probe, seed):
            _show(record, folder)
    return 0


def _show(record: ProbeRecord, folder: Path) -> None:
    record.save(folder)
    print(columns(record), f"Again: {record.command}\n", sep="\n")


def _of_model(args: argparse.Namespace) -> ProbeRecord:
    from mosa_edu.data.corpora import load_corpus
    from mosa_edu.data.tokens import TokenSet
    from mosa_edu.probes.cloze import cloze_record
    from mosa_edu.probes.selections import predictor_record, selection_record
    from mosa_edu.records.run import command_line

    run = args.model or "explorer"
    model, tokenizer, corpus, name = runs.find_model(run)
    command = command_line(["mosa-edu", "probe", args.probe, "--model", run])
    if args.probe == "riddles":
        return cloze_record(model, tokenizer, name, command)
    require(model.config.n_sparse_heads > 0, "--model", run, "a model with sparse heads")
    record = {"predictor": predictor_record, "selection": selection_record}[args.probe]
    return record(model, TokenSet.build(load_corpus(corpus), tokenizer), name, command)


def _measure(probe: str, seed: int) -> list[ProbeRecord]:
    import torch

    from mosa_edu.bench.decoding import SHAPE, decoding_rows
    from mosa_edu.probes.causality import jacobian_rows, layer_rows, model_rows
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
    from mosa_edu.analysis import coin_flip_rows
    from mosa_edu.probes.coin_flips import KINDS, run_coin_flips

    kinds = args.kinds or list(KINDS)
    unknown = sorted(set(kinds) - set(KINDS))
    require(not unknown, "--kinds", " ".join(unknown), f"among {', '.join(KINDS)}")
    require(args.steps >= 1, "--steps", args.steps, "at least 1")
    for seed in args.seeds:
        for kind in kinds:
            record = run_coin_flips(kind, seed, args.steps, folder)
            (row,) = coin_flip_rows({record.name: record})
            print(row, f"  Again: {record.command}", sep="\n", flush=True)
    return 0
