"""`mosa-edu bench`: how fast a part of the package is beside a plain version of itself."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.costs import kept_tokens

if TYPE_CHECKING:
    from mosa_edu.bench import LayerCase, Timing


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "bench",
        help="time a layer against the straight way to compute it",
        description="Paired benchmark: both sides take turns in one process, and the ratio is "
        "taken within each round, so that a busy machine slows both alike.",
    )
    add = parser.add_argument
    add("what", choices=("layer",), help="layer: MosaAttention against the authors' data flow")
    add("--seq-len", type=int, default=2048, help="tokens of a text")
    add("--batch", type=int, default=1, help="texts")
    add("--d-model", type=int, default=512, help="width of the tokens")
    add("--heads", type=int, default=16, help="sparse heads")
    add("--d-head", type=int, default=64, help="width of a head")
    add("--sparsity", type=int, default=8, help="tokens in all, for each token a head keeps")
    add("--rounds", type=int, default=11, help="timed rounds")
    add("--threads", default="1,2", help="numbers of threads, by commas")


def run(args: argparse.Namespace) -> int:
    """Time, and print one line a pass and number of threads."""
    from mosa_edu.bench import BAR, LayerCase, bench_layer

    case = LayerCase(args.batch, args.seq_len, args.d_model, args.heads, args.d_head, args.sparsity)
    counts = args.threads.split(",")
    fits = all(count.isdigit() and int(count) >= 1 for count in counts)
    require(fits, "--threads", args.threads, "numbers of at least 1, by commas")
    require(args.rounds >= 3, "--rounds", args.rounds, "at least 3")
    require(args.heads >= 1, "--heads", args.heads, "at least 1")
    _print_head(case)
    reached = []
    for threads in map(int, counts):
        timings = bench_layer(case, args.rounds, threads)
        for name, timing in timings.items():
            print(_row(threads, name, timing), flush=True)
        reached.append(timings["forward + backward"].ratio("naive", "mosa")[1])
    verdict = "reached" if min(reached) >= BAR else "missed"
    print(f"Bar of {BAR} times, forward + backward: {verdict} ({min(reached):.2f}).")
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
