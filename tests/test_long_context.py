"""Protects the comparison of long texts: equal FLOPs at every length, pairs, resumed sweeps.

A wrong implementation that must fail: heads that stay while the text grows, a window that grows
with it, gains of other seeds or windows taken for a pair, a mean over ranges of positions that
forgets how many positions each has, and long runs that get among the records of the twins.
"""

import dataclasses
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from record_toys import run, score

from mosa_edu.analysis import (
    LongContextRecords,
    long_context_rows,
    recorded_long_context,
    recorded_runs,
)
from mosa_edu.analysis.tables import EVERY, span_name
from mosa_edu.bench.models import long_context_rows as measured_rows
from mosa_edu.claims import Evidence, checks
from mosa_edu.cli import long_context as command
from mosa_edu.cli.main import main
from mosa_edu.config import PRESETS
from mosa_edu.costs import HeadShape, head_kv_slots, model_flops
from mosa_edu.data import corpora
from mosa_edu.data.stories import load_tales
from mosa_edu.experiments.plans import LENGTHS, N_KEPT, long_models
from mosa_edu.experiments.plans import LONG_CONTEXT_KINDS as KINDS
from mosa_edu.probes import scores
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.training import Trainer


@pytest.mark.parametrize("length", LENGTHS)
def test_equal_flops_at_every_length_and_k_stays(length):
    models = long_models(length)
    budget = model_flops(models["routing"]).total
    for kind in KINDS:
        config = models[kind]
        shape = HeadShape(d_model=128, d_head=32, seq_len=length, sparsity=config.sparsity)
        assert 0.93 * budget < model_flops(config).total <= budget
        assert length // config.sparsity == config.local_window == N_KEPT
        if kind in ("mosa", "fixed"):
            assert head_kv_slots(kind, shape) == N_KEPT
            more = dataclasses.replace(config, n_sparse_heads=config.n_sparse_heads + 1)
            assert model_flops(more).total > budget
    assert [models[kind].n_local_heads for kind in KINDS[:3]] == [2, 2, 2]
    assert models["local"].n_sparse_heads == 0
    assert model_flops(models["dense"]).total > 2 * budget


@pytest.mark.parametrize(("length", "n_kept"), [(100, 64), (64, 64), (64, 1), (0, 8)])
def test_lengths_that_k_does_not_divide_are_refused(length, n_kept):
    with pytest.raises(ValueError, match="length must be a multiple of n_kept"):
        long_models(length, n_kept)


def test_every_length_is_measured_against_routing():
    """Catches times of one length divided by those of another."""
    micro = PRESETS["micro"]
    rows = measured_rows({T: long_models(T, 8, micro) for T in (32, 64)}, rounds=3)
    assert [row["T"] for row in rows] == [32] * 5 + [64] * 5
    for row in rows:
        assert (row["time"] == row["forward_time"] == 1.0) == (row["model"] == "routing")
        assert row["peak_bytes"] > row["saved_bytes"] > 0
    by_name = {(row["T"], row["model"]): row for row in rows}
    assert by_name[64, "dense"]["kv_slots"] == 4 * 64
    assert by_name[64, "mosa"]["kv_slots"] == 8 * (2 + by_name[64, "mosa"]["n_sparse_heads"])


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the words of a sweep of two models that take seconds."""
    monkeypatch.setenv("MOSA_EDU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(PRESETS, "explorer", PRESETS["micro"])
    monkeypatch.setitem(corpora._LOADERS, "tales", partial(load_tales, n_stories=300))
    monkeypatch.setattr(scores, "SAMPLE", scores.Sample(windows=8))
    monkeypatch.setattr(command, "SAMPLE", (4, 2, 1))
    words = ["--kinds", "mosa,local", "--length", "128", "--kept", "16", "--seeds", "0"]
    words += ["--tokens", "9000", "--corpus", "tales", "--out", str(tmp_path / "records")]
    return ["long-context", *words]


def test_the_sweep_goes_on_after_an_end_at_any_point(sweep, tmp_path, monkeypatch, capsys):
    """Stopped in training, then between the two scores; what was finished is not begun again."""
    update = Trainer._update

    def interrupted(trainer: Trainer) -> None:
        update(trainer)
        if trainer.state.step == 1:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_update", interrupted)
        assert main(sweep) == 130
    assert not (tmp_path / "records" / "runs").exists()

    def press_ctrl_c(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scores, "score_model", press_ctrl_c)
        assert main(sweep) == 130
    assert not (tmp_path / "records" / "runs").exists(), "a record would hide the missing scores"
    capsys.readouterr()
    assert main(sweep) == 0
    printed = capsys.readouterr().out
    assert "gain of mosa on local: every position" in printed
    assert main(sweep) == 0
    assert "==" not in capsys.readouterr().out, "nothing to train"

    found = recorded_long_context(tmp_path / "records")
    assert [run.name for run in found.runs] == [
        "long-local-128-k16-seed0",
        "long-mosa-128-k16-seed0",
    ]
    rows = {row.kind: row for row in long_context_rows(found)}
    assert (rows["mosa"].length, rows["mosa"].n_kept, rows["mosa"].n_local_heads) == (128, 16, 2)
    assert rows["mosa"].spans == ((0, 15), (16, 31), (32, 63), (64, 127))
    assert rows["mosa"].tokens == rows["local"].tokens >= 9000
    assert rows["mosa"].gain_on(rows["local"]).mean == pytest.approx(
        rows["local"].loss().mean - rows["mosa"].loss().mean
    )
    local = rows["local"]
    assert local.loss("full").mean == pytest.approx(local.loss("foreign").mean, abs=1e-5), "causal"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kinds", "nosuch"], "--kinds must be among mosa, fixed, routing, local, dense"),
        (["--length", "100"], "length must be a multiple of n_kept=16"),
        (["--kept", "0"], "length must be a multiple of n_kept=0"),
        (["--shard", "3/2"], "shard must be i/n with 1 <= i <= n, got '3/2'"),
        (["--tokens", "0"], "--tokens must be at least 1"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(sweep, capsys, tmp_path, words, message):
    assert main([*sweep, *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "records").exists()


def test_the_plan_names_kinds_heads_and_budgets(sweep, capsys):
    assert main([*sweep, "--kinds", "mosa,fixed,routing,local,dense", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:5] == ["long-mosa-128-k16-seed0", "2", "local", "+", "11"]
    assert lines[5].split()[:5] == ["long-dense-128-k16-seed0", "4", "dense", "+", "0"]


def test_no_record_is_no_row_and_twins_are_not_among_them(tmp_path):
    assert recorded_long_context(tmp_path) == LongContextRecords([], {}, {})
    assert long_context_rows(recorded_long_context(tmp_path)) == []
    assert not [run.name for run in recorded_runs() if run.name.startswith("long-")]
    assert all(run.name.startswith("long-") for run in recorded_long_context().runs)


def long_run(kind, seed, loss=9.0, **changes):
    """A run on texts of 64 tokens."""
    config = long_models(64, 8, PRESETS["micro"])[kind]
    flops = model_flops(config).total / 64
    model = dataclasses.asdict(config)
    return run(kind, seed, loss, model=model, flops_per_token=flops, **changes)


def records(losses: dict[str, list[list[float]]], seeds=(0, 1), spans=((0, 15), (16, 63)), **more):
    """Records by kind: loss of each range of positions in each of four windows of two books."""
    runs, scores_, probes = [], {}, {}
    for kind, by_window in losses.items():
        for seed in seeds:
            record = long_run(kind, seed, **more)
            runs.append(record)
            moved = np.array(by_window) + 0.01 * seed
            rows = [{"first": a, "last": b, "loss": 0.0} for a, b in spans]
            series = {"books": [0, 0, 1, 1], "losses": moved.tolist()}
            settings = {"run": record.name}
            probes[record.name] = ProbeRecord("positions", record.name, settings, rows, series)
            scores_[record.name] = score(record.name, moved[:, 1])
    return LongContextRecords(runs, scores_, probes)


def test_gains_pair_seeds_and_windows_and_weigh_positions():
    """A quarter of the positions is in the first range: its mean must not count for half."""
    mosa = [[4.0, 3.0], [4.4, 3.4], [4.0, 3.0], [4.8, 3.8]]
    local = [[a, b + 0.4] for a, b in mosa]
    rows = long_context_rows(records({"local": local, "mosa": mosa}))
    assert [row.kind for row in rows] == ["mosa", "local"]
    assert rows[0].loss().mean == pytest.approx(0.25 * 4.3 + 0.75 * 3.3 + 0.005)
    gain = rows[0].gain_on(rows[1])
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.3, 0.3, 0.3)), "windows are paired"
    assert rows[0].gain_on(rows[1], span_name((0, 15))).mean == pytest.approx(0.0)
    assert rows[0].gain_on(rows[1], "foreign").mean == pytest.approx(0.4)
    assert rows[0].gain_on(rows[1], EVERY) == gain
    with pytest.raises(ValueError, match="measure must be one of"):
        rows[0].loss("nosuch")


def judged(losses: dict[str, float], seeds=(0, 1, 2)) -> str:
    """Verdict on the claim about perplexity from one run of each kind and seed."""
    runs = [
        long_run(kind, seed, loss + 0.01 * seed + 0.001 * (seed == 2))
        for kind, loss in losses.items()
        for seed in seeds
    ]
    return checks.lowest_perplexity(Evidence(long_runs=runs)).verdict


def test_the_claim_needs_three_seeds_and_a_gain_on_both_rivals():
    """Catches a verdict from one rival, from one seed, or from twins of shorter texts."""
    assert judged({"mosa": 3.7, "fixed": 3.8, "routing": 3.9}) == "reproduced small"
    assert judged({"mosa": 3.7, "fixed": 3.8, "routing": 3.6}) == "contradicted"
    assert judged({"mosa": 3.7, "fixed": 3.8}) == "not decided yet"
    assert judged({"mosa": 3.7, "fixed": 3.8, "routing": 3.9}, seeds=(0, 1)) == "not decided yet"
    assert checks.lowest_perplexity(Evidence()).verdict == "not decided yet"
    cost = checks.cheaper(Evidence())
    assert (cost.verdict, round(cost.numbers["longest"], 2)) == ("direction only", 22.96)


def test_runs_that_are_no_pair_give_no_gain():
    flat = [[4.0, 3.0]] * 4
    first = records({"mosa": flat}, seeds=(0,))
    later = records({"local": flat}, seeds=(1,))
    joined = LongContextRecords(
        [*first.runs, *later.runs], first.scores | later.scores, first.probes | later.probes
    )
    mosa, local = sorted(long_context_rows(joined), key=lambda row: row.kind)[::-1]
    assert (mosa.kind, mosa.gain_on(local)) == ("mosa", None)
    (other,) = long_context_rows(records({"local": flat}, recipe="longer"))
    with pytest.raises(ValueError, match="trained by the same recipe"):
        mosa.gain_on(other)
    assert long_context_rows(first._replace(scores={})) == [], "not scored yet"
    assert long_context_rows(records({"mosa": flat}, status="diverged")) == []
