"""Protects `mosa-edu experiment run`: what it trains, writes once, goes on with and refuses."""

import signal
from pathlib import Path

import pytest
import torch
from sweep_toys import GPU_MICRO

from mosa_edu.analysis import (
    cloze_rows,
    long_context_rows,
    recorded_plan,
    recorded_runs,
    recorded_scores,
    variant_rows,
)
from mosa_edu.cli.main import ALIASES, COMMANDS, build_parser, main
from mosa_edu.data.cloze import KINDS
from mosa_edu.probes import scores
from mosa_edu.records import RunRecord
from mosa_edu.records.origin import program, typed
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import ScoreRecord
from mosa_edu.training import Trainer

LONG = ["experiment", "run", "long_context", "--only", "mosa,local", "--seeds", "0"]
LONG += ["--set", "baseline.max_seq_len=128", "--set", "top_k=16", "--tokens", "9000"]
LONG += ["--set", "sample={windows = 4, cuts = 2, draws = 1}", "--corpus", "stories"]


def begun(printed: str) -> list[str]:
    """Names of the runs that a call has begun or gone on with."""
    return [line[3:].split(" (")[0] for line in printed.splitlines() if line.startswith("== ")]


def interrupt(monkeypatch: pytest.MonkeyPatch, number: int, step: int) -> None:
    update = Trainer._update

    def interrupted(trainer: Trainer) -> None:
        update(trainer)
        if trainer.state.step == step:
            signal.raise_signal(number)

    monkeypatch.setattr(Trainer, "_update", interrupted)


def test_a_plan_is_trained_scored_and_never_repeated(sweep, tmp_path, capsys, refused):
    assert main(sweep) == 0
    printed = capsys.readouterr().out
    kinds = [line.split(":")[0] for line in printed.splitlines() if " parameters" in line]
    assert sorted(kinds[-2:]) == ["dense", "mosa"]
    ways = [line.split(": loss ")[0].strip() for line in printed.splitlines() if ": loss " in line]
    assert sorted(", ".join(ways).split(", ")) == sorted(["full", "prefix", "foreign"] * 2)
    for kind in ("dense", "mosa"):
        name = f"{kind}-flops-4-seed0"
        run = RunRecord.load(tmp_path / "records" / "runs" / f"{name}.json")
        score = ScoreRecord.load(tmp_path / "records" / "scores" / f"{name}.json")
        assert (run.name, run.status, score.name) == (name, "finished", name)
        assert run.training["steps"] == 3
        assert (run.comparison.plan, run.comparison.kind) == ("isoflop", kind)
        assert run.command == (
            f"mosa-edu experiment run isoflop --only {kind} --seeds 0 --set sparsity=4 "
            "--set recipe.tokens=9000 --set corpus=stories"
        ), "one row is one command"
    shares = ProbeRecord.load(tmp_path / "records" / "probes" / "selection-mosa-flops-4-seed0.json")
    assert shares.column("selected") == [0.25, 0.25]
    assert main(sweep) == 0
    assert not begun(capsys.readouterr().out)
    assert main(["inspect", "selection", name, "--out", str(tmp_path)]) == 0
    assert ProbeRecord.load(tmp_path / f"selection-{name}.json").rows == shares.rows
    message = "learning_rate must be 0.003 as in the run that is there"
    refused([*sweep, "--set", "recipe.learning_rate=1e-3"], message)


@pytest.mark.parametrize(("number", "step"), [(signal.SIGTERM, 1), (signal.SIGINT, 3)])
def test_a_signal_ends_the_call_and_not_one_run(sweep, tmp_path, monkeypatch, capsys, number, step):
    """Catches a call that begins the next run, and a signal in the last step that is lost."""
    with monkeypatch.context() as patch:
        interrupt(patch, number, step)
        assert main(sweep) == 130
    printed = capsys.readouterr()
    assert begun(printed.out) == ["dense-flops-4-seed0"]
    assert "Stopped" in printed.err
    assert f"Next: {typed(*sweep)}" in printed.out
    assert not (tmp_path / "records" / "runs").exists()
    assert main(sweep) == 0
    assert len(list((tmp_path / "records" / "scores").glob("*.json"))) == 2


def test_long_texts_go_on_after_an_end_between_two_scores(records, monkeypatch, capsys):
    words = [*LONG, "--out", str(records)]

    def press_ctrl_c(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scores, "score_model", press_ctrl_c)
        assert main(words) == 130
    assert not (records / "runs").exists(), "a record would hide the missing scores"
    before = (records / "probes" / "positions-long-mosa-128-k16-seed0.json").stat().st_mtime_ns
    capsys.readouterr()
    assert main(words) == 0
    after = (records / "probes" / "positions-long-mosa-128-k16-seed0.json").stat().st_mtime_ns
    assert before == after, "what was measured is not measured again"
    assert "gain of mosa on local: every position" in capsys.readouterr().out
    found = recorded_plan(records)
    rows = {row.kind: row for row in long_context_rows(found)}
    assert {run.name for run in found.runs} == {f"long-{k}-128-k16-seed0" for k in rows}
    mosa, local = rows["mosa"], rows["local"]
    assert (mosa.length, mosa.n_kept, mosa.n_local_heads) == (128, 16, 2)
    assert mosa.spans == ((0, 15), (16, 31), (32, 63), (64, 127))
    assert mosa.tokens == local.tokens >= 9000
    gain = local.loss().mean - mosa.loss().mean
    assert mosa.gain_on(local).mean == pytest.approx(gain)
    assert local.loss("full").mean == pytest.approx(local.loss("foreign").mean, abs=1e-5), "causal"


def test_cloze_models_are_asked_the_same_and_paired(records, tmp_path, monkeypatch, capsys):
    """Catches models asked different questions, and a lost pairing."""
    monkeypatch.setattr("mosa_edu.probes.cloze.N_ASKED", 3)
    words = ["experiment", "run", "cloze", "--only", "dense,mosa", "--seeds", "0"]
    words += ["--set", "sample={windows = 4, cuts = 2, draws = 1}", "--tokens", "3000"]
    words += ["--set", "baseline.max_seq_len=256", "--set", "baseline.vocab_size=2048"]
    words += ["--out", str(records)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert [name[:5] for name in begun(printed)] == ["half-"] * 2
    assert "mosa: 1 seed; perplexity" in printed
    rows = cloze_rows(*recorded_plan(records))
    assert len(rows) == 2 * len(KINDS)
    assert all(row.seeds == (0,) and len(row.gains) == 1 for row in rows)
    dense = [row for row in rows if row.kind == "dense"]
    assert all(row.gain.mean == row.loss_gains["full"].mean == 0 for row in dense)
    (records / "runs" / "half-mosa-flops-8-seed0.json").unlink()
    assert main(words) == 0
    assert begun(capsys.readouterr().out) == ["half-mosa-flops-8-seed0"]
    name = "cloze-half-mosa-flops-8-seed0"
    first = ProbeRecord.load(records / "probes" / f"{name}.json")
    assert main(["inspect", "cloze", name.removeprefix("cloze-"), "--out", str(tmp_path)]) == 0
    assert ProbeRecord.load(tmp_path / f"{name}.json").rows == first.rows


@pytest.fixture
def suite(records: Path, tmp_path: Path) -> list[str]:
    """Return the words that run the GPU suite in seconds, from a pack."""
    plan = tmp_path / "micro.toml"
    plan.write_text(GPU_MICRO, encoding="utf-8")
    assert main(["experiment", "pack", str(plan), str(tmp_path / "pack")]) == 0
    return ["experiment", "run", str(plan), "--pack", str(tmp_path / "pack"), "--out", str(records)]


def test_the_suite_trains_in_order_searches_a_pair_and_says_what_limits(
    suite, records, tmp_path, capsys
):
    """Catches a suite that needs texts, a pair that is not measured, a gap that is not said."""
    assert main(suite) == 0
    assert not (tmp_path / "cache" / "tokens").exists(), "no text was encoded"
    trained = begun(capsys.readouterr().out)
    first = ["dense-flops-4", "mosa-flops-4", "mosa-flops-8", "threshold-flops-4"]
    assert trained[:4] == [f"{name}-seed0" for name in first]
    assert trained[4].startswith("mosa-loss-8-heads")
    assert trained[-5:-1] == [f"{name}-seed1" for name in first]
    runs = recorded_runs(records / "runs")
    assert sorted(run.name for run in runs) == sorted(trained)
    for run in runs:
        gap = run.extra["validation_loss"] - run.extra["train_loss"]
        assert run.extra["data_limited"] == (gap > 0.3)
        assert 0 < run.extra["epochs"] <= 4
        assert run.command.startswith("mosa-edu experiment run micro ")
        assert run.command.endswith(" --pack pack")
        assert run.data["corpus"] == "pack of stories"
    assert not list((tmp_path / "cache" / "runs").glob("*/*/checkpoints")), "no weights are kept"
    pair = ProbeRecord.load(records / "probes" / "pair-mosa-8.json")
    assert pair.row(model="mosa")["kv_slots"] > 0
    rows = variant_rows(runs, recorded_scores(records / "scores"))
    assert {(row.kind, row.match) for row in rows} >= {("mosa", "flops"), ("mosa", "loss")}
    assert all(row.gains for row in rows)
    assert main(suite) == 0
    assert not begun(capsys.readouterr().out)


def test_a_call_ends_in_time_and_the_next_goes_on(suite, records, tmp_path, monkeypatch, capsys):
    """Catches runs that begin again: the loss of an interrupted run is that of a whole one."""
    suite += ["--only", "dense", "--seeds", "1", "--set", "search.seeds=[1]"]
    monkeypatch.setattr("mosa_edu.experiments.search.search", lambda *_: 1 / 0)
    update, clock = Trainer._update, [0.0]

    def slow(trainer: Trainer) -> None:
        clock[0] += 1.0
        update(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_update", slow)
        patch.setattr("time.monotonic", lambda: clock[0])
        assert main([*suite, "--seconds", "3"]) == 75
    assert "The time is up" in capsys.readouterr().err
    path = records / "runs" / "dense-flops-4-seed1.json"
    assert not path.exists()
    folder = tmp_path / "cache" / "runs" / "micro-1500" / "dense-flops-4-seed1"
    assert RunRecord.load(folder / "record.json").status == "stopped"
    with pytest.raises(ZeroDivisionError):  # the search begins, the run has ended
        main(suite)
    halves = RunRecord.load(path)
    path.unlink()
    with pytest.raises(ZeroDivisionError):
        main(suite)
    assert halves.validation == RunRecord.load(path).validation
    assert not folder.exists(), "what resumes a run is not kept once it is recorded"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "nosuch"], "row must be one of dense, "),
        (["--seeds", "a"], "--seeds must be whole numbers, got 'a'"),
        (["--shard", "3/2"], "shard must be i/n with 1 <= i <= n, got '3/2'"),
        (["--shard", "1/2/3"], "--shard must be two whole numbers, I/N, got '1/2/3'"),
        (["--set", "sparsity=0"], "sparsity must be an integer of at least 1, got 0"),
        (["--set", "sparsity=99"], "sparsity must be in [1, max_seq_len=64], got 99"),
        (["--set", "nosuch=1"], "isoflop must be made of name, title"),
        (["--tokens", "0"], "--tokens must be at least 1, got 0"),
        (["--time-limit", "nan"], "--time-limit must be positive and finite, got nan"),
        (["--seconds", "0"], "--seconds must be positive and finite, got 0.0"),
        (["--threads", "0"], "--threads must be at least 1, got 0"),
        (["--corpus", "nosuch"], "corpus must be one of "),
        (["--pack", "nosuch"], "pack must be a folder of mosa-edu experiment pack"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(sweep, refused, records, words, message):
    refused([*sweep, *words], message)
    assert not records.exists()


def test_flags_that_do_not_parse_are_one_line_too(capsys, refused):
    for words in (["experiment", "run", "isoflop", "--tokens", "x"], ["nosuch"], ["experiment"]):
        with pytest.raises(SystemExit, match="2"):
            main(words)
        error = capsys.readouterr().err
        assert error.startswith("mosa-edu")
        assert error.count("\n") == 1
    if not torch.cuda.is_available():
        refused(["experiment", "run", "gpu_suite"], "torch sees no GPU here")


def test_six_commands_are_shown_and_old_names_still_work(records, tmp_path, capsys, refused):
    """Catches a command that goes before 0.2, and a flag that means something else today."""
    shown = build_parser().format_help()
    assert len(COMMANDS) == 6
    assert not [name for name in ALIASES if f"  {name}" in shown]
    planned = {
        "compare --kinds dense,mosa --match parameters --sparsity 4 --seeds 1": "dense-parameters"
        "-4-seed1 mosa-parameters-4-seed1",
        "compare --kinds pure,free,fewer,local --seeds 0 --shard 1/2": "mosa_only-flops-8-seed0 "
        "dense_ablation-none-8-seed0",
        "riddles --kinds mosa --seeds 0": "half-mosa-flops-8-seed0",
        "long-context --kinds local --length 128 --kept 16 --seeds 0": "long-local-128-k16-seed0",
        "pair --guess 2 --resolution 2 --rounds 3 --sparsity 4 --seeds 0": "dense-flops-4-seed0 "
        "dense_ablation-none-4-seed0 then",
        "gpu-suite pack --seeds 1": "dense-flops-8-seed0 mosa-flops-8-seed0 mosa-flops-32-seed0 "
        "threshold-flops-8-seed0 then",
    }
    for words, names in planned.items():
        assert main([*words.split(), "--dry-run"]) == 0
        lines = capsys.readouterr().out.splitlines()
        lines = lines[: lines.index("")]
        assert " ".join(line.split()[0] for line in lines[1:]) == names, words
    assert main(["pack", str(tmp_path / "p"), "--corpus", "tales", "--vocab-size", "400"]) == 0
    assert f"Next: {program()} experiment run gpu_suite --pack" in capsys.readouterr().out
    assert main(["train", "--corpus", "tales", "--steps", "2", "--name", "toy"]) == 0
    assert main(["scores", "toy", "--out", str(tmp_path / "toy.json")]) == 0
    assert main(["probe", "selection", "--model", "toy", "--out", str(tmp_path)]) == 0
    assert "A head of toy keeps 25.0% of the tokens" in capsys.readouterr().out
    assert {path.name for path in tmp_path.glob("*.json")} == {"toy.json", "selection-toy.json"}
    refused(["scores", "absent"], "run must be the folder of a run")
    refused(["probe", "jacobian", "--model", "toy"], "RUN must be left out")
