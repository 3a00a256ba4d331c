"""Probes: they see the leak where there is one, see none where there is none, and resume."""

import copy
import math
import signal
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from mosa_edu.analysis import recorded_probes
from mosa_edu.cli.main import main
from mosa_edu.model import PRESETS, ModelConfig, TransformerLM
from mosa_edu.probes import causality as sweeps
from mosa_edu.probes import coin_flips as flips
from mosa_edu.probes.causality import CAUSAL_KINDS, layer_jacobian, perturb_layer, settled_layer
from mosa_edu.records.origin import typed
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.training import Trainer

LAYER = ModelConfig(
    vocab_size=1, d_model=32, n_layers=1, d_head=8, max_seq_len=32, n_sparse_heads=6, sparsity=4
)
TINY = replace(flips.coin_flip_model("mosa"), d_model=16, d_head=8, n_layers=1, n_sparse_heads=4)


class SeesNext(nn.Module):
    """A layer that copies the next token's input: a leak that has a gradient."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.roll(-1, dims=1)


@pytest.mark.parametrize("kind", [*CAUSAL_KINDS, "dense", "local"])
def test_causal_layers_do_not_move_by_a_single_bit(kind):
    """Catches a rule that ranks with the future, and a capacity that evicts by score."""
    heads = {"n_sparse_heads": 0, f"n_{kind}_heads": 3} if kind in ("dense", "local") else {}
    sparse = {} if heads else {"sparse": kind}
    for capacity_factor in (1.0, 2.0):
        config = replace(LAYER, capacity_factor=capacity_factor, **sparse, **heads)
        change = perturb_layer(settled_layer(config), 32, 32, trials=40)
        assert change.largest == 0.0
        assert change.trials_changed == change.positions_changed == 0.0


@pytest.mark.parametrize("kind", ["mosa", "routing"])
def test_choices_from_the_whole_text_leak(kind):
    """Catches a probe that redraws nothing, or compares the wrong side of the token."""
    change = perturb_layer(settled_layer(replace(LAYER, sparse=kind)), 32, 32, trials=40)
    assert change.trials_changed > 0.3
    assert 0 < change.positions_changed < change.trials_changed
    assert change.largest > 1e-3


def test_more_heads_leak_more():
    rows = {row["n_sparse_heads"]: row for row in sweeps.layer_rows(trials=60)[:4]}
    shares = [rows[heads]["trials_changed"] for heads in (1, 4, 16, 64)]
    assert shares == sorted(shares)
    assert shares[0] < 0.3 < 0.8 < shares[-1]


def test_a_threshold_is_moved_after_the_selection_in_training_too():
    """Catches a threshold updated before it selects: the batch's own future would set it."""
    layer = settled_layer(replace(LAYER, sparse="threshold")).train()
    torch.manual_seed(1)
    x = torch.randn(1, 32, 32)
    other = x.clone()
    other[:, 16:] = 10 * torch.randn(1, 16, 32)  # a future that would raise any threshold
    with torch.no_grad():
        before, after = copy.deepcopy(layer)(x), copy.deepcopy(layer)(other)
    assert torch.equal(before[:, :16], after[:, :16])


@pytest.mark.parametrize("kind", ["mosa", *CAUSAL_KINDS])
def test_models_leak_as_their_rule_does(kind):
    torch.manual_seed(0)
    model = TransformerLM(replace(PRESETS["micro"], sparse=kind))
    tokens = torch.randint(512, (4, 64))
    changes = sweeps.perturb_future(model, tokens, cuts=(8, 31, 62))
    assert [change.cut for change in changes] == [8, 31, 62]
    assert model.training  # left as it was
    if kind == "mosa":
        assert all(change.rows_changed > 0.05 and change.divergence > 0 for change in changes)
    else:
        assert all(change.largest == change.rows_changed == change.size == 0 for change in changes)


def test_the_jacobian_is_blind_to_a_selection_and_not_to_a_look_ahead():
    """The control is a layer that leaks with a gradient: a blind test would pass that too."""
    layer = settled_layer(replace(LAYER, sparse="mosa")).double()
    x = torch.randn(1, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    blind = layer_jacobian(layer, x, every=5)
    assert blind.future == 0.0 < blind.past
    assert sweeps.prefix_differences(layer, x) > 10
    assert layer_jacobian(SeesNext(), x, every=5).future == 1.0
    causal = settled_layer(replace(LAYER, sparse="prefix")).double()
    assert sweeps.prefix_differences(causal, x) == 0


def test_coins_are_fresh_uniform_and_the_same_for_every_model():
    """Catches batches that repeat, which could be learnt by heart, and unfair coins."""
    coins = flips.CoinFlips(8)
    inputs, targets = coins.batch(3, 0, 64 * 64, 64, min_length=64)
    assert inputs.shape == targets.shape == (64, 64)
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    again = coins.batch(3, 0, 64 * 64, 64, min_length=64)[0]
    np.testing.assert_array_equal(inputs, again)
    others = [coins.batch(s, seed, 64 * 64, 64, min_length=64)[0] for s, seed in ((4, 0), (3, 1))]
    others.append(coins.held_out(0, 64, 64)[:, :-1])
    assert all(np.mean(inputs == other) < 0.2 for other in others)
    counts = np.bincount(coins.held_out(0, 1000, 64).ravel(), minlength=8)
    np.testing.assert_allclose(counts / counts.sum(), 1 / 8, atol=0.005)


def test_guessing_scores_ln_v_in_all_rows():
    """An untrained model of no weight at all guesses: loss ln V, standard error 0."""
    model = TransformerLM(TINY).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    rows, series = flips.score_coin_flips(model, flips.CoinFlips(8), seed=0, batches=1)
    scored = [("full", None), *(("prefix", position) for position in (15, 31, 47, 63))]
    assert [(row["score"], row["position"]) for row in rows] == scored
    assert all(row["loss"] == pytest.approx(math.log(8), abs=1e-6) for row in rows)
    assert all(row["stderr"] < 1e-6 for row in rows)
    assert len(series["loss_by_position"]) == len(series["stderr_by_position"]) == 64


def test_coin_flips_resume_and_are_read_back(tmp_path, monkeypatch):
    """A run that was cut short leaves its checkpoint, goes on, and ends with one file."""
    train = partial(flips.run_coin_flips, "mosa", 0, 12, model=TINY, batches=1)
    whole, folder = train(tmp_path / "whole"), tmp_path / "cut"

    update = Trainer._update

    def pressed(self: Trainer) -> None:
        assert self.state.step < 6, "the second sitting begins again"
        update(self)
        if self.state.step == 5:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_update", pressed)
        with pytest.raises(KeyboardInterrupt):
            train(folder)
    steps = []
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_update", lambda own: (steps.append(own.state.step), update(own)))
        resumed = train(folder)
    assert steps == list(range(5, 12)), "goes on where Ctrl-C was pressed"
    assert resumed.rows == whole.rows
    assert [path.name for path in folder.iterdir()] == ["coin-flips-mosa-seed0.json"]
    assert train(folder) == resumed
    with pytest.raises(ValueError, match=r"training\.steps must be 12 .* got 13 \(.*--out"):
        flips.run_coin_flips("mosa", 0, 13, folder, model=TINY)


def test_a_short_training_already_tells_the_two_apart(tmp_path):
    """The claim itself, in small: the paper's routing goes below guessing, prefix top-k does not.

    Two sides and every second token kept: eighty steps put 50 standard errors between them.
    """
    sizes = {"vocab_size": 2, "d_model": 32, "d_head": 8, "max_seq_len": 16, "n_dense_heads": 2}
    shape = replace(flips.SHAPE, **sizes, n_sparse_heads=8, sparsity=2, include_first=False)
    below = {}
    for kind in ("mosa", "prefix"):
        model = replace(shape, sparse=kind)
        record = flips.run_coin_flips(kind, 0, 80, tmp_path, model=model, batches=10)
        full = record.row(score="full", position=None)
        below[kind] = (math.log(2) - full["loss"]) / full["stderr"]
    assert below["mosa"] > 10
    assert below["prefix"] < 4


def test_record_round_trip_and_what_is_refused():
    rows = [{"kind": "mosa", "loss": 1.5}, {"kind": "dense", "loss": None}]
    record = ProbeRecord("jacobian", "try", {"T": 4}, rows, {"curve": [[1, 2.0]]})
    assert ProbeRecord.from_json(record.to_json()) == record
    assert record.column("kind") == ["mosa", "dense"]
    assert record.row(kind="dense")["loss"] is None
    assert record.command is None
    with pytest.raises(ValueError, match="not of 0"):
        record.row(kind="fixed")
    with pytest.raises(ValueError, match="name must be one of"):
        record.column("perplexity")
    for changes in ({"probe": "x"}, {"rows": []}, {"rows": [{"a": 1}, {"b": 1}]}, {"version": 2}):
        with pytest.raises(ValueError, match="must be"):
            replace(record, **changes)
    with pytest.raises(ValueError, match="lacks the field 'rows'"):
        ProbeRecord.from_json('{"version": 1, "probe": "jacobian", "name": "x", "settings": {}}')


def test_command_line(tmp_path, capsys, monkeypatch, refused):
    refused(["inspect", "coin-flips", "--kinds", "mosa", "nosuch"], "--kinds must be among dense")
    refused(["inspect", "jacobian", "--kinds", "mosa"], "--kinds must be left out")
    refused(["inspect", "coin-flips", "--steps", "0"], "--steps must be at least 1")
    monkeypatch.setattr(sweeps, "layer_jacobian", partial(layer_jacobian, every=20))
    assert main(["inspect", "jacobian", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()[-3:]
    assert said[0].startswith("Derivatives by later tokens are 0 in 3 of 3 layers, yet in those of")
    assert said[1:] == [
        f"Record: {tmp_path / 'jacobian-seed0.json'}",
        f"Next: {typed('inspect', 'coin-flips')}",
    ]
    record = ProbeRecord.load(tmp_path / "jacobian-seed0.json")
    assert set(record.column("future")) == {0.0}


def test_recorded_probes_say_what_the_book_says():
    """The records that ship: causal rules change nothing, coin flips part the kinds."""
    records = recorded_probes().values()
    assert all(record.command for record in records)
    for record in records:
        if record.probe.startswith("perturbation"):
            causal = [row for row in record.rows if row["kind"] in (*CAUSAL_KINDS, "dense")]
            assert causal
            assert {row["largest"] for row in causal} == {0.0}
        if record.probe == "jacobian":
            assert set(record.column("future")) == {0.0}
    for record in (record for record in records if record.probe == "coin-flips"):
        assert record.settings["kind"] in flips.KINDS
        full = record.row(score="full", position=None)
        below = (record.settings["ln_v"] - full["loss"]) / full["stderr"]
        if record.settings["kind"] == "mosa":
            assert below > 10
        else:
            assert below < 4
            assert abs(full["loss"] - record.settings["ln_v"]) < 0.002
