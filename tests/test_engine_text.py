"""Protects the page's tokenizer: ids, spans and cuts equal Python's on any Unicode text."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_engine import texts, well_formed
from tokenizers import pre_tokenizers

from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.pretrained import merges_of
from mosa_edu.texts import PROBES

ENCODE = """(texts) => texts.map((text) => {
  const spans = tokenizer.spans(text);
  return [tokenizer.encode(text), spans.map((span) => [span.id, span.text, span.start, span.end])];
})"""


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train([*PROBES.values(), "的的 的的的 éé été 😀😀 😀😀", *texts(60)[:9]], 700)


@pytest.fixture(scope="module")
def page(engine_page, tokenizer):
    engine_page.call("(m) => { window.tokenizer = new mosa.Tokenizer(m); }", merges_of(tokenizer))
    return engine_page


def assert_same(page, tokenizer, samples):
    for text, (ids, spans) in zip(samples, page.call(ENCODE, samples), strict=True):
        expected = well_formed(text)
        assert ids == tokenizer.encode(expected), text
        assert [tuple(span) for span in spans] == [tuple(s) for s in tokenizer.spans(expected)]


def test_ids_and_spans_equal_python_on_every_sort_of_text(page, tokenizer):
    assert_same(page, tokenizer, texts(300, seed=1))


@settings(max_examples=25)
@given(st.lists(st.text(max_size=60), min_size=8, max_size=8))
def test_ids_and_spans_equal_python_on_any_text(page, tokenizer, samples):
    assert_same(page, tokenizer, samples)


def test_long_words_merge_as_in_python_and_fast(page, tokenizer):
    rng = random.Random(0)
    letters = "".join(rng.choice("abcdefghinorst") for _ in range(60_000))
    assert_same(page, tokenizer, [letters, "ab" * 30_000])


def test_every_character_is_cut_from_its_neighbours_as_in_python(page):
    # All but the inside of the great blocks of ideographs, where every code point is a letter.
    blocks = ((0, 0x3500), (0x9F00, 0xD800), (0xE000, 0x20100), (0x32300, 0x33500))
    assigned = [point for low, high in blocks for point in range(low, high)]
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    for start in range(0, len(assigned), 30_000):
        part = [chr(point) for point in assigned[start : start + 30_000]]
        text = "".join(f"a{character}1{character} {character}'s" for character in part)
        cuts = [end for _, (_, end) in splitter.pre_tokenize_str(text)]
        ours = page.call(
            """(text) => {
              let end = 0;
              return Array.from(text.matchAll(tokenizer.pattern), ([word]) => {
                end += Array.from(word).length;
                return end;
              });
            }""",
            text,
        )
        assert ours == cuts


def test_decoding_gives_back_the_text_and_pieces_of_characters_are_marked(page, tokenizer):
    samples = [well_formed(text) for text in texts(120, seed=2)]
    round_trip = "(texts) => texts.map((text) => tokenizer.decode(tokenizer.encode(text)))"
    assert page.call(round_trip, samples) == samples
    size, pieces = page.call(
        "() => [tokenizer.size, tokenizer.bytes.map((_, id) => tokenizer.piece(id))]"
    )
    assert size == tokenizer.vocab_size == len(pieces)
    for token in range(1, size):
        text = tokenizer.decode([token])
        assert pieces[token]["whole"] == ("\ufffd" not in text)
        if pieces[token]["whole"]:
            assert pieces[token]["text"] == text
        else:
            assert len(bytes.fromhex(pieces[token]["text"])) == tokenizer.byte_lengths[token]
