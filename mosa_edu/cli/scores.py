"""`mosa-edu scores`: one trained model under the three scores."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mosa_edu.checks import require
from mosa_edu.experiments import runner as runs

if TYPE_CHECKING:
    import numpy as np

    from mosa_edu.data.tokens import TokenSet
    from mosa_edu.model import TransformerLM
    from mosa_edu.records.scores import ScoreRecord

WINDOWS, CUTS, DRAWS = 200, 24, 2


class Sample(NamedTuple):
    """How much held-out text a model is scored on.

    Attributes
    ----------
    windows, cuts, draws : int
        Windows, equally many from each book; positions of each that are scored; other futures of
        each position. The work grows with their product and with the length of a window.
    """

    windows: int
    cuts: int
    draws: int


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "scores",
        help="score a run with the future shown, cut off and replaced",
        description="Score held-out windows three ways: full (the router sees the whole window, as "
        "the paper computes perplexity), prefix (the future is cut off; k follows the prefix) and "
        "foreign (the future is another book; k and length stay).",
    )
    add = parser.add_argument
    add("run_name", metavar="RUN", help="name or folder of a finished run")
    add("--out", type=Path, help="file for the record")
    add("--threads", type=int, help="CPU threads")


def run(args: argparse.Namespace) -> int:
    """Score, print the three losses with their intervals, and keep the record."""
    require(args.threads is None or args.threads >= 1, "--threads", args.threads, "at least 1")
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    from mosa_edu.analysis import bootstrap_mean, score_gap
    from mosa_edu.experiments.runner import find_run

    folder = find_run(args.run_name)
    settings = runs.read_settings(folder)
    record = score_run(folder, settings["corpus"], name=folder.name)
    for way in ("full", "prefix", "foreign"):
        print(f"{way:8} {bootstrap_mean(record.per_window(way), record.books)} nats per token")
    for way in ("prefix", "foreign"):
        print(f"{way} - full: {score_gap(record, way)}")
    for title, loss in record.per_book("full").items():
        print(f"  {title[:48]:48} {loss:.3f} full, {record.per_book('prefix')[title]:.3f} prefix")
    path = args.out or folder / "scores.json"
    record.save(path)
    print(f"Record: {path}")
    return 0


def score_run(folder: Path, corpus: str, name: str, sample: Sample | None = None) -> ScoreRecord:
    """Score the newest weights of a run; see `score_model`."""
    from mosa_edu.data.corpora import load_corpus
    from mosa_edu.data.tokens import TokenSet
    from mosa_edu.experiments.runner import load_run

    model, tokenizer = load_run(folder)
    return score_model(model, TokenSet.build(load_corpus(corpus), tokenizer), name, sample)


def held_out_windows(
    tokens: TokenSet, length: int, count: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the windows that every model is scored on."""
    import numpy as np

    per_book = (count or WINDOWS) // max(tokens.validation.n_documents, 1)
    inputs, targets, books = tokens.windows("validation", length, max(per_book, 1))
    return np.concatenate([inputs, targets[:, -1:]], axis=1), books


def score_model(
    model: TransformerLM, tokens: TokenSet, name: str, sample: Sample | None = None
) -> ScoreRecord:
    """Score a model on windows from all held-out books."""
    import numpy as np
    import torch

    from mosa_edu.probes.scores import spread_cuts, three_scores
    from mosa_edu.records import provenance
    from mosa_edu.records.scores import ScoreRecord

    started = time.monotonic()
    length = model.config.max_seq_len
    n_windows, n_cuts, draws = sample or (WINDOWS, CUTS, DRAWS)
    windows, books = held_out_windows(tokens, length, n_windows)
    cuts = spread_cuts(length, n_cuts)
    losses = three_scores(model, windows, books, cuts, draws=draws)
    origin = provenance(torch_version=torch.__version__)
    return ScoreRecord(
        name=name,
        titles=tokens.validation.titles,
        books=books.astype(np.uint8),
        cuts=cuts,
        losses=losses,
        draws=draws,
        fingerprint=tokens.fingerprint,
        provenance={**origin, "seconds": round(time.monotonic() - started, 1)},
    )
