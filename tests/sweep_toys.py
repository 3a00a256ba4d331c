"""Plans of models that take seconds, for tests of the experiments and of what they leave behind."""

from functools import partial
from pathlib import Path

import pytest

from mosa_edu.cli.main import main
from mosa_edu.config import PRESETS
from mosa_edu.data import corpora
from mosa_edu.data.stories import load_stories
from mosa_edu.probes import scores

GPU_MICRO = """
title = "Shows that the suite works, and nothing about models"
corpus = "stories"
seeds = [0, 1]
device = "cpu"
scores = ["selection", "scores", "fit"]
table = "pair"
keep_weights = false
match = "flops"
sparsity = 4
n_dense = 2

[baseline]
preset = "micro"
vocab_size = 400
d_model = 16
n_layers = 1
d_head = 4
max_seq_len = 32
n_dense_heads = 4

[recipe]
tokens = 1500
most_epochs = 4
batch_tokens = 256
min_length = 8
learning_rate = 4e-3
warmup_steps = 1
checkpoints = 1

[rows]
dense = { kind = "dense" }
mosa = { kind = "mosa", include_first = true, sparsity = [4, 8] }
threshold = { kind = "threshold" }

[search]
row = "mosa"
sparsity = 8
target = "dense"
guess = 2
resolution = 9
seeds = [0]
"""


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a new folder of records; models, texts and scores are small."""
    monkeypatch.setenv("MOSA_EDU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(PRESETS, "explorer", PRESETS["micro"])
    monkeypatch.setitem(corpora.LOADERS, "stories", partial(load_stories, n_stories=300))
    monkeypatch.setattr(scores, "SAMPLE", scores.Sample(8, 3, 1))
    return tmp_path / "records"


@pytest.fixture
def sweep(records: Path) -> list[str]:
    """Return the words that run two models of the first plan."""
    words = ["--only", "dense,mosa", "--seeds", "0", "--set", "sparsity=4", "--tokens", "9000"]
    return ["experiment", "run", "isoflop", *words, "--corpus", "stories", "--out", str(records)]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]):
    """Run a command that must end with status 2 and one line that holds a message."""

    def check(words: list[str], message: str) -> None:
        capsys.readouterr()
        assert main(words) == 2
        error = capsys.readouterr().err
        assert error.startswith("mosa-edu: ")
        assert message in error
        assert error.count("\n") == 1

    return check
