"""One sitting of a training run: put its parts together, train, write its record, report."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mosa_edu.cli.runs import runs_folder
from mosa_edu.config import ModelConfig
from mosa_edu.costs import model_flops
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.data.tokens import TokenSet
from mosa_edu.model import TransformerLM
from mosa_edu.records import RunRecord, write_atomic
from mosa_edu.routing_log import RoutingLog
from mosa_edu.texts import PROBES
from mosa_edu.training import Trainer, TrainingConfig, distributed
from mosa_edu.training.evaluate import LENGTHS, evaluate_lengths
from mosa_edu.training.loop import StepHook
from mosa_edu.training.record import make_record
from mosa_edu.training.resume import require_same_recipe, require_same_values

DIVERGED, INTERRUPTED = 1, 130


def train(
    settings: dict[str, Any],
    folder: Path,
    device: torch.device,
    time_limit: float | None = None,
    text: tuple[Tokenizer, TokenSet] | None = None,
) -> int:
    """Train until the run ends, the time is up, or Ctrl-C is pressed.

    Parameters
    ----------
    settings : dict
        ``preset``, ``corpus``, ``model`` and ``training``, as in a run's ``config.json``.
    folder : pathlib.Path
        The run's folder.
    device : torch.device
        Where to train.
    time_limit : float, optional
        Seconds.
    text : (Tokenizer, TokenSet), optional
        What to train on; the corpus that `settings` names if it is not given. `mosa-edu train`
        could not go on with such a run, so it is not named as the next command.

    Returns
    -------
    int
        The exit status: 0, 1 after divergence, 130 after Ctrl-C or SIGTERM, even one that came
        too late to stop the run: whoever has more to do must not begin it.
    """
    first = distributed.rank() == 0
    path = folder / "record.json"
    config = TrainingConfig.from_json(settings["training"])
    ended = _ended(path, settings, config) if first else None
    if distributed.any_process(ended is not None, device):
        return _report(ended, folder, again=True) if ended else 0
    with distributed.first_process_first():
        tokenizer, tokens = text or _read_corpus(settings, folder)
        if first:
            _write_head(settings, folder, tokenizer)
    torch.manual_seed(config.seed)
    model = TransformerLM(ModelConfig.from_dict(settings["model"])).to(device)
    data = {"corpus": settings["corpus"], "fingerprint": tokens.fingerprint}
    identity = {"model": settings["model"], "data": data}
    log = _routing_log(tokenizer, model, folder)
    trainer = Trainer(model, tokens, config, folder, on_step=log, identity=identity)
    if first:
        _announce(settings, trainer, folder)
    with _stop_on_signal(trainer) as signals:
        result = trainer.run(time_limit)
    if first:
        record = _record(settings, trainer, result, tokenizer, data)
        record.save(path)
        status = _report(record, folder, alone=text is None)
        return INTERRUPTED if signals else status
    return 0


def _ended(path: Path, settings: dict[str, Any], config: TrainingConfig) -> RunRecord | None:
    """Return the record of a run that has finished or diverged, None if there is more to do."""
    record = RunRecord.load(path) if path.exists() else None
    if record is None or record.status == "stopped":
        return None
    require_same_recipe(config, record.training)
    require_same_values(settings["model"], record.model)
    require_same_values({"corpus": settings["corpus"]}, record.data)
    return record


def _read_corpus(settings: dict[str, Any], folder: Path) -> tuple[Tokenizer, TokenSet]:
    """Load the text, and the tokenizer of the run, which is learnt at its first sitting."""
    corpus = load_corpus(settings["corpus"])
    path = folder / "tokenizer.json"
    if path.exists():
        tokenizer = Tokenizer.load(path)
    else:
        tokenizer = Tokenizer.train(corpus.texts("train"), settings["model"]["vocab_size"])
    return tokenizer, TokenSet.build(corpus, tokenizer)


def _write_head(settings: dict[str, Any], folder: Path, tokenizer: Tokenizer) -> None:
    """Write what a run is, before its first step."""
    if not (folder / "tokenizer.json").exists():
        tokenizer.save(folder / "tokenizer.json")
    if not (folder / "checkpoints").exists():
        write_atomic(folder / "config.json", json.dumps(settings, indent=1) + "\n")


def _routing_log(tokenizer: Tokenizer, model: TransformerLM, folder: Path) -> StepHook | None:
    """Record which tokens the sparse heads keep of the book's sentences, as far as they fit."""
    longest = model.config.max_seq_len
    texts = {name: text for name, text in PROBES.items() if len(tokenizer.encode(text)) <= longest}
    if not model.config.n_sparse_heads:
        return None
    return RoutingLog(tokenizer, texts, folder / "routing")


@contextlib.contextmanager
def _stop_on_signal(trainer: Trainer) -> Iterator[list[int]]:
    """End with a checkpoint at the first Ctrl-C or SIGTERM, at once at the second Ctrl-C."""
    received: list[int] = []

    def stop(number: int, _frame: object) -> None:
        received.append(number)
        trainer.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _record(
    settings: dict[str, Any],
    trainer: Trainer,
    result: dict[str, Any],
    tokenizer: Tokenizer,
    data: dict[str, Any],
) -> RunRecord:
    tokens, model = trainer.data, trainer.model
    assert isinstance(tokens, TokenSet)
    longest = trainer.config.max_length
    lengths = sorted({*(n for n in LENGTHS if n <= longest), longest})
    scores: dict[str, dict[str, Any]] = {}
    if result["status"] == "finished":
        scores = evaluate_lengths(model, tokens, lengths, byte_lengths=tokenizer.byte_lengths)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    shape = ModelConfig.from_dict(settings["model"])
    return make_record(
        trainer.folder,
        result,
        trainer.config,
        name=trainer.folder.name,
        model=settings["model"],
        data=data,
        n_parameters=parameters,
        validation=scores,
        flops_per_token=model_flops(shape).total / shape.max_seq_len,
        extra={"preset": settings["preset"], "unigram_loss": unigram_loss(tokens)},
    )


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
            print(f"Next: mosa-edu train --resume {_called(folder)}")
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
        print(f"Next: mosa-edu explore {_called(folder)}")
    return 0


def _called(folder: Path) -> str:
    """Return what a command calls this run: its name, or its path outside the cache."""
    return shlex.quote(folder.name if folder.parent == runs_folder() else str(folder))
