"""Protects `mosa-edu compare` and `scores`: what a sweep plans, writes once, and refuses."""

import signal
from functools import partial
from itertools import chain
from pathlib import Path

import pytest

from mosa_edu.cli.main import main
from mosa_edu.config import PRESETS
from mosa_edu.data import corpora
from mosa_edu.data.stories import load_tales
from mosa_edu.probes import scores
from mosa_edu.records import RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import ScoreRecord
from mosa_edu.training import Trainer


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the words of a sweep of two models that take seconds."""
    monkeypatch.setenv("MOSA_EDU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(PRESETS, "explorer", PRESETS["micro"])
    monkeypatch.setitem(corpora._LOADERS, "tales", partial(load_tales, n_stories=300))
    monkeypatch.setattr(scores, "SAMPLE", scores.Sample(8, 3, 2))
    words = ["--kinds", "dense,mosa", "--seeds", "0", "--sparsity", "4", "--tokens", "9000"]
    return ["compare", *words, "--corpus", "tales", "--out", str(tmp_path / "records")]


def test_sweep_trains_scores_and_repeats_nothing(sweep, tmp_path, capsys) -> None:
    assert main(sweep) == 0
    printed = capsys.readouterr().out
    kinds = [line.split(":")[0] for line in printed.splitlines() if " parameters" in line]
    assert sorted(kinds[-2:]) == ["dense", "mosa"]
    ways = [line.split(": loss ")[0].strip() for line in printed.splitlines() if ": loss " in line]
    assert sorted(", ".join(ways).split(", ")) == sorted(["full", "prefix", "foreign"] * 2)
    names = ["dense-flops-4-seed0", "mosa-flops-4-seed0"]
    for name in names:
        run = RunRecord.load(tmp_path / "records" / "runs" / f"{name}.json")
        score = ScoreRecord.load(tmp_path / "records" / "scores" / f"{name}.json")
        assert (run.name, run.status, score.name) == (name, "finished", name)
        assert run.training["steps"] == 3
        kind = name.partition("-")[0]
        assert (run.comparison.kind, run.comparison.match) == (kind, "flops")
        assert run.comparison.recipe.startswith(f"d{run.model['d_model']}-")
    shares = ProbeRecord.load(tmp_path / "records" / "probes" / "selection-mosa-flops-4-seed0.json")
    assert shares.column("selected") == [0.25, 0.25]
    assert main(sweep) == 0
    again = capsys.readouterr().out
    assert not [line for line in again.splitlines() if line.startswith("==")], "nothing to train"
    assert main(["probe", "selection", "--model", names[1], "--out", str(tmp_path)]) == 0
    assert ProbeRecord.load(tmp_path / f"selection-{names[1]}.json").rows == shares.rows


def test_parts_of_a_sweep_make_the_whole(sweep, capsys) -> None:
    def planned(*words: str) -> list[str]:
        assert main([*sweep, "--seeds", "0,1,2", "--dry-run", *words]) == 0
        return [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]

    parts = [planned("--shard", f"{part}/4") for part in (1, 2, 3, 4)]
    assert sorted(chain(*parts)) == sorted(planned())
    assert len(planned()) == 6


@pytest.mark.parametrize(("number", "step"), [(signal.SIGTERM, 1), (signal.SIGINT, 3)])
def test_a_signal_ends_the_sweep_and_not_one_run(
    sweep, tmp_path, monkeypatch, capsys, number, step
) -> None:
    """Catches a sweep that begins the next run, and a signal in the last step that is lost."""
    update = Trainer._update

    def interrupted(trainer: Trainer) -> None:
        update(trainer)
        if trainer.state.step == step:
            signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_update", interrupted)
        assert main(sweep) == 130
    printed = capsys.readouterr()
    assert [line for line in printed.out.splitlines() if line.startswith("==")] == [
        "== dense-flops-4-seed0"
    ]
    assert "the same command goes on" in printed.err
    assert not (tmp_path / "records" / "runs").exists()
    assert main(sweep) == 0
    assert len(list((tmp_path / "records" / "scores").glob("*.json"))) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kinds", "nosuch"], "kind must be one of dense, "),
        (["--seeds", "a"], "--seeds must be whole numbers, got 'a'"),
        (["--shard", "3/2"], "shard must be i/n with 1 <= i <= n, got '3/2'"),
        (["--shard", "1/2/3"], "--shard must be two whole numbers, I/N, got '1/2/3'"),
        (["--sparsity", "0"], "sparsity must be an integer of at least 1, got 0"),
        (["--sparsity", "99"], "sparsity must be in [1, max_seq_len=64], got 99"),
        (["--tokens", "0"], "--tokens must be at least 1, got 0"),
        (["--time-limit", "nan"], "--time-limit must be positive, got nan"),
        (["--threads", "0"], "--threads must be at least 1, got 0"),
        (["--corpus", "nosuch"], "corpus must be one of "),
    ],
)
def test_bad_input_is_one_line_and_exit_2(sweep, capsys, tmp_path, words, message) -> None:
    assert main([*sweep, *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "records").exists()


def test_flags_that_do_not_parse_are_one_line_too(capsys) -> None:
    for words in (["compare", "--tokens", "x"], ["nosuch"], ["scores"]):
        with pytest.raises(SystemExit, match="2"):
            main(words)
        error = capsys.readouterr().err
        assert error.startswith("mosa-edu")
        assert error.count("\n") == 1


def test_scores_of_no_run_are_refused(sweep, capsys) -> None:
    assert main(["scores", "absent"]) == 2
    assert "run must be the folder of a run" in capsys.readouterr().err
