"""Protects the GPU suite: its order, its steps that resume, and records that say what limits."""

import time
from functools import partial
from pathlib import Path

import pytest
import torch

from mosa_edu.analysis import recorded_runs, recorded_scores, variant_rows
from mosa_edu.cli import gpu_suite
from mosa_edu.cli.main import main
from mosa_edu.cli.suites import SUITES, first_jobs, settings_of
from mosa_edu.costs import model_flops
from mosa_edu.data import corpora
from mosa_edu.data.stories import load_tales
from mosa_edu.data.tokens import read_pack, write_pack
from mosa_edu.probes import scores
from mosa_edu.records import RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.training import Trainer


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("MOSA_EDU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(corpora._LOADERS, "tales", partial(load_tales, n_stories=60))
    monkeypatch.setattr(scores, "SAMPLE", scores.Sample(8, 2, 1))
    write_pack("tales", 400, tmp_path / "pack")
    words = ["--device", "cpu", "--preset", "micro", "--out", str(tmp_path / "out")]
    return ["gpu-suite", str(tmp_path / "pack"), *words]


def test_everything_is_trained_in_order_and_recorded(command, tmp_path, capsys):
    """Catches a suite that needs texts, a pair that is not measured, a gap that is not said."""
    encoded = tmp_path / "cache" / "tokens"
    assert main([*command, "--seeds", "2"]) == 0
    assert not encoded.exists(), "no text was encoded"
    trained = [line[3:] for line in capsys.readouterr().out.splitlines() if line[:2] == "=="]
    first = ["dense-flops-4", "mosa-flops-4", "mosa-flops-8", "threshold-flops-4"]
    assert trained[:4] == [f"{name}-seed0" for name in first]
    assert trained[4].startswith("mosa-loss-8-heads")
    assert trained[-5:-1] == [f"{name}-seed1" for name in first]
    runs, out = recorded_runs(tmp_path / "out" / "runs"), tmp_path / "out"
    assert sorted(run.name for run in runs) == sorted(trained)
    for run in runs:
        assert run.extra["data_limited"] == (
            run.extra["validation_loss"] - run.extra["train_loss"] > 0.3
        )
        assert 0 < run.extra["epochs"] <= 4
        assert run.command == "mosa-edu gpu-suite pack --preset micro --device cpu"
    pair = ProbeRecord.load(out / "probes" / "pair-mosa-8.json")
    assert pair.row(model="mosa")["kv_slots"] > 0
    rows = variant_rows(runs, recorded_scores(out / "scores"))
    assert {(row.kind, row.match) for row in rows} >= {("mosa", "flops"), ("mosa", "loss")}
    assert all(row.gains for row in rows)
    assert main([*command, "--seeds", "2"]) == 0
    assert "==" not in capsys.readouterr().out


def test_a_step_ends_in_time_and_the_next_goes_on(command, tmp_path, monkeypatch, capsys):
    """Catches runs that begin again: the loss of an interrupted run is that of a whole one."""
    update = Trainer._update

    def slow(trainer: Trainer) -> None:
        time.sleep(0.2)
        update(trainer)

    monkeypatch.setattr(gpu_suite, "search", lambda *_: None)  # the first four runs will do
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_update", slow)
        assert main([*command, "--seconds", "0.7"]) == 75
    assert "the same command goes on" in capsys.readouterr().err
    assert not (tmp_path / "out" / "runs" / "dense-flops-4-seed0.json").exists()
    folder = tmp_path / "cache" / "runs" / "gpu-suite-micro" / "dense-flops-4-seed0"
    assert RunRecord.load(folder / "record.json").status == "stopped"
    monkeypatch.setattr(gpu_suite, "_matched", lambda step: 75)
    assert main(command) == 75
    path = tmp_path / "out" / "runs" / "dense-flops-4-seed0.json"
    halves = RunRecord.load(path)
    path.unlink()
    assert main(command) == 75
    whole = RunRecord.load(path)
    assert halves.validation == whole.validation
    assert not folder.exists(), "what resumes a run is not kept once it is recorded"


def test_models_cost_the_same_and_read_no_text_five_times(command, tmp_path):
    suite = SUITES["tiny"]
    jobs = first_jobs(suite, 8000, seed=0)
    assert [job.config.n_sparse_heads for job in jobs] == [0, 69, 276, 31]
    dense = model_flops(jobs[0].config).total
    assert all(0.97 * dense < model_flops(job.config).total <= dense for job in jobs)
    corpus, _, tokens = read_pack(tmp_path / "pack")
    micro = SUITES["micro"]
    (job, *_) = first_jobs(micro, 400, seed=0)
    settings = settings_of(micro, job, "micro", corpus, tokens, 10**9)
    assert settings["training"]["steps"] * micro.batch_tokens <= 4 * len(tokens.train)


def test_what_cannot_be_used_is_one_line(command, tmp_path, capsys):
    if not torch.cuda.is_available():
        assert main([*command, "--device", "cuda"]) == 2
        assert "torch sees no GPU here" in capsys.readouterr().err
    assert main(["gpu-suite", str(tmp_path), "--device", "cpu"]) == 2
    assert "a folder of mosa-edu pack" in capsys.readouterr().err
    assert main([*command, "--seconds", "0"]) == 2
    assert "--seconds must be positive" in capsys.readouterr().err
