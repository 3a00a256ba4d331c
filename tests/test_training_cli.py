"""Protects `mosa-edu train`: one command trains, resumes, reports, and refuses in one line."""

import errno
import io
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mosa_edu
from mosa_edu.cli.main import main
from mosa_edu.experiments.runs import runs_folder
from mosa_edu.records import RunRecord
from mosa_edu.records.origin import program, typed
from mosa_edu.training import Trainer

SHORT = ["--steps", "6", "--batch-tokens", "128", "--vocab-size", "300"]


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MOSA_EDU_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "rhyme.txt"
    lines = (f"The {n}th sheep jumped over the {n + 1}th gate.\n\n" for n in range(400))
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def train(corpus: str, *words: str) -> int:
    return main(["train", "--corpus", corpus, *SHORT, *words])


def test_run_leaves_its_files_and_names_the_next_command(corpus, capsys, tmp_path) -> None:
    assert train(corpus) == 0
    printed = capsys.readouterr()
    (folder,) = (tmp_path / "cache" / "runs").iterdir()
    assert folder.name.startswith("micro-mosa-rhyme-")
    files = {"config.json", "tokenizer.json", "metrics.jsonl", "checkpoints", "record.json"}
    assert {path.name for path in folder.iterdir()} >= files
    assert printed.err == ""
    last = printed.out.splitlines()[-3:]
    assert last[0].startswith(f"{folder.name} reaches ")
    assert last[1:] == [f"Record: {folder / 'record.json'}", f"Next: {typed('explore', folder)}"]
    assert "unigram loss" in printed.out
    settings = json.loads((folder / "config.json").read_text())
    assert (settings["model"]["vocab_size"], settings["training"]["steps"]) == (300, 6)
    record = RunRecord.load(folder / "record.json")
    assert (record.status, [*record.validation]) == ("finished", ["32", "64"])
    assert record.train_curve[-1][0] == 6

    assert train(corpus) == 0, "the same command again"
    assert "This run is finished" in capsys.readouterr().out


def test_time_limit_then_resume_by_name(corpus, capsys) -> None:
    assert train(corpus, "--name", "nap", "--time-limit", "1e-9") == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == f"Next: {typed('train', '--resume', runs_folder() / 'nap')}"
    assert main(["train", "--resume", "nap"]) == 0
    assert f"Next: {typed('explore', runs_folder() / 'nap')}" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(corpus, capsys, monkeypatch, number) -> None:
    update = Trainer._update

    def interrupted(self: Trainer) -> None:
        update(self)
        if self.state.step == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Trainer, "_update", interrupted)
    assert train(corpus, "--name", "ctrl") == 130
    said = typed("train", "--resume", runs_folder() / "ctrl")
    assert f"Next: {said}" in capsys.readouterr().out
    monkeypatch.setattr(Trainer, "_update", update)
    assert train(corpus, "--name", "ctrl") == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_diverged_run_says_so_and_exits_1(corpus, capsys) -> None:
    for _ in range(2):
        assert train(corpus, "--name", "wild", "--lr", "1e30") == 1
        assert "try a lower --lr" in capsys.readouterr().err


def test_other_settings_under_the_same_name_are_refused(corpus, capsys) -> None:
    train(corpus, "--name", "mine", "--time-limit", "1e-9")
    assert train(corpus, "--name", "mine", "--sparsity", "8") == 2
    assert "model.sparsity must be 4 as in the run that is there" in capsys.readouterr().err
    assert train(corpus, "--name", "mine") == 0
    capsys.readouterr()
    assert train(corpus, "--name", "mine", "--lr", "0.5") == 2
    assert "learning_rate must be 0.004" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sparsity", "0"], "sparsity must be"),
        (["--sparsity", "65"], "sparsity must be in [1, max_seq_len=64], got 65"),
        (["--n-sparse-heads", "0", "--n-dense-heads", "0"], "n_heads must be"),
        (["--n-dense-heads", "-1"], "n_dense_heads must be"),
        (["--corpus", "no-such-corpus"], "corpus must be"),
        (["--corpus", "empty.txt"], "empty"),
        (["--corpus", "latin.txt"], "UTF-8"),
        (["--vocab-size", "10"], "vocab_size must be"),
        (["--steps", "0"], "steps must be"),
        (["--batch-tokens", "0"], "--batch-tokens must be positive, got 0"),
        (["--batch-tokens", "8"], "batch_tokens must be"),
        (["--lr", "-1"], "learning_rate must be positive and finite, got -1.0"),
        (["--lr", "nan"], "learning_rate must be"),
        (["--seed", "-1"], "seed must be"),
        (["--time-limit", "0"], "--time-limit must be positive, got 0.0"),
        (["--threads", "0"], "--threads must be at least 1, got 0"),
        (["--name", "../x"], "name must be"),
        (["--resume", "absent"], "left out with --resume"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    corpus, capsys, tmp_path, monkeypatch, words, message
) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 99)
    monkeypatch.chdir(tmp_path)
    assert train(corpus, *words) == 2
    error = capsys.readouterr().err
    assert error.startswith("mosa-edu: ")
    assert message in error
    assert error.count("\n") == 1
    runs = tmp_path / "cache" / "runs"
    assert not list(runs.glob("*")), "nothing half-written stays"


def test_a_run_that_never_began_shapes_no_other(corpus, capsys, tmp_path, monkeypatch) -> None:
    """Catches a tokenizer reused by name: text of another kind cut by the entries of the first."""
    path = tmp_path / "g.txt"
    path.write_text("hello world, it is a fine day.\n" * 30)
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--corpus", "g.txt", *SHORT, "--name", "s1"]) == 2
    assert "g.txt with" in capsys.readouterr().err
    assert not (tmp_path / "cache" / "runs").exists()
    path.write_bytes(Path(corpus).read_bytes())
    assert main(["train", "--corpus", "g.txt", *SHORT, "--name", "s1"]) == 0
    assert train(corpus, "--name", "s2") == 0
    runs = tmp_path / "cache" / "runs"
    same = [(runs / name / "tokenizer.json").read_bytes() for name in ("s1", "s2")]
    assert same[0] == same[1]


def test_the_printed_command_works_in_any_folder(corpus, capsys, tmp_path, monkeypatch) -> None:
    """A relative corpus and a relative folder of the run are written down whole."""
    monkeypatch.chdir(tmp_path)
    words = ["--corpus", Path(corpus).name, *SHORT, "--time-limit", "1e-9"]
    assert main(["train", *words, "--run-dir", "a b/run"]) == 0
    said = capsys.readouterr().out.splitlines()[-1].removeprefix("Next: ")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(shlex.split(said.removeprefix(program()))) == 0
    assert "trained in" in capsys.readouterr().out


def test_a_console_without_a_character_shows_another(corpus, tmp_path) -> None:
    """Catches exit 2 after the work is done: a loss is printed with a plus-minus sign."""
    words = [sys.executable, "-m", "mosa_edu.cli.main", "train", "--corpus", corpus, *SHORT]
    shell = os.environ | {"PYTHONIOENCODING": "ascii", "MOSA_EDU_CACHE": str(tmp_path / "ascii")}
    done = subprocess.run(words, env=shell, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"nats per token" in done.stdout
    assert b" ? " in done.stdout


def test_runs_are_listed_and_named_where_one_is_not_found(corpus, capsys) -> None:
    assert train(corpus, "--name", "ours") == 0
    capsys.readouterr()
    assert main(["inspect", "runs"]) == 0
    line, *_ = capsys.readouterr().out.splitlines()
    assert line.split()[:2] == ["ours", "finished"]
    assert "nats" in line
    assert main(["explore", "nosuch"]) == 2
    assert "or one of ours" in capsys.readouterr().err


def test_text_is_continued_from_files_and_pipes_into_files(
    corpus, capsys, tmp_path, monkeypatch
) -> None:
    """A run with the paper's routing writes too, slower, and says why."""
    assert train(corpus, "--name", "ours") == 0
    prompt, out = tmp_path / "prompt.txt", tmp_path / "out.txt"
    prompt.write_text("The 5th sheep", encoding="utf-8")
    words = ["generate", "ours", "--tokens", "4", "--top-k", "3", "--seed", "1"]
    assert main([*words, "--prompt-file", str(prompt), "--out", str(out)]) == 0
    assert "--reselect" in capsys.readouterr().err
    text = out.read_text(encoding="utf-8")
    assert text.startswith("The 5th sheep")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"The 5th sheep\n")))
    assert main([*words, "--prompt", "-"]) == 0
    assert capsys.readouterr().out == text
    assert main([*words, "--prompt", "x", "--out", str(out / "out.txt")]) == 2
    assert "--out must be a folder, or one to be made" in capsys.readouterr().err
    prompt.write_text("The 5th sheep\n", encoding="utf-8")
    assert main([*words, "--prompt-file", str(prompt)]) == 0
    assert capsys.readouterr().out == text, "the last line break is the editor's"


def test_resume_of_no_run_is_refused(corpus, capsys) -> None:
    assert main(["train", "--resume", "absent"]) == 2
    assert "run must be the folder of a run" in capsys.readouterr().err


def test_full_disk_is_one_line_and_the_run_goes_on_later(corpus, capsys, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mosa_edu.training.checkpoint.reached", full)
    assert train(corpus, "--name", "full") == 2
    assert "disk is full" in capsys.readouterr().err
    monkeypatch.setattr("mosa_edu.training.checkpoint.reached", lambda _: None)
    assert train(corpus, "--name", "full") == 0


def test_damaged_checkpoint_is_reported_in_one_line(corpus, capsys, tmp_path) -> None:
    train(corpus, "--run-dir", str(tmp_path / "run"))
    newest = max((tmp_path / "run" / "checkpoints").glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-1])
    (tmp_path / "run" / "record.json").unlink()
    capsys.readouterr()
    assert train(corpus, "--run-dir", str(tmp_path / "run")) == 0
    error = capsys.readouterr().err
    assert error.startswith("mosa-edu: checkpoint ")
    assert error.count("\n") == 1


def test_version_and_bare_command(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"mosa-edu {mosa_edu.__version__}\n"
    assert main([]) == 0
    assert "train" in capsys.readouterr().out
