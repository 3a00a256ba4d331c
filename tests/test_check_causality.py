"""Protects `check_causality`: every leak is found, nothing causal is accused, no model is changed.

Wrong implementations that must fail: two passes that differ in one token (expert choice slips
through), a fixed tolerance (1e-3 of a thousandth hides, large activations are accused), trials that
share a batch with the change (rows that meet look like time).
"""

import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from leaking_models import ACROSS_ROWS, CAUSAL, LEAKS, D, Mixer, Model, V, _made
from torch import nn

from mosa_edu import assert_causal, check_causality
from mosa_edu.analysis import recorded_probe
from mosa_edu.cli.main import main

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", LEAKS)
def test_every_leak_is_found_by_eight_forwards_and_placed(name):
    report = check_causality(LEAKS[name]().eval(), V)
    assert not report
    (leak,) = report.leaks
    assert leak.kind == "future"
    assert report.forwards <= 8
    assert leak.module
    assert leak.largest_nats > 0
    assert 0 <= leak.position < leak.prefix + 64
    assert "NOT causal" in str(report)


@pytest.mark.parametrize("name", CAUSAL)
def test_no_causal_model_is_accused(name):
    report = check_causality(CAUSAL[name]().eval(), V)
    assert report, str(report)
    assert report.leaks == ()


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("off_by_one_in_one_head", "mixers.1 (OffByOne)"),
        ("norm_over_time", "mixers.1 (TimeNorm)"),
        ("sum_from_the_wrong_end", "mixers.2 (Reversed)"),
        ("convolution_padded_on_both_sides", "mixers.1.conv (Conv1d)"),
        ("our_mosa", "blocks.0.attention.sparse"),
    ],
)
def test_the_first_module_that_leaks_is_named(name, module):
    assert check_causality(LEAKS[name]().eval(), V).leaks[0].module.startswith(module)


def test_a_leak_from_position_40_on_is_placed_there():
    (leak,) = check_causality(LEAKS["mask_that_ends_at_40"]().eval(), V).leaks
    assert leak.position >= 40
    assert leak.prefix > 40


def test_the_table_in_the_book_is_what_the_tests_find():
    """Two passes miss what one token does not move; a gradient sees no choice."""
    spec = importlib.util.spec_from_file_location("table", ROOT / "scripts/causality_table.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    record = recorded_probe("causality-check")
    keys = ("model", "leaks", "method", "found")
    stored = [tuple(row[key] for key in keys) for row in record.rows]
    assert [tuple(row[key] for key in keys) for row in table.table_rows()] == stored
    caught = {
        method: sum(found for _, leaks, own, found in stored if leaks and own == method)
        for method in table.methods()
    }
    assert caught["check_causality"] == len(LEAKS) == 17
    assert all(n < len(LEAKS) for name, n in caught.items() if name != "check_causality")


@pytest.mark.parametrize("wrap", ["tuple", "dict", "object", "flat"])
def test_logits_are_found_in_whatever_a_model_returns(wrap):
    model = LEAKS["our_mosa"]().eval()

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, tokens):
            logits = self.inner(tokens)
            return {
                "tuple": lambda: (logits, None),
                "dict": lambda: {"loss": None, "logits": logits},
                "object": lambda: SimpleNamespace(logits=logits),
                "flat": lambda: logits.flatten(0, 1),
            }[wrap]()

    assert not check_causality(Wrapped(), V)


def test_a_model_that_gives_all_logits_only_with_targets_is_asked_with_them():
    """As nanoGPT does."""

    class NanoLike(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = LEAKS["our_mosa"]()

        def forward(self, tokens, targets=None):
            logits = self.inner(tokens)
            return (logits if targets is not None else logits[:, [-1]]), None

    assert not check_causality(NanoLike().eval(), V)


def test_the_model_and_the_generators_are_left_as_they_were():
    model = LEAKS["our_mosa"]()
    model.train()
    model.blocks[0].eval()
    model.register_buffer("calls", torch.zeros(()))
    model.cache = {"seen": [1, 2]}
    model.register_forward_hook(lambda *_: model.calls.add_(1) and None)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    flags = [module.training for module in model.modules()]
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    expected = (random.random(), np.random.rand(), float(torch.rand(())))  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    check_causality(model, V)
    assert (random.random(), np.random.rand(), float(torch.rand(()))) == expected  # noqa: NPY002
    assert [module.training for module in model.modules()] == flags
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert model.cache == {"seen": [1, 2]}
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["off_by_one_in_one_head", "eviction_by_score", "norm_over_time"])
def test_other_precisions(dtype, name):
    assert not check_causality(LEAKS[name]().to(dtype).eval(), V)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["dense", "gru", "running_mean", "loud_activations", "our_prefix"])
def test_causal_models_of_other_precisions(dtype, name):
    report = check_causality(CAUSAL[name]().to(dtype).eval(), V)
    assert report, str(report)


def test_rows_that_meet_are_found_when_asked_for_and_are_not_taken_for_time():
    model = ACROSS_ROWS["mean_over_the_batch"]().eval()
    alone = check_causality(model, V)
    assert alone
    assert any("rows meet" in note for note in alone.notes)
    (leak,) = check_causality(model, V, batch=True).leaks
    assert (leak.kind, leak.module) == ("batch", "mixers.0 (AcrossRows)")


class Padded(nn.Module):
    """Attends to pads on one side, or to none."""

    def __init__(self, leaks):
        super().__init__()
        self.embedding, self.mixer = nn.Embedding(V, D), Mixer()
        self.head, self.leaks = nn.Linear(D, V), leaks

    def forward(self, tokens, attention_mask):
        x = self.embedding(tokens)
        if not self.leaks:
            x = x * attention_mask[..., None]
        x = x + self.mixer(x)
        return self.head(x)


def test_what_stands_at_pads_is_changed_when_asked_for():
    clean = _made(1, lambda: Padded(leaks=False)).eval()
    leaky = _made(1, lambda: Padded(leaks=True)).eval()
    both = {"padding": ("left", "right"), "forward": lambda m, t, mask=None: m(t, _mask(t, mask))}
    assert check_causality(clean, V, **both)
    kinds = {leak.kind for leak in check_causality(leaky, V, **both).leaks}
    assert kinds == {"left padding"}, "behind the text a causal model sees no pad"


def _mask(tokens, mask):
    return torch.ones_like(tokens, dtype=torch.bool) if mask is None else mask


def test_what_could_not_be_seen_is_said():
    report = check_causality(CAUSAL["our_prefix"]().eval(), V, forwards=4)
    said = str(report)
    assert "lengths other than 64" in said
    assert "the model in training" in said
    fixed = check_causality(_FixedLength().eval(), V)
    assert any("the model refuses them" in line for line in fixed.unseen)


class _FixedLength(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = CAUSAL["dense"]()

    def forward(self, tokens):
        assert tokens.shape[1] == 64
        return self.inner(tokens)


def test_dropout_is_off_unless_the_model_is_checked_in_training():
    model = Model(nn.Sequential(Mixer(), nn.Dropout(0.5)), Mixer()).train()
    assert check_causality(model, V)


def test_assert_causal_raises_with_the_report():
    assert assert_causal(CAUSAL["dense"]().eval(), V).causal
    with pytest.raises(AssertionError, match=r"outputs depend on later tokens"):
        assert_causal(LEAKS["our_mosa"]().eval(), V)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seq_len": 1}, "seq_len must be an integer of at least 2"),
        ({"forwards": 1}, "forwards must be an integer of at least 2"),
        ({"padding": "above"}, "padding must be 'left', 'right' or both"),
        ({"vocab_size": 1}, "vocab_size must be an integer of at least 2"),
        ({"tokens": [1, 2]}, "tokens must be at least seq_len=64 ids"),
        ({"seq_len": 512}, "model must be a function of tokens"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        check_causality(LEAKS["our_mosa"]().eval(), **arguments)


def test_the_command_checks_any_factory_and_says_so_in_its_status(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT / "tests")
    assert main(["inspect", "causality", "leaking_models:LEAKS.our_mosa"]) == 2
    assert "RUN must be a name in leaking_models" in capsys.readouterr().err
    (tmp_path / "mine.py").write_text(
        "from leaking_models import LEAKS, CAUSAL\n"
        "leaky, sound = LEAKS['our_mosa'], CAUSAL['dense']\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["inspect", "causality", "mine:leaky"]) == 1
    assert "NOT causal" in capsys.readouterr().out
    words = ["inspect", "causality", "mine:sound", "--vocab-size", "64", "--seq-len", "32"]
    assert main([*words, "--forwards", "6", "--batch"]) == 0
    assert "of 32 tokens" in capsys.readouterr().out
    assert main(["inspect", "causality", "nosuch.module:x"]) == 2
    assert "package.module:factory" in capsys.readouterr().err
    assert main(["inspect", "causality", "explorer"]) == 1
    assert "blocks.0.attention.sparse" in capsys.readouterr().out


def test_the_check_needs_nothing_but_torch():
    """It is for people who came for this only: no plotly, no notebook."""
    code = (
        "import sys; sys.modules['plotly'] = sys.modules['scipy'] = None\n"
        "from mosa_edu import check_causality; import json\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('mosa_edu.viz')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
