"""`mosa-edu experiment`: train and score the models of a plan; list, show and pack plans."""

from __future__ import annotations

import argparse
import math
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.cli import CORPORA, check_folder, end, use_threads, whole, whole_numbers
from mosa_edu.experiments.plans import load_plan, plan_names, plan_words, shard

if TYPE_CHECKING:
    from mosa_edu.experiments.jobs import Session
    from mosa_edu.experiments.plans import Job, Plan

OLD_FLAGS = {
    "--match": "match",
    "--sparsity": "sparsity",
    "--length": "baseline.max_seq_len",
    "--kept": "top_k",
    "--guess": "search.guess",
    "--resolution": "search.resolution",
    "--rounds": "search.rounds",
}
"""Flags of version 0.1, and the places in a plan that ``--set`` sets today."""
OLD_ROWS = {
    "pure": "mosa_only",
    "local": "local_hybrid",
    "free": "no_sink",
    "fewer": "dense_ablation",
}
"""Kinds of version 0.1 that are rows of plans today."""


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "experiment",
        help="train models that a plan compares, score them and keep the records",
        description="A plan is a TOML file: models of equal cost, seeds, text, recipe, scores. "
        "mosa-edu experiment list names those that come with the package.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="name the plans")
    show = actions.add_parser(
        "show", help="print the runs of a plan, their budgets, tokens, hours and folders"
    )
    run = actions.add_parser(
        "run",
        help="train and score what has no record yet; the same command again goes on",
        description="Train, score and record the runs of a plan, one after another. The same "
        "command again goes on where it stopped. Status 75: the time of --seconds is up.",
    )
    pack = actions.add_parser("pack", help="encode a plan's text for a machine without a network")
    for sub in (show, run):
        _add_choice(sub)
    add = run.add_argument
    add("--time-limit", type=float, metavar="SECONDS", help="of each run; run again to go on")
    add("--seconds", type=float, help="of this call; run again to go on")
    add("--dry-run", action="store_true", help="show, train nothing")
    add("--figure", type=Path, metavar="FILE.html", help="draw the records at the end")
    pack.add_argument("plan", metavar="PLAN", help="a plan by name, or a TOML file")
    pack.add_argument("folder", type=Path, metavar="FOLDER", help="to write to")
    pack.add_argument("--corpus", help=f"{CORPORA}; default: the plan's")
    pack.add_argument(
        "--vocab-size", type=int, help="entries of the tokenizer; default: the plan's"
    )


def _add_choice(parser: argparse.ArgumentParser) -> None:
    """Declare what chooses among the runs of a plan, or changes the plan."""
    add = parser.add_argument
    add("plan", metavar="PLAN", help="a plan by name, or a TOML file")
    add("--only", "--kinds", metavar="ROWS", help="rows or variants, by commas; default: all rows")
    add("--seeds", help="seeds, by commas; default: the plan's")
    add("--tokens", type=int, help="training tokens of each run, at least; default: the plan's")
    add("--corpus", help=f"{CORPORA}; default: the plan's")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="change the plan")
    add("--shard", default="1/1", metavar="I/N", help="the I-th of N parts of the runs")
    add("--pack", type=Path, metavar="FOLDER", help="text that 'experiment pack' wrote")
    add("--out", type=Path, help="folder for the records, instead of the cache")
    add("--device", choices=("auto", "cpu", "cuda"), help="where to train; default: the plan's")
    add("--threads", type=int, help="CPU threads; default: all")
    hidden = {"help": argparse.SUPPRESS}
    for flag in OLD_FLAGS:
        add(flag, **hidden)  # type: ignore[arg-type]
    add("--count-seeds", action="store_true", **hidden)  # type: ignore[arg-type]


def run(args: argparse.Namespace) -> int:
    """Do one of the four actions."""
    if args.action == "list":
        for name in plan_names():
            print(f"{name:14} {load_plan(name).title}")
        from mosa_edu.records.origin import typed

        print(f"Next: {typed('experiment', 'show', 'isoflop')}")
        return 0
    if args.action == "pack":
        return _pack(args)
    return _run(args) if args.action == "run" and not args.dry_run else _show(args)


def _changes(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the flags change in the plan, by place."""
    require(args.tokens is None or args.tokens >= 1, "--tokens", args.tokens, "at least 1")
    pairs = [text.partition("=") for text in args.set]
    found = {key.strip(): _value(text) for key, _, text in pairs}
    for flag, place in OLD_FLAGS.items():
        if (text := getattr(args, flag.removeprefix("--"))) is not None:
            found[place] = _value(text)
    if args.tokens is not None:
        found["recipe.tokens"] = args.tokens
    if args.corpus is not None:
        found["corpus"] = args.corpus
    return found


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _jobs(args: argparse.Namespace, plan: Plan) -> list[Job]:
    """Return the runs that were asked for."""
    only, known = args.only.split(",") if args.only else None, plan.rows | plan.variants
    if only is not None:
        only = [row if row in known else OLD_ROWS.get(row, row) for row in only]
    seeds = whole_numbers(args.seeds, "--seeds") if args.seeds else None
    if seeds is not None and args.count_seeds:  # the gpu-suite of version 0.1
        seeds = list(range(seeds[0]))
    numbers = args.shard.split("/")
    require(len(numbers) == 2, "--shard", args.shard, "two whole numbers, I/N")
    part, parts = (whole_numbers(number, "--shard")[0] for number in numbers)
    return shard(plan.jobs(only, seeds), part, parts)


def _show(args: argparse.Namespace) -> int:
    """Say what would be trained, what it would take, and how to do it."""
    plan, jobs, session, there = _session(args)
    from mosa_edu.experiments.estimate import estimate
    from mosa_edu.records.origin import typed

    print(plan_words(plan, jobs))
    print("", *estimate(jobs, session, timed=there), sep="\n")
    words = ["run" if word == "show" else word for word in whole(args.words)]
    print(f"Next: {typed(*(word for word in words if word != '--dry-run'))}")
    return 0


def _session(args: argparse.Namespace) -> tuple[Plan, list[Job], Session, bool]:
    """Return the plan, its runs that were asked for, where they go, and whether they can."""
    started, changes = time.monotonic(), _changes(args)
    plan = load_plan(args.plan, changes)
    jobs = _jobs(args, plan)
    use_threads(args.threads)
    check_folder("--out", args.out)
    import torch

    from mosa_edu.data.documents import cache_folder
    from mosa_edu.data.tokens import read_pack
    from mosa_edu.experiments.jobs import Session, find_device

    wanted = args.device or plan.device
    there = wanted != "cuda" or torch.cuda.is_available()
    trains = args.action == "run" and not args.dry_run
    device = find_device(wanted if there or trains else "cpu")
    text = None
    if args.pack and (trains or (args.pack / "manifest.json").is_file()):
        text = read_pack(args.pack)
        plan = load_plan(args.plan, changes | {"baseline.vocab_size": text[2].vocab_size})
        jobs = _jobs(args, plan)
    session = Session(
        plan,
        args.out or cache_folder() / plan.folder,
        device,
        _command_flags(args, changes),
        time_limit=getattr(args, "time_limit", None) or math.inf,
        ends=started + seconds if (seconds := getattr(args, "seconds", None)) else math.inf,
        text=text,
    )
    return plan, jobs, session, there


def _run(args: argparse.Namespace) -> int:
    """Train the missing runs and print the table."""
    if args.figure:
        from mosa_edu.viz.charts.plans import check_plan_figure

        check_plan_figure(load_plan(args.plan).table, args.figure)
    for name in ("time_limit", "seconds"):
        value = getattr(args, name)
        fits = value is None or 0 < value < math.inf
        require(fits, f"--{name.replace('_', '-')}", value, "positive and finite")
    plan, jobs, session, _ = _session(args)
    from mosa_edu.experiments.runner import run_plan
    from mosa_edu.records.origin import typed

    status, again = run_plan(jobs, session), whole(args.words)
    if args.figure and status == 0:
        from mosa_edu.viz.charts.plans import write_plan_figure

        write_plan_figure(plan.table, session.out, args.figure)
        print(f"Figure: {args.figure.resolve()}")
        again = ["experiment", "list"]
    elif status == 0 and _has_figure(plan) and any(session.record(job).exists() for job in jobs):
        again += ["--figure", str(session.out.resolve() / f"{plan.name}.html")]
    print(f"Next: {typed(*again)}")
    return status


def _has_figure(plan: Plan) -> bool:
    try:
        from mosa_edu.viz.charts.plans import FIGURES
    except ImportError:
        return False
    return plan.table in FIGURES


def _command_flags(args: argparse.Namespace, changes: dict[str, Any]) -> str:
    """Write the changes as one would type them."""
    import shlex

    from mosa_edu.data.corpora import corpus_name

    if "corpus" in changes:
        changes = {**changes, "corpus": corpus_name(changes["corpus"])}
    words = [f"--set {shlex.quote(f'{place}={value}')}" for place, value in changes.items()]
    words += [f"--pack {shlex.quote(args.pack.resolve().name)}"] if args.pack else []
    words += [f"--device {args.device}"] if args.device else []
    return "".join(f" {word}" for word in words)


def _pack(args: argparse.Namespace) -> int:
    """Write the files and say how large they are."""
    from mosa_edu.data.tokens import write_pack

    plan = load_plan(args.plan)
    vocab_size = args.vocab_size or plan.baseline.vocab_size
    check_folder("FOLDER", args.folder)
    manifest = write_pack(args.corpus or plan.corpus, vocab_size, args.folder)
    for split, entry in manifest["splits"].items():
        size = sum(shard["bytes"] for shard in entry["shards"]) / 1e6
        print(
            f"{split:10} {entry['tokens']:>12,} tokens of {len(entry['titles'])} documents, "
            f"{len(entry['shards'])} files, {size:.1f} MB"
        )
    count = sum(entry["tokens"] for entry in manifest["splits"].values())
    words = ("experiment", "run", *whole([args.plan]), "--pack", args.folder.resolve())
    end(f"{count:,} tokens are packed.", args.folder / "manifest.json", *words)
    return 0
