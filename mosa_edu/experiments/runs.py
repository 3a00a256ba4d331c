"""One training run in a folder of the cache: begun, gone on with, recorded, found and loaded."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mosa_edu.analysis.findings import run_finding
from mosa_edu.checks import require
from mosa_edu.config import PRESETS, ModelConfig
from mosa_edu.costs import model_flops
from mosa_edu.data.corpora import corpus_name, load_corpus, whole_path
from mosa_edu.data.documents import Corpus, Document, cache_folder, decode_text
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.data.tokens import TokenSet, fingerprint
from mosa_edu.model import TransformerLM
from mosa_edu.pretrained import PRETRAINED, load_page_model, pretrained_path, read_metadata
from mosa_edu.probes.cloze import cloze_record
from mosa_edu.probes.scores import score_model
from mosa_edu.probes.selections import predictor_record, selection_record
from mosa_edu.records import RunRecord, provenance, write_atomic
from mosa_edu.records.origin import command_line, typed
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import ScoreRecord
from mosa_edu.texts import PROBES
from mosa_edu.tracing import RoutingLog
from mosa_edu.training import Trainer, TrainingConfig, distributed
from mosa_edu.training.checkpoint import (
    load_weights,
    require_same_recipe,
    require_same_values,
    saved_identity,
)
from mosa_edu.training.evaluate import LENGTHS, evaluate_lengths
from mosa_edu.training.run_log import read_metrics
from mosa_edu.training.trainer import StepHook, stop_on_signal

SETTINGS = {"preset": str, "corpus": str, "model": dict, "training": dict}
"""What ``config.json`` holds, by type."""
VOCAB = "tokenizer.json"
"""What a run cuts its text by."""
MAX_POINTS = 400
"""Of a recorded training curve."""
SHARED_START = "shared"
"""What ``start`` says in the settings of a run that starts as `TransformerLM.draw_shared_start`."""


def runs_folder() -> Path:
    """Return the folder that holds the user's runs, under `cache_folder`."""
    return cache_folder() / "runs"


def run_folder(name: str) -> Path:
    """Return the folder of the run called `name`."""
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    allowed = "letters, digits, '-', '_' and '.', not starting with '.'"
    require(plain.isalnum() and not name.startswith("."), "name", name, allowed)
    return runs_folder() / name


def default_name(settings: dict[str, Any]) -> str:
    """Return a name that says what was run and differs when any setting does.

    >>> default_name({"preset": "micro", "corpus": "a/b.txt", "model": {"sparse": "mosa"}})
    'micro-mosa-b-77079b'
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:6]
    corpus = "".join(c if c.isalnum() else "-" for c in Path(settings["corpus"]).stem)
    return f"{settings['preset']}-{settings['model']['sparse']}-{corpus}-{digest}"


def settings_of(
    preset: str, corpus: str, seed: int, *, model: dict[str, Any], recipe: dict[str, Any]
) -> dict[str, Any]:
    """Return the ``config.json`` of a preset with some fields of its own."""
    corpus = whole_path(corpus)  # the next sitting may be in another folder
    config = dataclasses.replace(PRESETS[preset], **model)
    training = TrainingConfig.for_preset(preset, config.max_seq_len, seed, **recipe)
    return {
        "preset": preset,
        "corpus": corpus,
        "model": dataclasses.asdict(config),
        "training": training.to_json(),
    }


def known_runs() -> list[Path]:
    """Return the folders of all runs in the cache, those of plans too, the newest first."""
    found = [*runs_folder().glob("*/config.json"), *runs_folder().glob("*/*/config.json")]
    return [path.parent for path in sorted(found, key=lambda path: -path.stat().st_mtime)]


def run_lines() -> list[str]:
    """Say of every run what it is called, how it stands, and where it lies."""
    lines = []
    for folder in known_runs():
        path = folder / "record.json"
        try:
            record = RunRecord.load(path) if path.exists() else None
            status = record.status if record else "begun"
        except ValueError:
            record, status = None, "damaged"
        loss = ""
        if record and record.validation:
            loss = f"{record.validation_loss(max(map(int, record.validation))):.3f} nats"
        lines.append(f"{folder.name:36} {status:9} {loss:12} {folder}")
    return lines


def read_settings(folder: Path) -> dict[str, Any]:
    """Return what ``config.json`` of a run says."""
    path = folder / "config.json"
    names = [known.name for known in known_runs()[:8]]
    some = f", or one of {', '.join(names)}" if names else "; the cache holds no run yet"
    allowed = f"the folder of a run (with a config.json){some}"
    require(path.is_file(), "run", str(folder), allowed)
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        settings = None
    is_whole = isinstance(settings, dict) and all(
        isinstance(settings.get(name), kind) for name, kind in SETTINGS.items()
    )
    require(is_whole, "config.json", str(path), f"a whole JSON object with {', '.join(SETTINGS)}")
    return dict(settings)


DIVERGED, INTERRUPTED = 1, 130
"""Exit statuses."""


def train(
    settings: dict[str, Any],
    folder: Path,
    device: torch.device,
    time_limit: float | None = None,
    text: tuple[Tokenizer, TokenSet] | None = None,
    alone: bool = True,
) -> int:
    """Train until the run ends, the time is up, or Ctrl-C is pressed; return the exit status.

    A run that is not `alone` is one of a plan, and names no next command.
    """
    first = distributed.rank() == 0
    path = folder / "record.json"
    config = TrainingConfig.from_json(settings["training"])
    ended = _ended(path, settings, config) if first else None
    if distributed.any_process(ended is not None, device):
        return _report(ended, folder, again=True, alone=alone) if ended else 0
    with distributed.first_process_first():
        tokenizer, tokens = text or _read_corpus(settings, folder)
    torch.manual_seed(config.seed)
    model = TransformerLM(ModelConfig.from_dict(settings["model"])).to(device)
    if settings.get("start") == SHARED_START:
        model.draw_shared_start(config.seed)
    data = {"corpus": corpus_name(settings["corpus"]), "fingerprint": tokens.fingerprint}
    identity = {"model": settings["model"], "data": {"fingerprint": tokens.fingerprint}}
    log = _routing_log(tokenizer, model, folder)
    trainer = Trainer(model, tokens, config, folder, on_step=log, identity=identity)
    if first:  # nothing stands in the way any more
        _write_head(settings, folder, tokenizer)
        _announce(settings, trainer, folder)
    with stop_on_signal(trainer) as signals:
        result = trainer.run(time_limit)
    if first:
        record = _record(settings, trainer, result, tokenizer, data)
        record.save(path)
        status = _report(record, folder, alone=alone)
        return INTERRUPTED if signals else status
    return 0


def _ended(path: Path, settings: dict[str, Any], config: TrainingConfig) -> RunRecord | None:
    """Return the record of a run that has finished or diverged, None if there is more to do."""
    record = RunRecord.load(path) if path.exists() else None
    if record is None or record.status == "stopped":
        return None
    require_same_recipe(config, record.training)
    require_same_values(settings["model"], record.model)
    names = [Path(said["corpus"]).name for said in (settings, record.data)]
    require_same_values({"corpus": names[0]}, {"corpus": names[1]})
    if Path(settings["corpus"]).is_file():
        corpus, tokenizer = load_corpus(settings["corpus"]), Tokenizer.load(path.with_name(VOCAB))
        _require_same_text(settings, path.parent, fingerprint(corpus, tokenizer), record.data)
    return record


def _require_same_text(
    settings: dict[str, Any], folder: Path, found: str, saved: dict[str, Any]
) -> None:
    """Refuse a text that has changed since a run began with it."""
    same = saved.get("fingerprint", found) == found
    allowed = f"the text that {folder.name} began with, and it has changed; --name begins another"
    require(same, "corpus", settings["corpus"], allowed)


def _read_corpus(settings: dict[str, Any], folder: Path) -> tuple[Tokenizer, TokenSet]:
    """Load the text, and the tokenizer of the run; one that has no checkpoint yet learns its own.

    What a run left that never began must not shape another of the same name.
    """
    corpus = load_corpus(settings["corpus"])
    if begun := saved_identity(folder / "checkpoints"):
        tokenizer = Tokenizer.load(folder / VOCAB)
        _require_same_text(settings, folder, fingerprint(corpus, tokenizer), begun["data"])
    else:
        tokenizer = learnt_tokenizer(corpus, settings["model"]["vocab_size"])
    tokens = TokenSet.build(corpus, tokenizer)
    longest = settings["training"]["max_length"]
    for split in ("train", "validation"):
        enough = len(tokens.split(split)) > longest
        allowed = f"text of more than {longest} tokens to train on and to hold out"
        found = f"{settings['corpus']} with {len(tokens.split(split))} tokens ({split})"
        require(enough, "corpus", found, allowed)
    return tokenizer, tokens


def learnt_tokenizer(corpus: Corpus, vocab_size: int) -> Tokenizer:
    """Learn the tokenizer of a text, or read what was learnt from the very same text before."""
    path = cache_folder() / "tokenizers" / f"{corpus.fingerprint()[:24]}-{vocab_size}.json"
    if path.exists():
        with contextlib.suppress(ValueError):  # a damaged file is learnt again
            return Tokenizer.load(path)
    tokenizer = Tokenizer.train(corpus.texts("train"), vocab_size)
    tokenizer.save(path)
    return tokenizer


def _write_head(settings: dict[str, Any], folder: Path, tokenizer: Tokenizer) -> None:
    """Write what a run is, before its first step."""
    if saved_identity(folder / "checkpoints") is None:
        tokenizer.save(folder / VOCAB)
        write_atomic(folder / "config.json", json.dumps(settings, indent=1) + "\n")


def _routing_log(tokenizer: Tokenizer, model: TransformerLM, folder: Path) -> StepHook | None:
    """Record which tokens the sparse heads keep of the book's sentences, as far as they fit."""
    longest = model.config.max_seq_len
    texts = {name: text for name, text in PROBES.items() if len(tokenizer.encode(text)) <= longest}
    if not model.config.n_sparse_heads:
        return None
    return RoutingLog(tokenizer, texts, folder / "routing")


def _record(
    settings: dict[str, Any],
    trainer: Trainer,
    result: dict[str, Any],
    tokenizer: Tokenizer,
    data: dict[str, Any],
) -> RunRecord:
    """Describe a run from its metrics and what `Trainer.run` returned."""
    tokens, model, config = trainer.data, trainer.model, trainer.config
    assert isinstance(tokens, TokenSet)
    lengths = sorted({*(n for n in LENGTHS if n <= config.max_length), config.max_length})
    scores: dict[str, dict[str, Any]] = {}
    if result["status"] == "finished":
        scores = evaluate_lengths(model, tokens, lengths, byte_lengths=tokenizer.byte_lengths)
    shape = ModelConfig.from_dict(settings["model"])
    lines = read_metrics(trainer.folder / "metrics.jsonl")
    columns = ("step", "tokens", "validation_loss", "validation_stderr")
    hardware = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    origin = provenance(torch_version=torch.__version__, hardware=hardware)
    return RunRecord(
        name=trainer.folder.name,
        command=origin["command"],
        commit=origin["commit"],
        seed=config.seed,
        model=settings["model"],
        training=config.to_json(),
        data=data,
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        hardware=origin["hardware"],
        wall_seconds=round(float(result["seconds"]), 3),
        tokens_seen=int(result["tokens"]),
        train_curve=_thin([[x["step"], x["tokens"], x["loss"]] for x in lines if "loss" in x]),
        validation=scores,
        status=str(result["status"]),
        flops_per_token=model_flops(shape).total / shape.max_seq_len,
        extra={
            "preset": settings["preset"],
            **({"start": settings["start"]} if "start" in settings else {}),
            "unigram_loss": unigram_loss(tokens),
            "validation_curve": [[x[c] for c in columns] for x in lines if columns[2] in x],
            "before_learning": before_learning(lines),
            **{key: origin[key] for key in ("torch", "python", "package")},
        },
    )


def _thin(points: list[list[Any]]) -> list[list[Any]]:
    """Keep every n-th point, counted from the last, so that the end of the run is there."""
    every = -(-len(points) // MAX_POINTS)
    return points[::-1][:: max(every, 1)][::-1]


def before_learning(lines: list[dict[str, Any]], blocks: int = 64) -> list[float]:
    """Return the training loss of equal parts of a run, each token scored before it is learned.

    Only of the first reading of a text: in a second one every token has been seen.
    """
    found = [(x["step"], x["loss"]) for x in lines if x.get("loss") is not None]
    if not found:
        return []
    steps = np.array([0, *(step for step, _ in found)])
    total = np.cumsum([0.0, *np.diff(steps) * np.array([loss for _, loss in found])])
    edges = np.linspace(0, steps[-1], blocks + 1)
    sums = np.diff(np.interp(edges, steps, total))
    return [round(float(value), 6) for value in sums / np.diff(edges)]


def unigram_loss(tokens: TokenSet) -> float:
    """Return nats per validation token of the training split's frequencies (one added to each)."""
    counts = np.bincount(tokens.train.tokens, minlength=tokens.vocab_size) + 1.0
    return float(-np.log(counts / counts.sum())[tokens.validation.tokens].mean())


def _announce(settings: dict[str, Any], trainer: Trainer, folder: Path) -> None:
    config = trainer.config
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    where = f"{trainer.state.device.type}, threads: {torch.get_num_threads()}"
    if distributed.world_size() > 1:
        where += f", processes: {distributed.world_size()}"
    print(
        f"{settings['preset']} on {settings['corpus']}: {parameters:,} parameters, "
        f"{config.steps:,} steps of {config.batch_tokens:,} tokens ({where})\n{folder}",
        flush=True,
    )


def _report(record: RunRecord, folder: Path, again: bool = False, alone: bool = True) -> int:
    """Print how the run stands and what to do next; return the exit status."""
    if record.status == "diverged":
        step = record.train_curve[-1][0] if record.train_curve else 0
        print(
            f"The loss stopped being a number at step {step}; try a lower --lr than "
            f"{record.training['learning_rate']} (the run is kept in {folder})",
            file=sys.stderr,
        )
        return DIVERGED
    if record.status == "stopped":
        print(f"Stopped after {record.tokens_seen:,} tokens, nothing is lost.")
        if alone:
            print(f"Next: {typed('train', '--resume', called(folder))}")
        return 0
    if again:
        print(f"This run is finished: {folder}")
    print(f"unigram loss          {record.extra['unigram_loss']:.3f} nats per token")
    for length, score in record.validation.items():
        print(
            f"validation, T={length:<6}  {score['loss']:.3f} ± {score['stderr'] or 0:.3f}, "
            f"{score['bits_per_byte']:.3f} bits per byte"
        )
    print(f"trained in            {record.wall_seconds:.0f} s")
    if alone:
        print(run_finding(record))
        print(f"Record: {(folder / 'record.json').resolve()}")
        print(f"Next: {typed('explore', called(folder))}")
    return 0


def called(name: str | Path) -> str:
    """Return what a command calls a model in any folder: a name, or a whole path.

    A name is looked up in the user's cache; in another, which the next shell may not know, a run
    is called by its path.
    """
    if str(name) in PRETRAINED and not Path(name).is_dir():
        return str(name)
    path = Path(name) if Path(name).exists() else find_run(str(name))
    usual = not os.environ.get("MOSA_EDU_CACHE") and path.resolve().parent == runs_folder()
    return path.name if usual else str(path.resolve())


def find_run(name: str) -> Path:
    """Return the folder of a run given by its path or its name, which a sweep's run has, too."""
    if Path(name).is_dir():
        return Path(name)
    folder = run_folder(name)
    of_sweeps = sorted(runs_folder().glob(f"*/{folder.name}/config.json"))
    return of_sweeps[-1].parent if of_sweeps and not folder.exists() else folder


def load_run(folder: Path) -> tuple[TransformerLM, Tokenizer]:
    """Load the newest weights of a run, finished or not."""
    settings = read_settings(folder)
    model = TransformerLM(ModelConfig.from_dict(settings["model"]))
    _, weights = load_weights(folder / "checkpoints")
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    other = sorted(dict(expected.items() ^ found.items()))
    allowed = "weights of the model in config.json"
    require(not other, "checkpoint", f"one that differs in {', '.join(other[:3])}", allowed)
    model.load_state_dict(weights)
    return model.eval(), Tokenizer.load(folder / VOCAB)


def model_file(name: str) -> Path | None:
    """Return the file of a shipped model, or the model file of this path; None of a run."""
    if Path(name).is_file():
        return Path(name)
    return pretrained_path(name) if name in PRETRAINED and not Path(name).is_dir() else None


def find_model(name: str) -> tuple[TransformerLM, Tokenizer, str, str]:
    """Return model, tokenizer, corpus and name of a run, a shipped model or a model file."""
    if path := model_file(name):
        told = read_metadata(path)
        return *load_page_model(path), json.loads(told["provenance"])["corpus"], told["name"]
    folder = find_run(name)
    return *load_run(folder), read_settings(folder)["corpus"], folder.name


def score_run(run: str, text: Path | None = None) -> tuple[ScoreRecord, Path]:
    """Score a model on its corpus' held-out text, or on all of a text file, see `score_model`.

    Returns
    -------
    ScoreRecord, pathlib.Path
        And where it belongs: in the run's folder, in the cache for a model that is none.
    """
    model, tokenizer, source, name = find_model(run)
    corpus = load_corpus(source) if text is None else _own_text(text)
    tokens = TokenSet.build(corpus, tokenizer)
    found, least = len(tokens.validation), 2 * model.config.max_seq_len
    allowed = f"text of more than {least} tokens, two that {name} can read"
    require(found > least, "text", f"{text or source} with {found} tokens held out", allowed)
    folder = runs_folder() / "scores" / name if model_file(run) else find_run(run)
    path = folder / ("scores.json" if text is None else f"scores-{text.stem}.json")
    return score_model(model, tokens, name, unfinished=path.with_suffix(".npz")), path


def _own_text(path: Path) -> Corpus:
    require(path.is_file(), "--text", str(path), "an existing text file")
    document = Document(path.name, decode_text(path.read_bytes(), "--text", str(path)))
    return Corpus(path.stem, (document,), (document,))


def probe_model(what: str, run: str) -> ProbeRecord:
    """Ask a trained model one of three questions: selection, predictor or cloze."""
    model, tokenizer, corpus, name = find_model(run)
    command = command_line(["mosa-edu", "inspect", what, run])
    if what == "cloze":
        if "cloze" not in corpus:
            print(
                f"{name} learned on {corpus_name(corpus)}, where no such question is told: expect "
                f"guessing, 50%. Models that know them: {typed('experiment', 'run', 'cloze')}",
                file=sys.stderr,
            )
        return cloze_record(model, tokenizer, name, command)
    require(model.config.n_sparse_heads > 0, "RUN", run, "a model with sparse heads")
    record = {"predictor": predictor_record, "selection": selection_record}[what]
    return record(model, TokenSet.build(load_corpus(corpus), tokenizer), name, command)
