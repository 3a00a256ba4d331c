"""Turn a finished run into a shipped model: rounded weights, what they score, what they choose.

.venv/bin/python scripts/ship_model.py RUN [NAME]

Every number is measured on the rounded weights, since those are the model. Writes, under
mosa_edu/recorded/: NAME/model.safetensors, NAME/card.json, NAME/MODEL_CARD.md, NAME/record.json and
NAME/scores.json; of a model with the paper's heads also traces/TEXT.json, leaks/TEXT.json,
contests/TEXT.json, decodings/RULE.json and histories/TEXT.json; of a causal one
decodings/NAME.json, what it writes by the rule that it was trained with.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mosa_edu.costs import model_flops
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.ngram import measure_baselines
from mosa_edu.data.tokens import TokenSet
from mosa_edu.experiments.runs import find_run, load_run
from mosa_edu.generation.decode_trace import RULES, trace_decoding, under_rule
from mosa_edu.pretrained import load_page_model, read_metadata, save_page_model
from mosa_edu.probes.futures import reroll_future
from mosa_edu.probes.routing_game import costliest_head, record_game
from mosa_edu.probes.scores import score_model
from mosa_edu.records import RunRecord, provenance, write_atomic
from mosa_edu.texts import PROBES, RUNNING
from mosa_edu.tracing import RoutingLog, trace
from mosa_edu.training.evaluate import evaluate_lengths

RECORDED = Path(__file__).resolve().parent.parent / "mosa_edu" / "recorded"
LENGTHS = (32, 64, 128, 256)
PROMPT = RUNNING[: RUNNING.index("third,") + len("third,")]
WRITTEN = 137
_ROUTING = {
    "mosa": (
        "MoSA heads",
        "full-sequence routing: the router sees the whole window, later tokens included.",
        "only *prefix* and *foreign*\nhide the future from the router.",
    ),
    "prefix": (
        "PrefixTopK heads",
        "prefix top-k: whether a head keeps a token is decided by it and those before it.",
        "they agree\nbecause no head knows the future.",
    ),
}


def ship(run: str, name: str) -> dict[str, Any]:
    """Write everything and return the card."""
    folder = find_run(run)
    record = RunRecord.load(folder / "record.json")
    record = dataclasses.replace(record, command=record.command.removeprefix(".venv/bin/"))
    home = RECORDED / name
    trained, tokenizer = load_run(folder)
    told = {
        "run": record.name,
        "command": record.command,
        "commit": record.commit,
        "seed": record.seed,
        "tokens_seen": record.tokens_seen,
        "corpus": record.data["corpus"],
        "fingerprint": record.data["fingerprint"],
        "licence": "MIT",
    }
    sha256 = save_page_model(trained, tokenizer, home / "model.safetensors", told, name)
    model, tokenizer = load_page_model(home / "model.safetensors")
    corpus = load_corpus(record.data["corpus"])
    tokens = TokenSet.build(corpus, tokenizer)
    losses = evaluate_lengths(model, tokens, LENGTHS, byte_lengths=tokenizer.byte_lengths)
    origin = provenance(torch_version=torch.__version__)
    scores = score_model(model, tokens, name)
    scores.save(home / "scores.json")
    baselines = measure_baselines(corpus, tokens, LENGTHS)
    held = tokens.validation
    card = {
        "name": name,
        "sha256": sha256,
        "bytes": (home / "model.safetensors").stat().st_size,
        "config": record.model,
        "n_parameters": record.n_parameters,
        "forward_flops": model_flops(model.config).total,
        "training": {**told, "hardware": record.hardware, "wall_seconds": record.wall_seconds},
        "corpus": {
            "train_tokens": len(tokens.train),
            "validation_tokens": len(held),
            "train_titles": tokens.train.n_documents,
            "validation_titles": list(held.titles),
            "bytes_per_token": round(float(held.n_bytes.sum()) / len(held), 3),
        },
        "validation": losses,
        "baselines": baselines,
        "scores": {
            way: round(float(scores.per_window(way).mean()), 4)
            for way in ("full", "prefix", "foreign")
        },
        "measured": origin,
    }
    write_atomic(home / "card.json", json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    write_atomic(home / "MODEL_CARD.md", model_card(card))
    dataclasses.replace(record, name=name).save(home / "record.json")
    named = {"name": name, "sha256": sha256, "source": told}
    if model.config.sparse == "mosa":
        _write_traces(model, tokenizer, name, sha256, told)
        _write_histories(folder, record, tokenizer)
        thresholds = json.loads(read_metadata(home / "model.safetensors")["thresholds"])
        write_games(model, tokenizer, thresholds, named)
    elif model.causal:
        write_own_story(model, tokenizer, named)
    return card


def _write_traces(model: Any, tokenizer: Any, name: str, sha256: str, told: dict[str, Any]) -> None:
    for text_name, text in PROBES.items():
        found = trace(model, tokenizer, text, name=name, sha256=sha256, source=told)
        found.save(RECORDED / "traces" / f"{text_name}.json")
        cut = 2 * found.T // 3
        leak = reroll_future(model, tokenizer, text, cut, name=name, sha256=sha256, source=told)
        leak.save(RECORDED / "leaks" / f"{text_name}.json")


def write_games(
    model: Any, tokenizer: Any, thresholds: list[list[float]], told: dict[str, Any]
) -> None:
    """Write the router contests and the decodings, one of each rule."""
    for text_name, text in PROBES.items():
        at = costliest_head(model, tokenizer.encode(text))
        contest = record_game(model, tokenizer, text, *at, **told)
        contest.save(RECORDED / "contests" / f"{text_name}.json")
    for rule in RULES:
        causal = under_rule(model, rule, thresholds)
        story = trace_decoding(causal, tokenizer, PROMPT, WRITTEN, **told)
        story.save(RECORDED / "decodings" / f"{rule}.json")


def write_own_story(model: Any, tokenizer: Any, told: dict[str, Any]) -> None:
    """Write what a causal model writes by the rule that trained it."""
    rule = model.config.sparse
    story = trace_decoding(model, tokenizer, PROMPT, WRITTEN, trained_rule=rule, **told)
    story.save(RECORDED / "decodings" / f"{told['name']}.json")


def _write_histories(folder: Path, record: RunRecord, tokenizer: Any) -> None:
    tokens_at = {0: 0}
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        values = json.loads(line)
        tokens_at[values["step"]] = values["tokens"]
    log = RoutingLog(tokenizer, PROBES, folder / "routing")
    told = {"command": record.command, "commit": record.commit, "seed": record.seed}
    for text_name, history in log.histories(record.name, tokens_at, told).items():
        history.save(RECORDED / "histories" / f"{text_name}.json")


def model_card(card: dict[str, Any]) -> str:
    """Write the model and data card in Markdown from the measured values."""
    config, training, corpus = card["config"], card["training"], card["corpus"]
    rows = "\n".join(
        f"| {length} | {value['loss']:.3f} ± {value['stderr']:.3f} | "
        f"{card['baselines']['windows'][length]['loss']:.3f} | {value['bits_per_byte']:.3f} |"
        for length, value in card["validation"].items()
    )
    scores = ", ".join(f"{way} {value:.3f}" for way, value in card["scores"].items())
    titles = "; ".join(corpus["validation_titles"])
    heads, routing, hidden = _ROUTING[config["sparse"]]
    return f"""# Model card: `{card["name"]}`

A language model of {card["n_parameters"]:,} parameters ({card["bytes"] / 1e6:.2f} MB in half
precision), trained for this book to be looked at, not to be used: {config["n_layers"]} layers,
width {config["d_model"]}, {config["n_dense_heads"]} dense and {config["n_sparse_heads"]} {heads}
of {config["d_head"]} dimensions, sparsity {config["sparsity"]}, texts of up to
{config["max_seq_len"]} tokens, {config["vocab_size"]:,} byte-pair entries, tied embeddings. The
half-precision weights are the model; every number here was measured with them.

SHA-256 of the file: `{card["sha256"]}`

## Training

`{training["command"]}`, seed {training["seed"]}, commit `{training["commit"]}`:
{training["tokens_seen"]:,} tokens in {training["wall_seconds"] / 60:.0f} minutes on
{training["hardware"]}.

## Held-out loss

Nats per token, {routing}

| tokens in the window | loss ± standard error | interpolated 3-gram, same windows | bits per byte |
|---|---|---|---|
{rows}

Unigram {card["baselines"]["unigram"]["loss"]:.3f} nats per token. `xz -9` on the same books:
{card["baselines"]["xz"]["bits_per_byte"]:.3f} bits per byte, without having seen the training
books. Under the three scores on 200 windows of 256 tokens: {scores}; {hidden}

## Data

{corpus["train_titles"]} novels in the public domain in the United States, from Project Gutenberg
through the GITenberg repositories at pinned commits ({corpus["train_tokens"]:,} tokens);
{len(corpus["validation_titles"])} more are held out whole ({corpus["validation_tokens"]:,} tokens):
{titles}. Licence headers removed, lines joined to paragraphs, curly quotes made straight. The texts
are not part of this package.

## Limits

English prose of the eighteenth to the early twentieth century, with its views and its words. The
model knows nothing of later times, invents freely, and must not be used for anything but looking at
it. Weights and records: MIT.
"""


def main() -> int:
    """Ship the run named on the command line."""
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    np.set_printoptions(precision=3)
    card = ship(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "explorer")
    print(json.dumps({key: card[key] for key in ("validation", "scores", "bytes")}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
