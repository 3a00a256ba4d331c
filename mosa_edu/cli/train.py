"""`mosa-edu train`: from a corpus to a trained model in a folder, in as many sittings as needed."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.config import PRESETS, SPARSE_KINDS, ModelConfig
from mosa_edu.experiments import runner as runs

if TYPE_CHECKING:
    from mosa_edu.training import TrainingConfig

RECIPES: dict[str, dict[str, Any]] = {
    # Less than a minute on one core.
    "micro": {"tokens": 1_000_000, "batch_tokens": 2048, "learning_rate": 4e-3},
    # One to two hours on one core.
    "explorer": {"tokens": 30_000_000, "batch_tokens": 4096, "learning_rate": 2e-3},
    # The paper's 100k steps of 64 x 1024 tokens; days on one GPU.
    "tiny": {
        "tokens": 6_553_600_000,
        "batch_tokens": 65536,
        "learning_rate": 2.5e-4,
        "warmup_steps": 4000,
        "clip_norm": 0.25,
    },
}
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
    add("--preset", choices=list(RECIPES), help="shape of the model and recipe (default: micro)")
    add("--corpus", help="a corpus by name, or a text file (default: stdlib)")
    add("--vocab-size", type=int, help="entries of the tokenizer")
    add("--sparse", choices=SPARSE_KINDS, help="kind of the sparse heads")
    add("--n-sparse-heads", type=int, help="a layer")
    add("--n-dense-heads", type=int, help="a layer")
    add("--n-local-heads", type=int, help="a layer")
    add("--sparsity", type=int, help="tokens in all, for each token a sparse head keeps")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="optimizer updates")
    length.add_argument("--tokens", type=int, help="training tokens, instead of --steps")
    add("--batch-tokens", type=int, help="tokens of one update, over all devices")
    add("--lr", type=float, dest="learning_rate", metavar="LR", help="peak learning rate")
    add("--seed", type=int, help="of weights and batches (default: 0)")
    add("--time-limit", type=float, metavar="SECONDS", help="stop cleanly; run again to go on")
    add("--threads", type=int, help="CPU threads")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--name", help="of the run; by default made of its settings")
    place.add_argument("--run-dir", type=Path, help="folder of the run, instead of the cache")
    place.add_argument("--resume", metavar="NAME", help="go on with a run as it was configured")


def run(args: argparse.Namespace) -> int:
    """Train, print the losses, and name the next command."""
    require(args.threads is None or args.threads >= 1, "--threads", args.threads, "at least 1")
    limit = args.time_limit
    require(limit is None or limit > 0, "--time-limit", limit, "positive")
    settings, folder = settings_and_folder(args)
    import torch

    from mosa_edu.experiments.runner import train
    from mosa_edu.training import distributed

    if args.threads:
        torch.set_num_threads(args.threads)
    with distributed.process_group() as device:
        return train(settings, folder, device, limit)


def settings_and_folder(args: argparse.Namespace) -> tuple[dict[str, Any], Path]:
    """Return what to run, as JSON values, and where."""
    if args.resume:
        for name in ("preset", "corpus", "seed", *RECIPE_FLAGS, *MODEL_FLAGS):
            flag = "--lr" if name == "learning_rate" else f"--{name.replace('_', '-')}"
            value = getattr(args, name)
            require(value is None, flag, value, "left out with --resume: the run has its own")
        folder = Path(args.resume) if Path(args.resume).is_dir() else runs.run_folder(args.resume)
        return runs.read_settings(folder), folder
    preset = args.preset or "micro"
    model = dataclasses.replace(PRESETS[preset], **_given(args, MODEL_FLAGS))
    settings = {
        "preset": preset,
        "corpus": args.corpus or "stdlib",
        "model": dataclasses.asdict(model),
        "training": _recipe(args, preset, model).to_json(),
    }
    if args.run_dir:
        return settings, args.run_dir
    return settings, runs.run_folder(args.name or runs.default_name(settings))


def _given(args: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def _recipe(args: argparse.Namespace, preset: str, model: ModelConfig) -> TrainingConfig:
    from mosa_edu.training.config import TrainingConfig

    given = _given(args, RECIPE_FLAGS)
    for name in ("batch_tokens", "tokens"):
        value = given.get(name, 1)
        require(value > 0, f"--{name.replace('_', '-')}", value, "positive")
    recipe = RECIPES[preset] | given
    tokens = recipe.pop("tokens")
    steps = recipe.setdefault("steps", math.ceil(tokens / recipe["batch_tokens"]))
    warmup = min(recipe.pop("warmup_steps", 100), steps // 10)
    return TrainingConfig(
        **recipe,
        warmup_steps=warmup,
        max_length=model.max_seq_len,
        min_length=min(16, model.max_seq_len),
        seed=args.seed or 0,
    )
