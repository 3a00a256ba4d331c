"""`mosa-edu bench`: how fast a part of the package is beside a plain version of itself."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.cli import check_folder, end, keep
from mosa_edu.costs import kept_tokens

if TYPE_CHECKING:
    from mosa_edu.bench import LayerCase, Timing

TABLES = ("steps", "lengths", "roofline", "rules", "long-context")


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "bench",
        help="time a layer against the straight way to compute it",
        description="Paired benchmark: all sides take turns in one process, and the ratio is "
        "taken within each round, so that a busy machine slows all alike.",
    )
    add = parser.add_argument
    add(
        "what",
        choices=("layer", *TABLES, "page"),
        help="layer: MosaAttention against the authors' data flow, in the sizes of the flags; "
        "steps: every change between the two; lengths: dense heads against MoSA heads over the "
        "length of the text; roofline: every operation against the machine's peaks; long-context: "
        "models of equal FLOPs over the length of the text; rules: a training step of models that "
        "choose by different rules; page: the built book in a browser",
    )
    add("--seq-len", type=int, default=2048, help="layer: tokens of a text")
    add("--batch", type=int, default=1, help="layer: texts")
    add("--d-model", type=int, default=512, help="layer: width of the tokens")
    add("--heads", type=int, default=16, help="layer: sparse heads")
    add("--d-head", type=int, default=64, help="layer: width of a head")
    add("--sparsity", type=int, default=8, help="layer: tokens in all, for each a head keeps")
    add("--rounds", type=int, default=11, help="timed rounds")
    add("--threads", default="1,2", help="numbers of threads, by commas; the others take the first")
    add("--book", type=Path, default=Path("_build/html"), help="page: folder of the built book")
    add("--out", type=Path, help="all but layer: folder of the records, instead of the cache")


def run(args: argparse.Namespace) -> int:
    """Time, and print one line a measurement."""
    counts = args.threads.split(",")
    fits = all(count.isdigit() and int(count) >= 1 for count in counts)
    require(fits, "--threads", args.threads, "numbers of at least 1, by commas")
    require(args.rounds >= 3, "--rounds", args.rounds, "at least 3")
    check_folder("--out", args.out)
    if args.what == "page":
        return _page(args)
    if args.what in TABLES:
        return _table(args, int(counts[0]))
    return _layer(args, [int(count) for count in counts])


def _table(args: argparse.Namespace, threads: int) -> int:
    """Measure one table, save it as a record and print it."""
    import os

    import torch

    from mosa_edu.analysis.findings import finding
    from mosa_edu.bench.layer import length_rows, step_rows
    from mosa_edu.bench.models import LENGTHS, RULES, long_context_rows, rule_rows
    from mosa_edu.bench.roofline import roofline_rows
    from mosa_edu.experiments.plans import load_plan
    from mosa_edu.records import provenance
    from mosa_edu.records.probe import ProbeRecord

    plan = load_plan("isoflop")
    by_length = {T: load_plan("long_context", {"baseline.max_seq_len": T}) for T in LENGTHS}
    long_models = {T: found.models() for T, found in by_length.items()}
    measures: dict[str, Any] = {
        "steps": step_rows,
        "lengths": length_rows,
        "roofline": roofline_rows,
        "long-context": partial(long_context_rows, long_models),
        "rules": partial(rule_rows, {rule: plan.model(rule) for rule in RULES}),
    }
    clock = "process" if threads == 1 else "wall"
    settings = {"rounds": args.rounds, "threads": threads, "clock": clock, "dtype": "float32"}
    settings["load"] = round(os.getloadavg()[0], 1)
    rows = measures[args.what](rounds=args.rounds, threads=threads)
    command = f"mosa-edu bench {args.what} --rounds {args.rounds} --threads {threads}"
    origin = provenance(torch.__version__, command=command)
    record = ProbeRecord(f"bench-{args.what}", args.what, settings, rows, {}, origin)
    following = (*TABLES[1:], "layer")[TABLES.index(args.what)]
    end(finding(record), keep(record, args.out, "bench"), "bench", following)
    return 0


def _page(args: argparse.Namespace) -> int:
    """Measure the built book in a browser, print one line a number, and save the record."""
    import os

    from mosa_edu.analysis.findings import finding
    from mosa_edu.bench.page import BuiltBook, measure_book, open_browser
    from mosa_edu.data.documents import cache_folder
    from mosa_edu.records import provenance
    from mosa_edu.records.probe import ProbeRecord
    from mosa_edu.viz.assets import WEB, module_text

    settings: dict[str, Any] = {"rounds": args.rounds, "load": round(os.getloadavg()[0], 1)}
    book = BuiltBook(args.book)
    with open_browser() as browser:
        settings["browser"] = f"Chromium {browser.version}, headless"
        rows = measure_book(browser, book, args.rounds, module_text("bench/page", WEB.parents[1]))
    origin = provenance(command=f"mosa-edu bench page --rounds {args.rounds}")
    record = ProbeRecord("bench-page", "page", settings, rows, {}, origin)
    path = record.save(args.out or cache_folder() / "runs" / "bench")
    print(f"{settings['browser']}; {origin['hardware']}; load {settings['load']}")
    print(*(_line(row) for row in record.rows), sep="\n")
    end(finding(record), path, "bench", "layer")
    return 0


def _line(row: dict[str, Any]) -> str:
    """Write a number, what was promised of it, and whether that holds."""
    number = f"{row['median']:,.1f} {row['unit']}".strip()
    if row["lower"] != row["upper"]:
        number += f" [{row['lower']:,.1f}, {row['upper']:,.1f}]"
    if row["clock"] == "processor":
        number += " of the processor's time"
    if row["bar"] is None:
        return f"{row['what']}: {number}"
    verdict = "reached" if row["median"] <= row["bar"] else "missed"
    aims = f"bar {row['bar']:,}"
    if row["stretch"] is not None:
        aims += f", stretch {row['stretch']:,}"
    return f"{row['what']}: {number} ({aims}: {verdict})"


def _layer(args: argparse.Namespace, counts: list[int]) -> int:
    from mosa_edu.bench import BAR, LayerCase, bench_layer
    from mosa_edu.records.origin import typed

    require(args.heads >= 1, "--heads", args.heads, "at least 1")
    case = LayerCase(args.batch, args.seq_len, args.d_model, args.heads, args.d_head, args.sparsity)
    _print_head(case)
    reached = []
    for threads in counts:
        timings = bench_layer(case, args.rounds, threads)
        for name, timing in timings.items():
            print(_row(threads, name, timing), flush=True)
        reached.append(timings["forward + backward"].ratio("naive", "mosa")[1])
    verdict = "reached" if min(reached) >= BAR else "missed"
    print(f"Bar of {BAR} times, forward + backward: {verdict} ({min(reached):.2f}).")
    print(f"Next: {typed('bench', 'steps')}")
    return 0


def _print_head(case: LayerCase) -> None:
    import os

    import torch

    kept = kept_tokens(case.seq_len, case.sparsity)
    print(
        f"{case.batch} x {case.seq_len} tokens of width {case.d_model}, {case.n_heads} heads of "
        f"{case.d_head} keep {kept} tokens each; float32, torch {torch.__version__}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print("threads  clock  pass                naive ms  mosa ms  times faster [quartiles]")


def _row(threads: int, name: str, timing: Timing) -> str:
    lower, median, upper = timing.ratio("naive", "mosa")
    clock = "CPU" if threads == 1 else "wall"
    naive, mosa = (1e3 * timing.median(which) for which in ("naive", "mosa"))
    return (
        f"{threads:7}  {clock:<5}  {name:<18}{naive:10.1f}{mosa:9.1f}"
        f"  {median:.2f} [{lower:.2f}, {upper:.2f}]"
    )
