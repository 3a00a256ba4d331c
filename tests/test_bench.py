"""The baseline computes the same layer, and both sides are timed alike."""

import os
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from loops import close, texts

from mosa_edu.attention import MosaAttention
from mosa_edu.bench import STEPS, LayerCase, Timing, paired, step_by_step, time_in_turns
from mosa_edu.bench import models as rules
from mosa_edu.bench.decoding import SHAPE, decoding_rows
from mosa_edu.bench.layer import length_rows, saved_bytes, step_rows
from mosa_edu.bench.paired import peak_bytes
from mosa_edu.bench.roofline import roofline_rows
from mosa_edu.cli.main import main
from mosa_edu.config import PRESETS
from mosa_edu.costs import model_flops
from mosa_edu.records.origin import typed
from mosa_edu.records.probe import ProbeRecord

TINY = LayerCase(seq_len=32, d_model=16, n_heads=2, d_head=8, sparsity=4)
SMALL = replace(SHAPE, d_model=16, d_head=4, n_dense_heads=2)
QUICK = {"shape": SMALL, "rounds": 2, "steps": 4}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(("B", "T", "n_heads", "sparsity"), [(1, 32, 4, 4), (3, 21, 3, 8)])
def test_every_step_is_the_same_layer(B, T, n_heads, sparsity, name):
    """A faster wrong layer would win every race: values and gradients agree to rounding.

    A triangle over unsorted positions, or rows that forget where each text of the batch begins,
    would fail.
    """
    torch.manual_seed(0)
    layer = MosaAttention(12, 8, n_heads, sparsity).double()
    step = step_by_step(layer)[name]
    x = texts(B, T, 12, 999).requires_grad_()
    inputs = [x, layer.w_qkv, layer.w_out, layer.selector.router.weight]
    by = torch.randn_like(x)
    y, again = layer(x), step(x)
    close(again, y, "output")
    found = torch.autograd.grad(again, inputs, by)
    for one, other in zip(found, torch.autograd.grad(y, inputs, by), strict=True):
        close(one, other, "gradient")


def test_steps_change_one_stage_each_and_end_at_the_package():
    """Two changes in one step could not be told apart."""
    classes = list(STEPS.values())
    for before, after in pairwise(classes):
        assert after.__bases__ == (before,)
    assert list(step_by_step(TINY.layer()))[-1] == "package"


def test_saved_bytes_are_those_of_what_backward_needs():
    """Counting shared storages twice, or the parameters, would give another number."""

    class Square(torch.nn.Module):
        def forward(self, x):
            return (2 * x).square() + (3 * x).exp()

    x = torch.zeros(10)
    assert saved_bytes(Square(), x) == 2 * 10 * 4  # 2x, and the result of exp
    assert not x.requires_grad


def test_tables_say_what_was_timed_and_against_what():
    rows = step_rows([TINY], rounds=3)
    assert [row["step"] for row in rows[:7]] == [*STEPS, "package"]
    assert {row["pass"] for row in rows} == {"forward", "forward + backward"}
    assert all(row["ratio"] == row["gain"] == 1 for row in rows if row["step"] == "straight")
    rows = length_rows((128, 1024), n_dense=1, rounds=3)
    at = {(row["T"], row["layer"]): row for row in rows}
    assert at[128, "dense"]["heads"] == at[128, "same heads"]["heads"] == 1
    equal, dense = at[1024, "same FLOPs"], at[1024, "dense"]
    one_more = equal["gflop"] * (equal["heads"] + 1) / equal["heads"]
    assert equal["gflop"] <= dense["gflop"] < one_more
    with pytest.raises(ValueError, match="multiples of n_kept"):
        length_rows((100,))


def test_no_roof_is_higher_than_the_peaks():
    """An operation's roof is its slower side: arithmetic or memory, at the measured peaks."""
    rows = {row["name"]: row for row in roofline_rows(TINY, rounds=3)}
    product, copied = rows["product"], rows["copy"]
    assert product["roof"] == product["milliseconds"]
    assert copied["roof"] == copied["milliseconds"]
    for row in rows.values():
        by_arithmetic = row["mflop"] / product["mflop"] * product["milliseconds"]
        by_memory = row["mb"] / copied["mb"] * copied["milliseconds"]
        assert row["roof"] == pytest.approx(max(by_arithmetic, by_memory), abs=2e-3)
    layer, parts = rows["MoSA layer"], [row for row in rows.values() if row["group"] == "operation"]
    counted = sum(row["mflop"] for row in parts)
    assert layer["mflop"] == pytest.approx(counted, rel=0.1)  # gates aside


def test_turns_alternate_and_reverse(monkeypatch):
    """Whoever always ran second would always find the caches warm."""
    seen = []
    calls = {name: lambda name=name: seen.append(name) for name in "ab"}
    threads = torch.get_num_threads()
    timing = time_in_turns(calls, rounds=3, threads=1, warmups=1)
    assert "".join(seen) == "ba" + "ab" + "ba" + "ab"
    assert {name: len(seconds) for name, seconds in timing.seconds.items()} == {"a": 3, "b": 3}
    assert torch.get_num_threads() == threads
    ticks = iter(range(100))
    monkeypatch.setattr(paired.time, "process_time", lambda: next(ticks))
    assert time_in_turns(calls, 3, 1, 0).ratio("a", "b") == (1, 1, 1)
    for wrong in ({"rounds": 2, "threads": 1}, {"rounds": 3, "threads": 0}):
        with pytest.raises(ValueError, match="must be"):
            time_in_turns(calls, **wrong)


def test_the_ratio_is_taken_within_rounds():
    """A round in which the machine was busy slows both sides and leaves the ratio alone."""
    timing = Timing({"a": [2.0, 20.0, 2.0], "b": [1.0, 10.0, 1.0]})
    assert timing.ratio("a", "b") == (2.0, 2.0, 2.0)
    assert timing.median("a") == 2.0


def test_the_command_prints_both_passes_and_the_bar(capsys):
    arguments = ["--seq-len", "32", "--d-model", "16", "--heads", "2", "--d-head", "8"]
    assert main(["bench", "layer", *arguments, "--rounds", "3", "--threads", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("1 x 32 tokens of width 16, 2 heads of 8 keep 4 tokens each")
    assert [line.split()[:5] for line in lines[2:4]] == [
        ["1", "CPU", "forward", *lines[2].split()[3:5]],
        ["1", "CPU", "forward", "+", "backward"],
    ]
    assert lines[-2].startswith("Bar of 1.3 times")
    assert main(["bench", "layer", *arguments, "--sparsity", "0"]) == 2
    assert main(["bench", "layer", *arguments, "--threads", "two"]) == 2


def test_rules_are_timed_beside_the_papers_in_twins_of_equal_flops(tmp_path, monkeypatch):
    """Catches ratios over another model than the paper's, and twins of unequal cost."""
    asked = {}
    with monkeypatch.context() as patch:
        made = [{"model": "mosa", "time": 1.0}]
        patch.setattr(rules, "measure_pair", lambda models, *a, **b: asked.update(models) or made)
        command = ["bench", "rules", "--rounds", "3", "--threads", "1", "--out", str(tmp_path)]
        assert main(command) == 0
    assert ProbeRecord.load(tmp_path / "rules.json").probe == "bench-rules"
    assert next(iter(asked)) == "mosa"
    assert {asked[rule].sparse for rule in ("prefix", "threshold", "token")} < set(asked)
    flops = [model_flops(config).total for config in asked.values()]
    assert max(flops) < 1.03 * min(flops)
    micro = {rule: replace(PRESETS["micro"], sparse=rule) for rule in ("mosa", "threshold")}
    first, second = rules.rule_rows(micro, rounds=3)
    assert (first["model"], first["time"]) == ("mosa", 1.0)
    assert 0 < second["time_low"] <= second["time"] <= second["time_high"]


def test_a_table_is_a_record_that_names_its_command(tmp_path, monkeypatch, capsys):
    rows = [{"T": 128, "layer": "same heads", "ratio": 1.5}]
    monkeypatch.setattr("mosa_edu.bench.layer.length_rows", lambda rounds, threads: rows)
    command = ["bench", "lengths", "--rounds", "3", "--threads", "1"]
    assert main([*command, "--out", str(tmp_path)]) == 0
    record = ProbeRecord.load(tmp_path / "lengths.json")
    assert record.command == "mosa-edu " + " ".join(command)
    assert record.settings["clock"] == "process"
    assert list(record.rows) == rows
    said = capsys.readouterr().out.splitlines()[-3:]
    assert said[0].endswith("faster than dense ones from 128 tokens on: 1.5 times at 128 tokens.")
    assert said[1:] == [
        f"Record: {tmp_path / 'lengths.json'}",
        f"Next: {typed('bench', 'roofline')}",
    ]


def test_the_profiler_keeps_its_lines_to_itself(capfd):
    """Catches forty lines of a library's log around a result, and a terminal left mute."""
    assert peak_bytes(lambda: torch.zeros(1000).sum(), torch.device("cpu")) >= 4000
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"


def test_decoding_rows_hold_times_quartiles_and_what_the_cache_holds():
    """Catches slots counted before the last token, or of a layer that forgot its prompt."""
    rows = decoding_rows(("fixed", "prefix"), (4,), (16, 32), **QUICK)
    found = {(row["kind"], row["T"]): row for row in rows}
    assert [found["dense", T]["slots"] for T in (16, 32)] == [2 * 16, 2 * 32]
    assert [found["fixed", T]["slots"] for T in (16, 32)] == [2 * 4, 2 * 8]
    assert found["dense", 32]["bytes"] == 2 * 32 * 2 * 4 * 4
    for row in rows:
        assert row["milliseconds"] > 0
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
    assert found["dense", 16]["ratio"] == 1.0


def test_rounds_that_would_miss_a_stride_are_refused():
    """Catches rounds shorter than a stride: most of them would time heads that do nothing."""
    with pytest.raises(ValueError, match="steps must be a multiple of each sparsity"):
        decoding_rows(("fixed",), (8,), (16,), **QUICK)
    with pytest.raises(ValueError, match="lengths must be above 8"):
        decoding_rows(("fixed",), (4,), (8,), **QUICK)
