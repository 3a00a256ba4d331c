"""Protects the predictor: judged by recall, and decodable like any causal rule."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from test_generation import assert_decodes, distinct_words, loud_model

from mosa_edu.analysis import recorded_probe, shipped_scores, text_interval
from mosa_edu.cli.main import main
from mosa_edu.data import corpora
from mosa_edu.data.stories import load_stories
from mosa_edu.generation import generate
from mosa_edu.model import PRESETS, TransformerLM
from mosa_edu.probes import scores, selections
from mosa_edu.probes.causality import perturb_future
from mosa_edu.probes.selections import (
    Choices,
    fit_classifier,
    judge,
    selection_shares,
    shifted,
    watch_choices,
    with_predictors,
)
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.selection import Predictor


def guessable(n: int = 4000) -> Choices:
    """Head 0 chooses by the first coordinate, head 1 by a coin that no token shows."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(n, 6, generator=generator)
    coin = torch.rand(n, generator=generator) < 0.125
    return Choices(tokens, torch.stack([tokens[:, 0] > 1.15, coin], dim=1))


def test_a_rule_of_the_token_is_learnt_and_a_coin_is_not():
    """Catches accuracy read as skill: always-no is right about 7 of 8 tokens, coin or not."""
    learnt, choices = guessable(), guessable(9000)
    weight, bias = fit_classifier(learnt)
    rule, coin = judge(choices, weight, bias)
    assert rule["recall"] > 0.97
    assert rule["precision"] > 0.97
    assert coin["recall"] == 0.0
    assert coin["precision"] is None
    assert coin["accuracy"] == pytest.approx(coin["always_no"], abs=0.002)
    assert rule["always_no"] == pytest.approx(0.875, abs=0.01)


def test_a_shifted_bias_says_yes_as_often_as_was_picked():
    """Catches a cut one token off: at equal rates recall and precision are one number."""
    choices = guessable()
    weight, bias = fit_classifier(choices)
    for row in judge(choices, weight, shifted(choices, weight, bias)):
        assert row["guessed"] == pytest.approx(1 - row["always_no"], abs=2e-4)
        assert row["recall"] == pytest.approx(row["precision"], abs=2e-3)


def test_a_shifted_bias_cuts_between_unequal_words():
    """Catches a cut through equal words: their logits would be 0 up to the last bit."""
    vocabulary = torch.randn(12, 6, generator=torch.manual_seed(0))
    words = torch.arange(12).repeat(40)
    wanted = torch.rand(len(words), 3, generator=torch.manual_seed(1)) < 0.3
    choices = Choices(vocabulary[words], wanted)
    weight, bias = torch.randn(3, 6, generator=torch.manual_seed(2)), torch.zeros(3)
    weight[2] = 0  # knows nothing: no cut is right, so it says no
    logits = choices.tokens @ weight.T + shifted(choices, weight, bias)
    assert logits.abs().amin() > 0.01
    assert (logits[:, 2] < 0).all()
    yes = (logits > 0).sum(dim=0)[:2]
    assert ((yes - wanted.sum(dim=0)[:2]).abs() <= 20).all()  # half of one word's 40


def guessing_model(**changes) -> TransformerLM:
    model = loud_model(sparse="mosa", **changes)
    classifiers = []
    for choices in watch_choices(model, distinct_words(16)):
        weight, bias = fit_classifier(choices)
        classifiers.append((weight, shifted(choices, weight, bias)))
    return with_predictors(model, classifiers)


def test_watching_sees_the_picks_of_every_layer():
    """Catches choices of one layer beside the tokens of another, and hooks that stay."""
    model = loud_model(sparse="mosa")
    texts = distinct_words(3)
    watched = watch_choices(model, texts, rows=2)
    assert len(watched) == model.config.n_layers
    for layer, choices in zip(model.blocks, watched, strict=True):
        k = texts.shape[1] // model.config.sparsity
        assert int(choices.chosen.sum()) == 3 * model.config.n_sparse_heads * k
        logits = layer.attention.sparse.selector.router(choices.tokens[None])[0]  # (H, N)
        chosen = choices.chosen.T
        assert logits[chosen].mean() > logits[~chosen].mean() + 0.5
        assert not layer.attention.sparse.selector._forward_hooks


def test_decoding_with_guesses_equals_recomputing():
    """Catches a classifier that is asked about other tokens in the cache than in the layer."""
    model = guessing_model(n_dense_heads=1)
    assert model.causal
    assert_decodes(model, distinct_words())
    prompts = [[1, 2, 3, 4, 5], [6]]
    assert generate(model, prompts, 9, seed=1) == generate(model, prompts, 9, seed=1, reselect=True)


def test_guesses_do_not_look_ahead():
    model = guessing_model()
    changes = perturb_future(model, distinct_words(4), cuts=(5, 20))
    assert all(change.largest == 0 for change in changes)


def test_what_cannot_be_guessed_is_refused():
    first = TransformerLM(replace(PRESETS["micro"], include_first=True)).eval()
    with pytest.raises(ValueError, match="include_first must be False"):
        watch_choices(first, distinct_words(1))
    fixed = TransformerLM(replace(PRESETS["micro"], sparse="fixed")).eval()
    with pytest.raises(ValueError, match="model must be of expert-choice heads, got 'Strided'"):
        watch_choices(fixed, distinct_words(1))
    assert Predictor(8, 2, 4, 16)(torch.randn(1, 16, 8)).valid.sum() == 0  # not fitted: says no


def test_shares_count_kept_and_refused_tokens():
    """Catches padding slots counted as tokens, and tokens counted once a cluster."""
    texts = distinct_words(4)
    for kind, expected in (("mosa", 0.25), ("fixed", 0.25)):
        rows = selection_shares(loud_model(sparse=kind), texts)
        assert [row["selected"] for row in rows] == [expected] * 2
        assert rows[0]["refused"] is None
    tight = selection_shares(loud_model(sparse="prefix", capacity_factor=1.0), texts)
    assert tight[0]["selected"] <= 0.25
    assert tight[0]["refused"] > 0.1
    routed = selection_shares(loud_model(sparse="routing"), texts)
    assert 0.25 < routed[0]["selected"] <= 1.0
    with pytest.raises(ValueError, match="one with sparse heads"):
        selection_shares(loud_model(n_sparse_heads=0), texts)


def test_the_commands_record_both_probes(tmp_path, monkeypatch, capsys):
    """Catches losses of other windows than those that models are compared on."""
    monkeypatch.setenv("MOSA_EDU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(corpora.LOADERS, "stories", partial(load_stories, n_stories=300))
    monkeypatch.setattr(scores, "SAMPLE", scores.Sample(8, 3, 1))
    monkeypatch.setattr(selections, "FITTED_PER_BOOK", 1)
    words = ["--corpus", "stories", "--steps", "4", "--name", "toy"]
    assert main(["train", *words]) == 0
    for probe in ("predictor", "selection"):
        assert main(["inspect", probe, "toy", "--out", str(tmp_path)]) == 0
        record = ProbeRecord.load(tmp_path / f"{probe}-toy.json")
        assert record.command == f"mosa-edu inspect {probe} toy"
    record = ProbeRecord.load(tmp_path / "predictor-toy.json")
    assert len(record.rows) == 2 * 2 * PRESETS["micro"].n_sparse_heads
    n = len(record.series["books"])
    for name in ("full", "prefix", "foreign", "half", "rate"):
        assert len(record.series[name]) == n
    assert main(["inspect", "jacobian", "toy"]) == 2
    assert "RUN must be left out" in capsys.readouterr().err


def test_the_record_of_the_shipped_model_is_of_its_scores_and_beats_saying_no():
    """Catches losses of other windows than the recorded scores, and an accuracy sold as recall."""
    probe = recorded_probe("predictor-explorer")
    series = {name: np.array(values) for name, values in probe.series.items()}
    assert list(series) == ["books", "full", "prefix", "foreign", "half", "rate"]
    for way in ("full", "prefix", "foreign"):
        expected = shipped_scores().per_window(way).mean()
        assert series[way].mean() == pytest.approx(expected, abs=1e-4)
    for cut in ("half", "rate"):
        heads = [row for row in probe.rows if row["cut"] == cut]
        recall, accuracy, no = (
            np.mean([row[name] for row in heads]) for name in ("recall", "accuracy", "always_no")
        )
        assert min(row["recall"] for row in heads) < recall < 0.95 < accuracy
        assert accuracy > no == pytest.approx(1 - 1 / 8, abs=1e-4)
        above = text_interval(series[cut] - series["full"], series["books"])
        assert above.low > 0, "a repair of generation does not bring the leak back"
