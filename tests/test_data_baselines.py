"""Counting baselines are probabilities, learn from training text alone, and are in order."""

import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosa_edu.data import ngram
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.ngram import NGram, bits_per_byte, unigram_entropy, xz_bits_per_byte
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.data.tokens import TokenSet

CORPUS = load_corpus("stories", n_stories=200)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    tokenizer = Tokenizer.train(CORPUS.texts("train"), 320)
    return TokenSet.build(CORPUS, tokenizer, tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def counted(tokens):
    return NGram(tokens.train.tokens, tokens.vocab_size)


@given(st.integers(0, 319), st.integers(0, 319))
def test_probabilities_are_positive_and_sum_to_one(counted, first, second):
    probability = counted.distribution(first, second)
    assert probability.sum() == pytest.approx(1, abs=1e-12)
    assert probability.min() > 0


def test_longer_contexts_predict_better_and_all_beat_chance(counted, tokens):
    stream = tokens.validation.tokens
    losses = [counted.stream_losses(stream, order).mean() for order in (1, 2, 3)]
    assert np.log(tokens.vocab_size) > losses[0] > losses[1] > losses[2] > 0


def test_a_window_sees_only_itself(counted, tokens):
    windows = tokens.windows("validation", 24, 2)
    losses = counted.losses(windows.inputs, windows.targets)
    whole = np.concatenate([windows.inputs, windows.targets[:, -1:]], axis=1)
    for row, loss in zip(whole, losses, strict=True):
        assert loss[1:] == pytest.approx(counted.stream_losses(row))
        # The first target has one token before it.
        assert loss[0] == pytest.approx(counted.stream_losses(row[[0, 0, 1]], order=2)[0])


def test_counts_are_those_of_the_definition():
    stream = np.array([1, 2, 3, 1, 2, 4, 1, 2, 3] * 20)
    counted = NGram(stream, 5)
    after = counted.distribution(1, 2)
    assert after[3] > after[4] > after[0]
    assert counted._counts[3].look_up(np.array([1 * 5 + 2]), np.array([4]))[0] == pytest.approx(
        20 / 60
    )


def test_a_stream_that_never_varies_is_nearly_certain():
    assert NGram(np.array([1, 2] * 50), 3).stream_losses(np.array([1, 2, 1, 2])).max() < 0.1


def test_measured_values_are_json_and_in_order(tokens):
    measured = ngram.measure_baselines(CORPUS, tokens, lengths=(16, 32), per_document=2)
    assert measured["trigram"]["loss"] < measured["bigram"]["loss"] < measured["unigram"]["loss"]
    assert measured["trigram"]["bits_per_byte"] < measured["unigram"]["bits_per_byte"]
    assert measured["unigram_entropy"] == unigram_entropy(tokens.train.tokens)
    assert set(measured["windows"]) == {"16", "32"}
    assert measured["windows"]["32"]["windows"] == 20
    assert measured["windows"]["32"]["stderr"] > 0


def test_entropy_xz_and_bits_per_byte_by_hand():
    assert unigram_entropy(np.array([0, 1, 2, 3])) == pytest.approx(np.log(4))
    assert bits_per_byte(np.log(2), 3, 12) == pytest.approx(0.25)
    text = "the same again and " * 50
    expected = 8 * len(lzma.compress(f"{text}\n\n{text}".encode(), preset=9)) / (2 * len(text) + 2)
    assert xz_bits_per_byte([text, text]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: NGram(np.array([1, 2, 3]), 3), "vocab_size must be above every token, got 3"),
        (lambda: NGram(np.array([1, 2]), 3), "tokens must be at least 3 of them, got 2"),
        (lambda: NGram(np.ones(9, int), 3).stream_losses(np.ones(3, int), 4), "order must be 1, 2"),
        (lambda: xz_bits_per_byte([]), "texts must be not empty"),
        (lambda: bits_per_byte(1.0, 1, 0), "n_bytes must be at least 1"),
    ],
)
def test_bad_arguments_are_named(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()
