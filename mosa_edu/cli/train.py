"""`mosa-edu train`: from a corpus to a trained model in a folder, in as many sittings as needed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.cli import CORPORA, check_folder, use_threads
from mosa_edu.config import PRESETS, SPARSE_KINDS

MODEL_FLAGS = (
    "vocab_size",
    "sparse",
    "n_sparse_heads",
    "n_dense_heads",
    "n_local_heads",
    "sparsity",
)
RECIPE_FLAGS = ("steps", "tokens", "batch_tokens", "learning_rate")


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "train",
        help="train a model; the same command again resumes it",
        description="Train a model in a folder of the user's cache. The same command again resumes "
        "an interrupted run, or says that it is finished.",
    )
    add = parser.add_argument
    add("--preset", choices=list(PRESETS), help="shape of the model and recipe (default: micro)")
    add("--corpus", help=f"{CORPORA} (default: stdlib)")
    add("--vocab-size", type=int, help="entries of the tokenizer (default: the preset's)")
    add("--sparse", choices=SPARSE_KINDS, help="kind of the sparse heads (default: mosa)")
    add("--n-sparse-heads", type=int, help="a layer (default: the preset's)")
    add("--n-dense-heads", type=int, help="a layer (default: the preset's)")
    add("--n-local-heads", type=int, help="a layer (default: 0)")
    add(
        "--sparsity",
        type=int,
        help="tokens in all, for each token a sparse head keeps (default: the preset's)",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--steps", type=int, help="optimizer updates (default: of the preset's tokens)"
    )
    length.add_argument("--tokens", type=int, help="training tokens, instead of --steps")
    add("--batch-tokens", type=int, help="of one update, over all devices (default: the preset's)")
    add(
        "--lr",
        type=float,
        dest="learning_rate",
        metavar="LR",
        help="peak learning rate (default: the preset's)",
    )
    add("--seed", type=int, help="of weights and batches (default: 0)")
    add("--time-limit", type=float, metavar="SECONDS", help="stop cleanly; run again to go on")
    add("--threads", type=int, help="CPU threads (default: all)")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--name", help="of the run; by default made of its settings")
    place.add_argument("--run-dir", type=Path, help="folder of the run, instead of the cache")
    place.add_argument("--resume", metavar="NAME", help="go on with a run as it was configured")


def run(args: argparse.Namespace) -> int:
    """Train, print the losses, and name the next command."""
    limit = args.time_limit
    require(limit is None or limit > 0, "--time-limit", limit, "positive")
    use_threads(args.threads)
    check_folder("--run-dir", args.run_dir)
    from mosa_edu.experiments import runs
    from mosa_edu.training import distributed

    if args.resume:
        for name in ("preset", "corpus", "seed", *RECIPE_FLAGS, *MODEL_FLAGS):
            flag = "--lr" if name == "learning_rate" else f"--{name.replace('_', '-')}"
            value = getattr(args, name)
            require(value is None, flag, value, "left out with --resume: the run has its own")
        folder = Path(args.resume) if Path(args.resume).is_dir() else runs.run_folder(args.resume)
        settings = runs.read_settings(folder)
    else:
        settings = runs.settings_of(
            args.preset or "micro",
            args.corpus or "stdlib",
            args.seed or 0,
            model=_given(args, MODEL_FLAGS),
            recipe=_given(args, RECIPE_FLAGS),
        )
        folder = args.run_dir or runs.run_folder(args.name or runs.default_name(settings))
    with distributed.process_group() as device:
        return runs.train(settings, folder, device, limit)


def _given(args: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}
