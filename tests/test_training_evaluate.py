"""Protects reported losses: what is averaged, over which windows, and in which unit."""

import math

import numpy as np
import pytest
import torch
from training_toys import VOCAB, Bigram, toy_data

from mosa_edu.data.ngram import standard_error
from mosa_edu.training.evaluate import (
    evaluate,
    evaluate_lengths,
    fixed_windows,
    mean_loss,
    token_losses,
)
from mosa_edu.training.optimizer import autocast, resolve_dtype

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_loss_is_the_negative_log_probability() -> None:
    logits = torch.randn(2, 3, 5, dtype=torch.float64)
    targets = torch.randint(5, (2, 3))
    expected = -logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    torch.testing.assert_close(token_losses(logits, targets), expected)
    torch.testing.assert_close(mean_loss(logits, targets), expected.mean())
    assert token_losses(logits.bfloat16(), targets).dtype == torch.float32


def test_uniform_model_scores_log_of_the_vocabulary() -> None:
    model = Bigram()
    torch.nn.init.zeros_(model.table.weight)
    result = evaluate(model, toy_data(), 32, 640, byte_lengths=np.full(VOCAB, 2))
    assert result.loss == pytest.approx(math.log(VOCAB))
    assert result.stderr == pytest.approx(0, abs=1e-7)
    assert result.windows == 20
    assert result.bits_per_byte == pytest.approx(math.log2(VOCAB) / 2)


def test_evaluation_leaves_model_mode_and_moving_averages_alone() -> None:
    model = Bigram()
    for mode in (True, False):
        model.train(mode)
        evaluate(model, toy_data(), 16, 64)
        assert model.training is mode
        assert model.average == 0


def test_batches_of_windows_do_not_change_the_loss() -> None:
    model = Bigram()
    results = [evaluate(model, toy_data(), 30, batch_tokens=size).loss for size in (30, 97, 10_000)]
    assert results == pytest.approx([results[0]] * 3, rel=1e-6)


def test_windows_are_fixed_and_as_many_as_asked_for() -> None:
    inputs, targets = fixed_windows(toy_data(), "validation", 32, 160)
    assert inputs.shape == targets.shape == (5, 32)
    rows = toy_data().windows("validation", 32, 3).inputs
    np.testing.assert_array_equal(inputs[[0, -1]], rows[[0, -1]], "even over both documents")
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    np.testing.assert_array_equal(fixed_windows(toy_data(), "validation", 32, 160)[0], inputs)


def test_record_of_lengths_holds_plain_numbers() -> None:
    scores = evaluate_lengths(Bigram(), toy_data(), (16, 32), max_tokens=64)
    assert list(scores) == ["16", "32"]
    assert scores["32"]["tokens"] == 64


def test_standard_error() -> None:
    assert standard_error(np.array([1.0, 2.0, 3.0])) == pytest.approx(1 / math.sqrt(3))
    assert math.isnan(standard_error(np.array([1.0])))


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_dtype_follows_the_device_s_capability(monkeypatch, capability, expected) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    assert resolve_dtype("auto", CUDA) == expected


def test_cpu_computes_in_float32_unless_told() -> None:
    assert resolve_dtype("auto", CPU) == torch.float32
    with autocast(resolve_dtype("bfloat16", CPU), CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    with pytest.raises(ValueError, match="dtype must be float32 or bfloat16 on cpu, got 'float16'"):
        resolve_dtype("float16", CPU)
