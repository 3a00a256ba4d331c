"""The generated stories are the same everywhere and keep their promises."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosa_edu.data import stories as words
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.stories import SplitMix64, agreement, brackets, load_stories, owners, quotation

KNOWN = "aedce221d06620a128016326d6d08e188e3e8a269669ebf8a9a1b620328d6c31"
CORPUS = load_corpus("stories", n_stories=1000)
STORIES = [*CORPUS.texts("train"), *CORPUS.texts("validation")]

seeds = st.integers(0, 2**64 - 1)


def test_a_thousand_stories_have_a_known_hash():
    assert CORPUS.fingerprint() == KNOWN


def test_splitmix_gives_the_published_numbers():
    rng = SplitMix64(1234567)
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [rng.next() for _ in range(3)] == published


@given(seeds, st.integers(1, 50))
def test_samples_are_different_items_and_below_is_below(seed, size):
    rng = SplitMix64(seed)
    assert sorted(rng.sample(range(size), size)) == list(range(size))
    assert 0 <= rng.below(size) < size


def test_a_larger_corpus_begins_with_the_smaller():
    small = load_stories(100)
    assert CORPUS.train[: len(small.train)] == small.train
    assert CORPUS.validation[: len(small.validation)] == small.validation
    assert load_stories(100, seed=1).train != small.train


def test_stories_are_varied_and_held_out_ones_are_new():
    assert len(CORPUS.validation) == 50
    assert len(set(STORIES)) == 1000
    assert len({story[:60] for story in STORIES}) > 800


def test_quotes_and_brackets_close_and_articles_are_right_in_every_story():
    for paragraph in "\n\n".join(STORIES).split("\n\n"):
        assert paragraph.isascii()
        assert "  " not in paragraph
        assert paragraph.count('"') % 2 == 0
        inner = "".join(c for c in paragraph if c in "([)]")
        while inner != (inner := inner.replace("()", "").replace("[]", "")):
            pass
        assert inner == ""
        for article, word in pairwise(paragraph.split()):
            if article in ("a", "an"):
                assert (article == "an") == (word[0] in "aeiou"), (article, word)


@given(seeds, st.integers(0, 4))
def test_agreement_has_attractors_of_the_other_number_only(seed, distance):
    sentence = agreement(SplitMix64(seed), distance).removesuffix(".").split()
    verbs = {"was": 0, "were": 1} | {
        form: i for verb in words.HABITS for i, form in enumerate(verb[:2])
    }
    at = next(i for i, word in enumerate(sentence) if word in verbs)
    last, plural_verb = sentence[at - 1], verbs[sentence[at]] == 1
    ones, many = ({noun[i] for noun in (*words.PLACES, *words.THINGS)} for i in (0, 1))
    assert sum(word in words.NEAR for word in sentence[:at]) == distance
    # The noun just before the verb misleads, unless it is the subject itself.
    assert (last in many) == (plural_verb == (distance == 0))
    assert (last in ones) != (last in many)


@given(seeds, st.integers(1, 6))
def test_quotation_and_brackets_close_what_they_open(seed, distance):
    quote = quotation(SplitMix64(seed), words.PEOPLE[0], distance)
    assert quote.count('"') == 2
    assert quote.endswith('."')
    assert quote.count(". ") == distance - 1
    bracket = brackets(SplitMix64(seed), distance)
    assert bracket.index("(") < bracket.index("[") < bracket.index("])")


def test_owners_have_different_colours_and_bad_arguments_are_named():
    told = owners(SplitMix64(3), words.PEOPLE[:4], "kite")
    assert len(set(told[1])) == 4
    with pytest.raises(ValueError, match="n_stories must be at least 20, got 3"):
        load_stories(3)
    with pytest.raises(ValueError, match=r"distance must be in 0\.\.4, got 5"):
        agreement(SplitMix64(0), 5)
