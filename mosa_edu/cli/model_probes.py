"""The probes of a trained model: picks that are kept, picks that can be guessed, and riddles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mosa_edu.checks import require
from mosa_edu.cli import scores
from mosa_edu.experiments.runner import find_run, load_run, read_settings

if TYPE_CHECKING:
    from torch import Tensor

    from mosa_edu.data.tokenizer import Tokenizer
    from mosa_edu.data.tokens import TokenSet
    from mosa_edu.model import TransformerLM
    from mosa_edu.records.probe import ProbeRecord

FITTED_PER_BOOK, WATCHED = 4, 48
"""Windows of each training book that classifiers are fitted to; held-out windows to count in."""


def selection_record(run: str, threads: int) -> ProbeRecord:
    """Count what the heads of a run keep of held-out text, see `selection_shares`."""
    model, tokens, name = _load(run)
    settings, rows = count_picks(model, tokens)
    settings["run"] = name
    return _record("selection", f"selection-{name}", settings, rows, {}, run, threads)


def count_picks(
    model: TransformerLM, tokens: TokenSet
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what was counted in, and the rows of `selection_shares`."""
    import torch

    from mosa_edu.probes.selections import selection_shares

    windows, _ = scores.held_out_windows(tokens, model.config.max_seq_len)
    step = max(len(windows) // WATCHED, 1)
    texts = torch.from_numpy(windows[::step, :-1].copy()).to(model.embedding.weight.device)
    settings = {"texts": len(texts), "T": texts.shape[1], "kind": model.config.sparse}
    return settings, selection_shares(model, texts)


def predictor_record(run: str, threads: int) -> ProbeRecord:
    """Fit classifiers to the picks of a run and measure what they guess, and what it costs."""
    import torch

    from mosa_edu.probes.selections import CUTS as YES
    from mosa_edu.probes.selections import fit_classifier, judge, shifted, watch_picks

    model, tokens, name = _load(run)
    length = model.config.max_seq_len
    fitted = torch.from_numpy(tokens.windows("train", length, FITTED_PER_BOOK).inputs)
    held_out = torch.from_numpy(scores.held_out_windows(tokens, length)[0][:, :-1].copy())
    learnt, asked = watch_picks(model, fitted), watch_picks(model, held_out)
    classifiers: dict[str, list[tuple[Tensor, Tensor]]] = {cut: [] for cut in YES}
    rows: list[dict[str, Any]] = []
    for layer, picks in enumerate(learnt):
        weight, bias = fit_classifier(picks)
        for cut, moved in zip(YES, (bias, shifted(picks, weight, bias)), strict=True):
            classifiers[cut].append((weight, moved))
            found = judge(asked[layer], weight, moved)
            rows += [{"layer": layer, "cut": cut, **row} for row in found]
    settings = {
        "run": name,
        "fitted_tokens": fitted.numel(),
        "held_out_tokens": held_out.numel(),
        "sparsity": model.config.sparsity,
    }
    series = _losses(model, tokens, classifiers)
    settings["refused"] = series.pop("refused")
    return _record("predictor", f"predictor-{name}", settings, rows, series, run, threads)


def riddle_record(run: str, threads: int) -> ProbeRecord:
    """Ask a run riddles, see `mosa_edu.probes.cloze`."""
    from mosa_edu.probes.cloze import N_RIDDLES, ask_model

    model, tokenizer, _, name = _find(run)
    rows, series = ask_model(model, tokenizer, N_RIDDLES)
    require(len(rows) > 0, "--model", run, "a model whose tokenizer has the endings as tokens")
    settings = {"run": name, "riddles": N_RIDDLES}
    return _record("riddles", f"riddles-{name}", settings, rows, series, run, threads)


def _losses(
    model: TransformerLM, tokens: TokenSet, classifiers: dict[str, list[tuple[Tensor, Tensor]]]
) -> dict[str, Any]:
    """Loss of every held-out window: full and prefix score of the model, full of the guesses."""
    import torch

    from mosa_edu.probes.scores import full_losses, spread_cuts, three_scores
    from mosa_edu.probes.selections import selection_shares, with_predictors
    from mosa_edu.records.scores import WAYS

    length = model.config.max_seq_len
    windows, books = scores.held_out_windows(tokens, length)
    cuts = spread_cuts(length, scores.CUTS)
    ways = three_scores(model, windows, books, cuts, draws=scores.DRAWS).mean(axis=2)
    series: dict[str, Any] = dict(zip(WAYS, ways, strict=True))
    texts = torch.from_numpy(windows[:, :-1].copy())
    series["refused"] = {}
    for cut, fitted in classifiers.items():
        guessing = with_predictors(model, fitted)
        series[cut] = full_losses(guessing, windows, cuts).mean(axis=1)
        shares = [row["refused"] or 0.0 for row in selection_shares(guessing, texts)]
        series["refused"][cut] = round(sum(shares) / len(shares), 5)
    for name in (*WAYS, *classifiers):
        series[name] = [round(float(loss), 5) for loss in series[name]]
    return {"books": books.tolist(), **series}


def _load(run: str) -> tuple[TransformerLM, TokenSet, str]:
    """Return a trained model with sparse heads, its corpus and its name."""
    from mosa_edu.data.corpora import load_corpus
    from mosa_edu.data.tokens import TokenSet

    model, tokenizer, corpus, name = _find(run)
    require(model.config.n_sparse_heads > 0, "--model", run, "a model with sparse heads")
    return model, TokenSet.build(load_corpus(corpus), tokenizer), name


def _find(run: str) -> tuple[TransformerLM, Tokenizer, str, str]:
    """Return model, tokenizer, corpus and name of a shipped model, or of one of the user's runs."""
    from mosa_edu.pretrained import PRETRAINED, load_pretrained

    if run in PRETRAINED:
        return *load_pretrained(run), "gutenberg", run
    folder = find_run(run)
    return *load_run(folder), read_settings(folder)["corpus"], folder.name


def _record(
    probe: str,
    name: str,
    settings: dict[str, Any],
    rows: list[dict[str, Any]],
    series: dict[str, Any],
    run: str,
    threads: int,
) -> ProbeRecord:
    import torch

    from mosa_edu.records import provenance
    from mosa_edu.records.probe import ProbeRecord
    from mosa_edu.records.run import command_line

    words = ["mosa-edu", "probe", probe, "--model", run]
    origin = provenance(torch.__version__, command=command_line(words))
    return ProbeRecord(probe, name, {**settings, "threads": threads}, rows, series, origin)
