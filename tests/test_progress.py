"""Protects long work: it says how far it is, and a call that is ended is gone on with."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from mosa_edu import progress
from mosa_edu.cli.main import main
from mosa_edu.config import PRESETS
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.data.tokens import TokenSet
from mosa_edu.model import TransformerLM
from mosa_edu.probes import held_out, scores
from mosa_edu.probes.held_out import score_held_out
from mosa_edu.probes.scores import Sample, score_model, three_scores
from mosa_edu.progress import track
from mosa_edu.records.parts import Parts

SLOW = """
import time
from mosa_edu import progress
progress.SECONDS = 0.1
for item in progress.track(range(4), "scores of first", "positions"):
    time.sleep(0.2)
"""


def test_a_terminal_shows_what_which_of_how_many_and_the_time_left():
    """Catches a bar that is hidden where somebody waits."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    subprocess.run([sys.executable, "-c", SLOW], stderr=theirs, check=True, timeout=60)
    os.set_blocking(ours, False)
    shown = os.read(ours, 1 << 16).decode()
    assert "scores of first" in shown
    assert "3/4" in shown
    assert "<00:00" in shown, "the time left"


def test_a_log_is_told_now_and_then_and_a_notebook_nothing(capsys, monkeypatch):
    """Catches twelve minutes without a line, and lines in the stored outputs of the book."""
    assert list(track(range(3), "scores")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "in_logs", True)
    list(track(range(3), "scores"))
    assert capsys.readouterr() == ("", ""), "it was over at once"
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    list(track(range(2), "scores", "positions"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("scores: 1 of 2 positions, 00:00 left")
    assert lines[1].startswith("scores: 2 of 2 positions")


def test_the_command_line_writes_to_logs(monkeypatch):
    monkeypatch.setattr(progress, "in_logs", False)
    assert main([]) == 0
    assert progress.in_logs


def test_parts_of_other_work_and_broken_files_are_made_again(tmp_path):
    """Catches numbers of other weights, which would stand in a record as if they were these."""
    path = tmp_path / "parts.npz"

    def ended(key: str, value: float) -> float:
        found = []
        with contextlib.suppress(KeyboardInterrupt), Parts(path, key) as parts:
            found.append(float(parts.get("one", lambda: np.array(value))))
            raise KeyboardInterrupt
        return found[0]

    assert ended("first", 1.0) == 1.0
    assert ended("first", 2.0) == 1.0
    assert ended("second", 2.0) == 2.0
    path.write_bytes(path.read_bytes()[:-9])
    assert ended("second", 3.0) == 3.0
    with Parts(path, "second") as parts:
        assert parts.get("one", lambda: np.array(4.0)) == 3.0
    assert not path.exists()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    corpus = load_corpus("stories", n_stories=120)
    tokenizer = Tokenizer.train(corpus.texts("train"), 300)
    return TokenSet.build(corpus, tokenizer, tmp_path_factory.mktemp("tokens"))


def model_of(seed: int) -> TransformerLM:
    torch.manual_seed(seed)
    shape = replace(PRESETS["micro"], vocab_size=300, max_seq_len=32, n_sparse_heads=2)
    return TransformerLM(shape).eval()


@pytest.mark.parametrize("way", ["three evaluations", "all held-out text"])
def test_scoring_resumes_and_ends_as_if_it_had_not_been_ended(tokens, tmp_path, monkeypatch, way):
    """Catches scoring from the start after Ctrl-C, and other futures in the second sitting."""
    if way == "three evaluations":
        module, score = scores, partial(score_model, tokens=tokens, sample=Sample(8, 4, 2))
    else:
        module, score = held_out, partial(score_held_out, tokens=tokens, batch_tokens=64)
    score = partial(score, name="ours")
    whole, path, losses_at = score(model_of(0)), tmp_path / "parts.npz", scores.losses_at
    calls = []

    def counted(*words: object) -> np.ndarray:
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return losses_at(*words)

    monkeypatch.setattr(module, "losses_at", counted)
    with pytest.raises(KeyboardInterrupt):
        score(model_of(0), unfinished=path)
    assert path.exists()
    resumed = score(model_of(0), unfinished=path)
    second = len(calls) - 6
    calls.clear()
    calls += [1] * 6
    score(model_of(1), unfinished=path)
    assert second < len(calls) - 6, "less is left than of other weights"
    np.testing.assert_array_equal(resumed.losses, whole.losses)
    if way == "all held-out text":
        np.testing.assert_array_equal(resumed.price, whole.price)
    assert not path.exists()


def test_the_loss_of_a_position_does_not_depend_on_what_was_kept():
    windows = np.random.default_rng(0).integers(1, 300, (4, 33))
    books, model = np.array([0, 0, 1, 1]), model_of(0)
    both = three_scores(model, windows, books, (15, 31))
    np.testing.assert_array_equal(both[:, :, 1:], three_scores(model, windows, books, (31,)))
