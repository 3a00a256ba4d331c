"""`mosa-edu explore`: a trained model as one HTML file that runs it."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosa_edu.cli import check_file

if TYPE_CHECKING:
    from mosa_edu.data.tokenizer import Tokenizer
    from mosa_edu.model import TransformerLM

TITLE_LENGTH = 32


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "explore",
        help="look at the routing of a trained model in a browser",
        description="Write one HTML file that needs no network: the routing explorer with the "
        "model inside, which runs any text that is typed into it.",
    )
    add = parser.add_argument
    add("model", metavar="RUN", help="a run, 'explorer', 'causal', or a model file")
    add("--text", action="append", help="text to start with; may be given again")
    add(
        "--html",
        type=Path,
        metavar="FILE",
        help="file to write; default: explorer.html in the run's folder",
    )


def run(args: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from mosa_edu.records import write_atomic

    out = args.html or _default_file(args.model)
    check_file("--html", out)
    page, note = explorer_page(args.model, args.text)
    write_atomic(out, page)
    print(f"{note}\nOpen in a browser: {out.resolve().as_uri()}")
    return 0


def explorer_page(name: str, texts: Sequence[str] | None = None) -> tuple[str, str]:
    """Make the page of a model, of the weights rounded to fp16 where they run in it."""
    from mosa_edu.data.corpora import corpus_name
    from mosa_edu.experiments.runs import find_run, load_run, model_file, read_settings
    from mosa_edu.pretrained import PAGE_KINDS, load_page_model, read_metadata, save_page_model

    with tempfile.TemporaryDirectory() as temporary:
        path = model_file(name)
        if path is None:
            folder = find_run(name)
            model, tokenizer = load_run(folder)
            kind = model.config.sparse
            if kind not in PAGE_KINDS:
                note = f"Heads of kind {kind!r} do not run in a page: it shows these texts."
                return _page(model, tokenizer, texts, folder.name), note
            told = {"run": folder.name, "corpus": corpus_name(read_settings(folder)["corpus"])}
            path = Path(temporary) / "model.safetensors"
            save_page_model(model, tokenizer, path, told, name=folder.name)
        model, tokenizer = load_page_model(path)
        name, size = read_metadata(path)["name"], path.stat().st_size / 1e6
        note = f"The model {name!r} and its weights ({size:.1f} MB) are inside."
        return _page(model, tokenizer, texts, name, path), note


def _default_file(name: str) -> Path:
    """Return the page of a run in its folder, that of a model file in the folder one is in."""
    from mosa_edu.experiments.runs import find_run

    folder = Path() if Path(name).is_file() else find_run(name)
    return (folder if folder.is_dir() else Path()) / "explorer.html"


def _page(
    model: TransformerLM,
    tokenizer: Tokenizer,
    texts: Sequence[str] | None,
    name: str,
    path: Path | None = None,
) -> str:
    """Trace the texts, and put the traces and the model file, if there is one, in a page."""
    from mosa_edu.texts import PROBES
    from mosa_edu.tracing import trace

    try:
        from mosa_edu.viz.components.explorer import RoutingExplorer
        from mosa_edu.viz.components.page_model import PageModel
    except ImportError as error:
        raise ValueError(f"explore {error}") from None
    if not texts:  # the book's first one, cut to the tokens that the model reads
        text = PROBES["clocks"]
        texts = [text[: tokenizer.spans(text)[: model.config.max_seq_len][-1].end]]
    sha256 = PageModel.read(path).sha256 if path else None
    traces = {
        title: trace(model, tokenizer, text, name=name, sha256=sha256)
        for title, text in _titled(texts).items()
    }
    explorer = RoutingExplorer(traces, path, weights_url=None)
    return explorer.page(f"Routing explorer: {name}")


def _titled(texts: Sequence[str]) -> dict[str, str]:
    """Name each text by its number and its first words."""
    titles = {}
    for number, text in enumerate(texts, start=1):
        words = " ".join(text.split())
        short = words if len(words) <= TITLE_LENGTH else f"{words[: TITLE_LENGTH - 1]}…"
        titles[f"{number}. {short}"] = text
    return titles
