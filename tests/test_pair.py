"""Protects the perplexity-matched pair: the fewest heads that suffice, and what both cost."""

import math
from dataclasses import replace

import pytest

from mosa_edu.analysis import pair_words
from mosa_edu.bench.models import measure_pair
from mosa_edu.cli.main import main
from mosa_edu.costs import kv_slots
from mosa_edu.experiments.plans import load_plan
from mosa_edu.experiments.search import fewest, next_heads, search
from mosa_edu.model import PRESETS
from mosa_edu.records import RunRecord
from mosa_edu.records.probe import ProbeRecord

DENSE = replace(PRESETS["micro"], n_dense_heads=4, n_sparse_heads=0)
MOSA = replace(PRESETS["micro"], n_dense_heads=2, n_sparse_heads=3)


def test_the_words_keep_signs_and_say_what_was_not_reached():
    """Catches a records that grew told as a saving, and a loss that was never reached."""
    sizes = {"n_local_heads": 0, "parameters": 100, "flops": 1000, "saved_bytes": 200}
    dense = {"model": "dense", "n_dense_heads": 4, "n_sparse_heads": 0, **sizes, "kv_slots": 400}
    mosa = {"model": "mosa", "n_dense_heads": 2, "n_sparse_heads": 9, **sizes, "kv_slots": 500}
    mosa |= {"flops": 900, "parameters": 150}
    times = ({"time": t, "time_low": t, "time_high": t} for t in (1.0, 1.5))
    rows = [dense | {"loss": 4.0} | next(times), mosa | {"loss": 4.1} | next(times)]
    tried = {"tried": [[3, None], [9, 4.1]]}
    record = ProbeRecord("pair", "pair-x", {"reached": False}, rows, tried, {"command": "again"})
    words = pair_words(record)
    assert "mean loss: 3: diverged, 9: 4.100" in words
    assert "without reaching, the loss" in words
    assert "FLOPs -10.0%, bytes for the backward pass +0.0%, KV pairs +25.0%" in words
    with pytest.raises(ValueError, match="must be pair"):
        pair_words(ProbeRecord("decoding", "x", {}, rows, {}, {}))


@pytest.mark.parametrize("guess", [1, 7, 40])
@pytest.mark.parametrize("fewest", [1, 2, 13, 39, 40])
def test_the_search_finds_the_fewest_in_few_trainings(fewest, guess):
    """Catches a search that stops one early, tries a number twice, or walks one by one."""
    asked = []

    def loss_with(heads):
        asked.append(heads)
        return 3.0 - 0.01 * (heads - fewest)

    losses = search(loss_with, 3.0, most=40, guess=guess)
    assert min(heads for heads, loss in losses.items() if loss <= 3.0) == fewest
    assert len(asked) == len(set(asked)) <= 10


def test_the_search_says_when_no_number_suffices():
    """Catches an endless search, a diverged run taken for a loss, and a resolution ignored."""
    assert search(lambda heads: 9.0, 3.0, most=40, guess=17) == {17: 9.0, 34: 9.0, 40: 9.0}
    assert next_heads({4: math.nan}, 3.0, most=9, guess=4) == 8
    assert next_heads({4: math.nan, 8: 2.0}, 3.0, most=9, guess=4, resolution=4) is None
    assert search(lambda heads: 1 / 0, 3.0, 9, 4, known={0: 2.9}) == {0: 2.9}, "none needed"
    assert min(search(lambda heads: 2.8, 3.0, 9, 4, known={0: 3.1})) == 0
    losses = {4: math.nan, 8: 3.2, 9: 3.1}
    assert fewest(losses, 3.0) == 9, "the nearest, not the one that diverged"
    assert fewest(losses | {6: 2.9, 7: 2.8}, 3.0) == 6


def test_what_is_measured_is_of_the_two_models():
    """Catches ratios the wrong way round, and parameters counted as kept for backward."""
    dense, mosa = measure_pair({"dense": DENSE, "mosa": MOSA}, 2, rounds=3)
    assert dense["time"] == dense["time_low"] == dense["time_high"] == 1.0
    assert mosa["time_low"] <= mosa["time"] <= mosa["time_high"]
    assert mosa["kv_slots"] == kv_slots(MOSA) == 2 * 64 + 3 * 16
    assert 0 < mosa["saved_bytes"] < dense["saved_bytes"]
    assert dense["peak_bytes"] > mosa["peak_bytes"] > 0
    assert dense["peak_bytes"] > 2 * dense["saved_bytes"], "of two texts, and with gradients"
    assert dense["forward_time"] == 1.0
    assert 0 < mosa["forward_ms"] < mosa["step_ms"]
    more = measure_pair({"dense": replace(DENSE, n_dense_heads=8)}, 2, rounds=3)[0]
    assert more["saved_bytes"] > 1.2 * dense["saved_bytes"]


def test_the_command_trains_records_and_goes_on(records, capsys):
    """Catches runs that are trained again, and a pair that is not the one of the search."""
    words = ["--seeds", "0", "--set", "sparsity=4", "--tokens", "9000", "--corpus", "stories"]
    words += ["--set", "search.guess=2", "--set", "search.rounds=3"]
    command = ["experiment", "run", "pair", *words, "--out", str(records)]
    assert main([*command, "--set", "search.resolution=9"]) == 0
    assert "of 4 dense ones" in capsys.readouterr().out
    record = ProbeRecord.load(records / "probes" / "pair-mosa-4.json")
    tried, mosa = dict(record.series["tried"]), record.row(model="mosa")
    assert tried[mosa["n_sparse_heads"]] == mosa["loss"]
    found = load_plan("pair", {"sparsity": 4}).job("mosa", 0, heads=mosa["n_sparse_heads"])
    scored = {path.stem for path in (records / "scores").iterdir()}
    pair_and_control = {"dense-flops-4-seed0", "dense_ablation-none-4-seed0", found.name}
    assert scored == pair_and_control, "not the steps on the way"
    assert RunRecord.load(records / "runs" / f"{found.name}.json").comparison.match == "loss"
    assert tried[0] > record.row(model="dense")["loss"], "else no MoSA head would be needed"
    assert record.settings["reached"] == (mosa["loss"] <= record.row(model="dense")["loss"])
    assert main([*command, "--set", "search.resolution=9"]) == 0
    assert "==" not in capsys.readouterr().out, "nothing to train"
    assert main([*command, "--set", "search.guess=99"]) == 2
    assert "those of equal FLOPs" in capsys.readouterr().err
