"""`mosa-edu experiment`: train and score the models of a plan; list, show and pack plans."""

from __future__ import annotations

import argparse
import math
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.cli import CORPORA, use_threads, whole_numbers
from mosa_edu.experiments.plans import load_plan, plan_names, plan_words, shard

if TYPE_CHECKING:
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
    show = actions.add_parser("show", help="print the runs of a plan and their budgets")
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
    add("--out", type=Path, help="folder for the records, instead of the cache")
    add("--time-limit", type=float, metavar="SECONDS", help="of each run; run again to go on")
    add("--seconds", type=float, help="of this call; run again to go on")
    add("--threads", type=int, help="CPU threads; default: all")
    add("--device", choices=("auto", "cpu", "cuda"), help="where to train, instead of the plan's")
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
    hidden = {"help": argparse.SUPPRESS}
    for flag in OLD_FLAGS:
        add(flag, **hidden)  # type: ignore[arg-type]
    add("--count-seeds", action="store_true", **hidden)  # type: ignore[arg-type]


def run(args: argparse.Namespace) -> int:
    """Do one of the four actions."""
    if args.action == "list":
        for name in plan_names():
            print(f"{name:14} {load_plan(name).title}")
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
    plan = load_plan(args.plan, _changes(args))
    print(plan_words(plan, _jobs(args, plan)))
    return 0


def _run(args: argparse.Namespace) -> int:
    """Train the missing runs and print the table."""
    started, changes = time.monotonic(), _changes(args)
    if args.figure:
        from mosa_edu.viz.charts.plans import check_plan_figure

        check_plan_figure(load_plan(args.plan).table, args.figure)
    for name in ("time_limit", "seconds"):
        value = getattr(args, name)
        fits = value is None or 0 < value < math.inf
        require(fits, f"--{name.replace('_', '-')}", value, "positive and finite")
    plan = load_plan(args.plan, changes)
    jobs = _jobs(args, plan)
    use_threads(args.threads)
    from mosa_edu.data.documents import cache_folder
    from mosa_edu.data.tokens import read_pack
    from mosa_edu.experiments.jobs import Session, find_device
    from mosa_edu.experiments.runner import run_plan

    device = find_device(args.device or plan.device)
    text = None
    if args.pack:
        text = read_pack(args.pack)
        plan = load_plan(args.plan, changes | {"baseline.vocab_size": text[2].vocab_size})
        jobs = _jobs(args, plan)
    session = Session(
        plan,
        args.out or cache_folder() / plan.folder,
        device,
        _command_flags(args, changes),
        time_limit=args.time_limit or math.inf,
        ends=started + args.seconds if args.seconds else math.inf,
        text=text,
    )
    status = run_plan(jobs, session)
    if args.figure and status == 0:
        from mosa_edu.viz.charts.plans import write_plan_figure

        write_plan_figure(plan.table, session.out, args.figure)
        print(f"Figure: {args.figure}")
    return status


def _command_flags(args: argparse.Namespace, changes: dict[str, Any]) -> str:
    """Write the changes as one would type them."""
    import shlex

    words = [f"--set {shlex.quote(f'{place}={value}')}" for place, value in changes.items()]
    words += [f"--pack {shlex.quote(args.pack.resolve().name)}"] if args.pack else []
    words += [f"--device {args.device}"] if args.device else []
    return "".join(f" {word}" for word in words)


def _pack(args: argparse.Namespace) -> int:
    """Write the files and say how large they are."""
    import shlex

    from mosa_edu.data.tokens import write_pack
    from mosa_edu.records.origin import program

    plan = load_plan(args.plan)
    vocab_size = args.vocab_size or plan.baseline.vocab_size
    manifest = write_pack(args.corpus or plan.corpus, vocab_size, args.folder)
    for split, entry in manifest["splits"].items():
        size = sum(shard["bytes"] for shard in entry["shards"]) / 1e6
        print(
            f"{split:10} {entry['tokens']:>12,} tokens of {len(entry['titles'])} documents, "
            f"{len(entry['shards'])} files, {size:.1f} MB"
        )
    print(f"Next: {program()} experiment run {args.plan} --pack {shlex.quote(str(args.folder))}")
    return 0
