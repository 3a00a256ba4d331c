"""Batches are a function of seed and step; the cache is whole or made again."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_toys import assert_same_streams

from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.documents import Corpus, Document
from mosa_edu.data.tokenizer import END_OF_TEXT_ID, Tokenizer
from mosa_edu.data.tokens import TokenSet

CORPUS = load_corpus("stories", n_stories=60)
TOKENIZER = Tokenizer.train(CORPUS.texts("train"), 400)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    return TokenSet.build(CORPUS, TOKENIZER, tmp_path_factory.mktemp("tokens"))


def document(stream, number):
    """Tokens of one document, the end mark included."""
    return stream.tokens[stream.starts[number] : stream.starts[number + 1]]


def make(texts, held_out=("held out text",)):
    splits = [tuple(Document(f"d{i}", t) for i, t in enumerate(part)) for part in (texts, held_out)]
    return Corpus("made", *splits)


def test_stream_holds_every_document_and_an_end_after_each(tokens):
    assert tokens.train.tokens.dtype == np.uint16
    assert tokens.train.n_documents == len(CORPUS.train)
    for number, told in enumerate(CORPUS.train):
        ids = document(tokens.train, number)
        assert ids[-1] == END_OF_TEXT_ID
        assert TOKENIZER.decode(ids[:-1]) == told.text
        assert tokens.train.n_bytes[number] == len(told.text.encode())
    assert tokens.train.titles == tuple(document.title for document in CORPUS.train)


def test_a_second_build_reads_the_file_and_a_spoilt_file_is_made_again(tmp_path, monkeypatch):
    built = TokenSet.build(CORPUS, TOKENIZER, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    monkeypatch.setattr(Tokenizer, "encode", lambda *_: pytest.fail("encoded again"))
    read = TokenSet.build(CORPUS, TOKENIZER, tmp_path)
    assert read.fingerprint == built.fingerprint
    assert_same_streams(read, built)
    monkeypatch.undo()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for content in (b"", whole[:10], whole[:-1], bytes(flipped)):
        path.write_bytes(content)
        TokenSet.build(CORPUS, TOKENIZER, tmp_path)
        assert path.read_bytes() == whole
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_other_text_or_other_tokenizer_is_another_file(tmp_path):
    tokenizer = Tokenizer.train(CORPUS.texts("train"), 300)
    seeds = [load_corpus("stories", n_stories=20, seed=seed) for seed in (0, 1)]
    made = [TokenSet.build(c, t, tmp_path) for c in seeds for t in (TOKENIZER, tokenizer)]
    assert len({tokens.fingerprint for tokens in made}) == 4
    assert len(list(tmp_path.iterdir())) == 4


@given(st.integers(0, 10**6), st.integers(0, 2**32), st.integers(1, 4000), st.integers(1, 300))
def test_a_batch_depends_on_its_arguments_alone(tokens, step, seed, batch_tokens, max_length):
    inputs, targets = tokens.batch(step, seed, batch_tokens, max_length)
    again, _ = tokens.batch(step, seed, batch_tokens, max_length)
    rows, length = inputs.shape
    assert np.array_equal(inputs, again)
    assert targets.shape == inputs.shape
    assert inputs.dtype == targets.dtype == np.int64
    assert np.array_equal(inputs[:, 1:], targets[:, :-1])
    assert min(16, max_length) <= length <= max_length
    assert rows == max(1, batch_tokens // length)


def test_half_of_the_steps_are_of_full_length_and_the_others_even(tokens):
    lengths = [tokens.batch(step, 0, 64, 64)[0].shape[1] for step in range(4000)]
    counts = Counter(lengths)
    assert counts[64] / 4000 == pytest.approx(0.5 + 0.5 / 49, abs=0.03)
    assert set(counts) == set(range(16, 65))
    assert max(counts[length] for length in range(16, 64)) < 90


def test_windows_stay_inside_documents_that_are_long_enough(tmp_path):
    texts = ["a" * 50, "b" * 9, "c" * 500]
    tokenizer = Tokenizer.train(["unrelated"], 257)  # a token a byte
    tokens = TokenSet.build(make(texts), tokenizer, tmp_path)
    a, c = tokenizer.encode("a")[0], tokenizer.encode("c")[0]
    starts = Counter()
    for step in range(300):
        inputs, targets = tokens.batch(step, 0, 320, 32, min_length=32)
        for row, target in zip(inputs, targets, strict=True):
            window = [*row, target[-1]]
            starts[row[0]] += 1
            if row[0] in (a, c):  # both documents can hold 33 tokens
                assert set(window) <= {row[0], END_OF_TEXT_ID}
                assert END_OF_TEXT_ID not in window[:-1]
    # Every valid start is equally likely: 51 - 32 in "a", 501 - 32 in "c", all 10 of "b".
    expected = (51 - 32) / (51 - 32 + 501 - 32 + 10)
    assert starts[a] / starts.total() == pytest.approx(expected, abs=0.015)
    assert starts[c] / starts.total() > 0.9


def test_validation_windows_are_fixed_even_and_of_one_document(tokens):
    windows = tokens.windows("validation", 32, 3)
    again = tokens.windows("validation", 32, 3)
    assert np.array_equal(windows.inputs, again.inputs)
    assert np.array_equal(windows.inputs[:, 1:], windows.targets[:, :-1])
    assert Counter(windows.documents.tolist()) == {0: 3, 1: 3, 2: 3}
    for row, target, number in zip(*windows, strict=True):
        content = document(tokens.validation, number).tobytes()
        ids = np.array([*row, target[-1]], dtype=np.uint16)
        assert ids.tobytes() in content


@given(st.integers(1, 90), st.integers(1, 12))
def test_windows_lie_apart_and_inside(tokens, length, per_document):
    stream = tokens.validation
    spans: dict[int, list[int]] = {}
    windows = tokens.windows("validation", length, per_document)
    for row, number in zip(windows.inputs, windows.documents, strict=True):
        content = document(stream, number).astype(np.int64)
        after = spans.setdefault(number, [-length])[-1] + length
        views = np.lib.stride_tricks.sliding_window_view(content, length)[after:-1]
        spans[number].append(after + int(np.flatnonzero((views == row).all(axis=1))[0]))


def test_short_documents_give_what_fits_or_are_joined(tmp_path):
    corpus = make(["train text"], ["a" * 70, "b" * 5, "c" * 40])
    tokenizer = Tokenizer.train(["unrelated"], 257)
    tokens = TokenSet.build(corpus, tokenizer, tmp_path)
    assert tokens.windows("validation", 20, 10).documents.tolist() == [0, 0, 0, 2, 2]
    joined = tokens.windows("validation", 100, 10)
    assert joined.inputs.shape == (1, 100)
    with pytest.raises(ValueError, match="length must be less than 118"):
        tokens.windows("validation", 118, 1)


def test_large_vocabularies_are_32_bits_wide(tmp_path, monkeypatch):
    monkeypatch.setattr("mosa_edu.data.tokens._WIDEST_UINT16", 300)
    tokens = TokenSet.build(CORPUS, TOKENIZER, tmp_path)
    assert tokens.train.tokens.dtype == np.uint32
    assert TokenSet.build(CORPUS, TOKENIZER, tmp_path).train.tokens.dtype == np.uint32


def test_bad_arguments_are_named(tokens):
    with pytest.raises(ValueError, match=r"step must be 0 or more, got -1"):
        tokens.batch(-1, 0, 100, 16)
    with pytest.raises(ValueError, match=r"max_length must be in 1\.\."):
        tokens.batch(0, 0, 100, 10**9)
    with pytest.raises(ValueError, match="split must be 'train' or 'validation', got 'test'"):
        tokens.windows("test", 16, 1)
