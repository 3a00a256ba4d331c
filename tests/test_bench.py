"""The baseline computes the same layer, and both sides are timed alike."""

import pytest
import torch
from loops import close, texts

from mosa_edu.attention import MosaAttention
from mosa_edu.bench import NaiveMosa, Timing, paired, time_in_turns
from mosa_edu.cli.main import main


@pytest.mark.parametrize(("B", "T", "n_heads", "sparsity"), [(1, 32, 4, 4), (3, 21, 3, 8)])
def test_the_baseline_is_the_same_layer(B, T, n_heads, sparsity):
    """A faster wrong layer would win every race: values and gradients agree to rounding."""
    torch.manual_seed(0)
    layer = MosaAttention(12, 8, n_heads, sparsity).double()
    naive = NaiveMosa(layer)
    x = texts(B, T, 12, 999).requires_grad_()
    inputs = [x, layer.w_qkv, layer.w_out, layer.selector.router.weight]
    by = torch.randn_like(x)
    y, again = layer(x), naive(x)
    close(again, y, "output")
    found = torch.autograd.grad(again, inputs, by)
    for one, other in zip(found, torch.autograd.grad(y, inputs, by), strict=True):
        close(one, other, "gradient")


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
    assert lines[-1].startswith("Bar of 1.3 times")
    assert main(["bench", "layer", *arguments, "--sparsity", "0"]) == 2
    assert main(["bench", "layer", *arguments, "--threads", "two"]) == 2
