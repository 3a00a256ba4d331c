"""`mosa-edu inspect`: measure what a model sees of the future, what it keeps, what it solves."""

from __future__ import annotations

import argparse
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.cli import check_file, check_folder, end, keep, use_threads

if TYPE_CHECKING:
    from mosa_edu.records.probe import ProbeRecord

OF_MODELS = ("scores", "selection", "predictor", "cloze")
"""Questions to a trained model; the others make their own."""
PROBES = ("perturbation", "jacobian", "coin-flips", "decoding")
LEAK_FOUND = 1
"""Exit status of a causality check that found one."""


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "inspect",
        help="measure the leak, and what a trained model keeps, guesses and solves",
        description="The runs of the cache (runs). Of any model of PyTorch: whether it sees later "
        "tokens (causality package.module:factory; status 1 if it does). Of a trained model: its "
        "loss with the future shown, cut off and replaced by another book (scores), how many "
        "tokens it keeps (selection), whether its picks can be guessed (predictor), how often it "
        "is right where only a distant word tells (cloze). Of models made for it: whether later "
        "tokens change earlier outputs (perturbation, jacobian, coin-flips, which resume) and what "
        "a token costs when they do not (decoding).",
    )
    add = parser.add_argument
    known = ("runs", "causality", *OF_MODELS, *PROBES)
    words = "{" + ",".join(known) + "}"
    add("what", choices=(*known, "riddles"), metavar=words, help="what to do")
    named = "a run, 'explorer' (the default) or 'causal'; causality: also package.module:factory"
    add("model", nargs="?", metavar="RUN", help=named)
    add("--model", dest="named", help=argparse.SUPPRESS)  # of version 0.1
    add("--text", type=Path, metavar="FILE", help="scores: a text of your own (default: held out)")
    add("--kinds", nargs="+", help="coin-flips: kinds of heads; all by default")
    add("--seeds", nargs="+", type=int, default=[0], help="of weights and tokens (default: 0)")
    add("--steps", type=int, default=600, help="coin-flips: optimizer updates (default: 600)")
    add("--vocab-size", type=int, help="causality: ids to try (default: the model's)")
    add("--seq-len", type=int, help="causality: tokens of a text (default: 64)")
    add("--forwards", type=int, default=8, help="causality: calls of the model (default: 8)")
    add("--batch", action="store_true", help="causality: whether rows of a batch meet, too")
    add("--padding", choices=("left", "right"), nargs="+", help="causality: pads, too")
    add("--out", type=Path, help="folder of the records (scores: file), instead of the cache")
    add("--threads", type=int, help="CPU threads; default: 1, for scores all")


def run(args: argparse.Namespace) -> int:
    """Measure, save one record a measurement, and print the numbers with their commands."""
    if args.what == "runs":
        return _runs()
    if args.what == "causality":
        return _causality(args)
    what = "cloze" if args.what == "riddles" else args.what
    model = args.model or args.named
    require(min(args.seeds) >= 0, "--seeds", args.seeds, "at least 0")
    use_threads(args.threads if args.threads is not None or what == "scores" else 1)
    (check_file if what == "scores" else check_folder)("--out", args.out)
    if what == "scores":
        return _scores(model or "explorer", args)
    require(args.text is None, "--text", str(args.text), "left out: scores reads a text")
    allowed = f"left out: {what} makes its own models"
    require(model is None or what in OF_MODELS, "RUN", model, allowed)
    if what == "coin-flips":
        return _coin_flips(args)
    require(args.kinds is None, "--kinds", args.kinds, "left out: this has a fixed list")
    if what in OF_MODELS:
        from mosa_edu.experiments.runs import called, probe_model

        record = probe_model(what, model or "explorer")
        following = ("inspect", "predictor") if what == "selection" else ("explore",)
        _end([record], [keep(record, args.out, "probes")], *following, called(model or "explorer"))
        return 0
    from mosa_edu.bench.decoding import decoding_records
    from mosa_edu.probes.causality import causality_records

    make = decoding_records if what == "decoding" else partial(causality_records, what)
    records, paths = [], []
    for seed in args.seeds:
        for record in make(seed, f"mosa-edu inspect {what} --seeds {seed}"):
            records.append(record)
            paths.append(keep(record, args.out, "probes"))
    _end(records, paths, *NEXT[what])
    return 0


NEXT = {
    "perturbation": ("inspect", "jacobian"),
    "jacobian": ("inspect", "coin-flips"),
    "decoding": ("bench", "long-context"),
}
"""What to ask after a question that needs no model."""


def _end(records: list[ProbeRecord], paths: list[Path], *words: object) -> None:
    """Say what the last records of each probe found, where they lie, and what to type next."""
    from mosa_edu.analysis.findings import finding

    last = {record.probe: record for record in records}
    place = paths[0] if len(paths) == 1 else paths[0].parent
    end("\n".join(map(finding, last.values())), place, *words)


def _runs() -> int:
    """List all runs."""
    from mosa_edu.experiments.runs import called, known_runs, run_lines, runs_folder

    lines, folders = run_lines(), known_runs()
    print(*lines, sep="\n", end="\n" if lines else "")
    following = ("explore", called(str(folders[0]))) if folders else ("train", "--name", "first")
    end(f"{len(folders)} runs, the newest first.", runs_folder(), *following)
    return 0


def _causality(args: argparse.Namespace) -> int:
    """Check a model, print the report, and say in the exit status whether it leaks."""
    from mosa_edu.probes.prefix_invariance import check_causality

    require(args.model is not None, "RUN", args.model, "given, or package.module:factory")
    model, length = _model_of(args.model)
    report = check_causality(
        model,
        args.vocab_size,
        length if args.seq_len is None else args.seq_len,
        forwards=args.forwards,
        batch=args.batch,
        padding=args.padding or (),
    )
    print(report)
    return 0 if report else LEAK_FOUND


def _model_of(name: str) -> tuple[Any, int]:
    """Return a run's model, or what a factory makes, and a length to try it at."""
    module, colon, factory = name.partition(":")
    if not colon or "/" in module:
        from mosa_edu.experiments.runs import find_model

        model, *_ = find_model(name)
        return model, min(64, model.config.max_seq_len)
    import importlib
    import sys

    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does: the folder one is in
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"RUN must be package.module:factory, got {name!r} ({error})") from None
    for part in factory.split("."):
        allowed = f"a name in {module}"
        require(hasattr(found, part), "RUN", name, allowed)
        found = getattr(found, part)
    from torch import nn

    made: Any = found
    return (made if isinstance(made, nn.Module) else made()), 64


def _scores(model: str, args: argparse.Namespace) -> int:
    """Score, print the three losses with their intervals, and keep the record."""
    from mosa_edu.analysis import score_gap, text_interval
    from mosa_edu.analysis.findings import score_finding
    from mosa_edu.experiments.runs import called, score_run
    from mosa_edu.records.scores import EVALUATIONS

    record, path = score_run(model, args.text)
    for way in EVALUATIONS:
        print(f"{way:8} {text_interval(record.per_window(way), record.books)} nats per token")
    for way in EVALUATIONS[1:]:
        print(f"{way} - full: {score_gap(record, way)}")
    for title, loss in record.per_book("full").items():
        print(f"  {title[:48]:48} {loss:.3f} full, {record.per_book('prefix')[title]:.3f} prefix")
    end(score_finding(record), record.save(args.out or path), "explore", called(model))
    return 0


def _coin_flips(args: argparse.Namespace) -> int:
    from mosa_edu.analysis import coin_flip_rows
    from mosa_edu.analysis.findings import coin_flip_finding
    from mosa_edu.experiments.runs import runs_folder
    from mosa_edu.probes.coin_flips import KINDS, run_coin_flips

    kinds = args.kinds or list(KINDS)
    unknown = sorted(set(kinds) - set(KINDS))
    require(not unknown, "--kinds", " ".join(unknown), f"among {', '.join(KINDS)}")
    require(args.steps >= 1, "--steps", args.steps, "at least 1")
    folder = args.out or runs_folder() / "probes"
    rows = []
    for number, (seed, kind) in enumerate(product(args.seeds, kinds), start=1):
        print(f"== {kind} seed {seed} ({number} of {len(args.seeds) * len(kinds)})", flush=True)
        record = run_coin_flips(kind, seed, args.steps, folder)
        rows += coin_flip_rows({record.name: record})
        print(rows[-1], flush=True)
    end(coin_flip_finding(rows), folder, "inspect", "perturbation")
    return 0
