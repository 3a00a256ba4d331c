"""Any text survives the tokenizer, and every token knows its characters."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mosa_edu.data import tokenizer as tokenizer_module
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.tokenizer import END_OF_TEXT, END_OF_TEXT_ID, Tokenizer

TEXTS = list(load_corpus("stories", n_stories=60).texts("train"))
TOKENIZER = Tokenizer.train(TEXTS, 400)

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(any_text)
@example("")
@example("\U0001f469‍\U0001f469‍\U0001f467 naïve café אבג")
@example("� \x00\x7f\r\n\t \x85")
@example(f"a {END_OF_TEXT}{END_OF_TEXT} b")
def test_any_text_comes_back_and_its_spans_cut_it_into_pieces(text):
    ids = TOKENIZER.encode(text)
    spans = TOKENIZER.spans(text)
    assert TOKENIZER.decode(ids) == text
    assert [span.id for span in spans] == ids
    assert "".join(span.text for span in spans) == text
    assert all(text[span.start : span.end] == span.text for span in spans)
    edges = [0, *(edge for span in spans for edge in (span.start, span.end)), len(text)]
    assert edges == sorted(edges)
    assert TOKENIZER.byte_lengths[ids].sum() == len(text.encode())


def test_typed_end_of_text_is_ordinary_text():
    ids = TOKENIZER.encode(f"{END_OF_TEXT} and on")
    assert END_OF_TEXT_ID not in ids
    assert TOKENIZER.decode([END_OF_TEXT_ID]) == END_OF_TEXT
    assert TOKENIZER.byte_lengths[END_OF_TEXT_ID] == 0


def test_a_character_of_several_tokens_belongs_to_the_last():
    spans = TOKENIZER.spans("a\U0001f40b!")
    edges = [(span.start, span.end) for span in spans]
    assert edges == [(0, 1), (1, 1), (1, 1), (1, 1), (1, 2), (2, 3)]


def test_the_same_texts_give_the_same_merges_and_a_file_brings_them_back(tmp_path):
    again = Tokenizer.train(TEXTS, 400)
    assert again.to_json() == TOKENIZER.to_json()
    path = tmp_path / "sub" / "tokenizer.json"
    TOKENIZER.save(path)
    loaded = Tokenizer.load(path)
    assert loaded.to_json() == TOKENIZER.to_json()
    assert loaded.encode(TEXTS[0]) == TOKENIZER.encode(TEXTS[0])
    assert loaded.vocab_size == 400


def test_the_file_holds_what_a_page_needs_and_no_added_token():
    content = json.loads(TOKENIZER.to_json())
    vocab, merges = content["model"]["vocab"], content["model"]["merges"]
    assert vocab[END_OF_TEXT] == END_OF_TEXT_ID
    assert sorted(vocab.values()) == list(range(400))
    # 1 end of text, 256 bytes, and one entry a merge
    assert len(merges) == 400 - 257
    assert content["added_tokens"] == []
    assert content["pre_tokenizer"]["add_prefix_space"] is False


def test_a_plain_reading_of_the_file_gives_the_same_ids():
    """The algorithm that the page runs: lowest-ranked merge first, within a word."""
    content = json.loads(TOKENIZER.to_json())["model"]
    vocab = content["vocab"]
    rank = {tuple(pair): number for number, pair in enumerate(content["merges"])}
    pieces = list("Ġlighthouse")
    while True:
        ranks = [rank.get(pair, len(rank)) for pair in pairwise(pieces)]
        if not ranks or min(ranks) == len(rank):
            break
        place = ranks.index(min(ranks))
        pieces[place : place + 2] = ["".join(pieces[place : place + 2])]
    assert [vocab[piece] for piece in pieces] == TOKENIZER.encode(" lighthouse")


@given(st.lists(st.sampled_from([" a", "b", "  ", "\n\n", "'s", " !", "é", "9"]), max_size=80))
def test_cutting_a_long_text_changes_no_token(parts):
    text = "".join(parts)
    whole = TOKENIZER.encode(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer_module, "_CHUNK", 7)
        assert TOKENIZER.encode(text) == whole


def test_bad_arguments_are_named(tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    for ask, message in (
        (lambda: Tokenizer.train(TEXTS, 256), "vocab_size must be at least 257, got 256"),
        (lambda: TOKENIZER.decode(np.array([1, 400])), r"id must be in 0\.\.399, got 400"),
        (lambda: Tokenizer.load(tmp_path / "no.json"), "path must be an existing tokenizer JSON"),
        (lambda: Tokenizer.load(tmp_path / "bad.json"), "path must be a tokenizer JSON file"),
        (lambda: TOKENIZER.encode("a \ud800 b"), "text must be Unicode without lone surrogates"),
    ):
        with pytest.raises(ValueError, match=message):
            ask()
