"""Kinds of tokens are named by rule, and the sentence over a figure is true of every head."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from page_words import describe, word_around
from test_records import make_trace

from mosa_edu.records import Token
from mosa_edu.viz.words import (
    finding,
    kind_that_stands_out,
    load_kinds,
    specialists,
    token_kinds,
    token_labels,
)

TEXTS = ["The", " first", " th", "ird", " of", " the", " men", ",", " a", " watch", "man", "."]
PERCENT = "\N{NO-BREAK SPACE}%"


def kinds_at(position, texts=TEXTS):
    return set(token_kinds(texts)[position])


def test_kinds_of_tokens():
    """' a' of ' abbot' is no article, 'It' of 'Italy' no pronoun, and emoji no punctuation."""
    for position, kinds in {
        **{0: {"article", "capital"}, 3: {"piece"}, 10: {"piece"}, 4: {"preposition"}},
        **{7: {"punctuation"}, 11: {"punctuation"}, 1: set(), 9: set()},
    }.items():
        assert kinds_at(position) == kinds, TEXTS[position]
    for position, texts, kinds in (
        (0, [" a", "bbot"], set()),
        (0, ["It", "aly"], {"capital"}),
        (0, ["I", "'m"], {"pronoun", "capital"}),
        (0, [" a", "!"], {"article"}),
        (1, ["né", "gligé"], {"piece"}),
        (0, ["Ёлка"], {"capital"}),
        (1, ["e", "\N{COMBINING ACUTE ACCENT}t"], {"piece"}),
        *((0, [text], {"punctuation"}) for text in ("。", "…!")),
        *((0, [text], set()) for text in ("☃", " 😀", "+", "\ufffd")),
        *((1, ["a", text, "b"], set()) for text in ("", " ", "\n\n", "\N{IDEOGRAPHIC SPACE}")),
    ):
        assert kinds_at(position, texts) == kinds, texts


def test_labels_and_words():
    assert token_labels(TEXTS)[:5] == ["The", "first", "th", "·ird", "of"]
    for position, around in {2: ["", "th", "ird"], 3: ["th", "ird", ""], 7: ["", ",", ""]}.items():
        assert word_around(TEXTS, position) == around


def test_kind_that_stands_out_is_named_with_its_share_and_the_others():
    found = describe(TEXTS, 3, 11, [0, 3, 5, 8], [5, 0, 8, 3])
    assert found.sentence == "Layer 3, head 11 keeps 4 of 12 tokens: 3 are articles."
    assert found.detail == f"Articles are 25{PERCENT} of the text. The other pick: ·ird."
    assert (found.kind, found.count) == ("article", 3)
    found = describe(TEXTS, 0, 0, [1, 3, 6, 10], [1, 3, 6, 10])
    assert found.sentence == "Layer 0, head 0 keeps 4 of 12 tokens: 2 are word pieces."
    assert found.detail.endswith("The other 2 picks: first, men.")


def test_findings_of_other_sorts():
    assert describe(TEXTS, 0, 0, [7, 11], []).what == ": all are punctuation marks."
    for ranked in ([1, 4], [4]):
        assert describe(TEXTS, 0, 0, ranked, ranked[1:]).what == ": 1 is a preposition."
    who = "Layer 1, head 2 keeps 3 of 12 tokens"
    found = describe(TEXTS, 1, 2, [1, 6, 9], [6, 1, 9])  # no kind stands out
    assert found.sentence == f"{who}, first of all men."
    assert found.detail == "Next in its ranking: first, watch."
    found = describe(TEXTS, 1, 2, [1, 6, 9], [])
    assert (found.sentence, found.detail) == (f"{who}.", "Its picks: first, men, watch.")
    assert describe(TEXTS, 0, 1, [], []).sentence == "Layer 0, head 1 keeps no token."
    assert describe(TEXTS[:2], 0, 1, [0, 1], []).sentence == "Layer 0, head 1 keeps all 2 tokens."
    assert describe(["a"], 0, 1, [0], []).sentence == "Layer 0, head 1 keeps the only token."


def test_thresholds_hold_exactly():
    """40 % of the picks counts; 1.8 times the share of the text counts."""
    words = [" cat"] * 20
    texts = [" the", " the", *words]
    assert kind_that_stands_out(texts, [0, 1, 2, 3, 4])[0] == "article"  # 2 of 5
    assert kind_that_stands_out(texts, [0, 1, 2, 3, 4, 5])[0] is None  # 2 of 6
    texts = [" the"] * 5 + [" cat"] * 4  # share 5 / 9; all of the picks is exactly 1.8 times it
    assert kind_that_stands_out(texts, [0, 1, 2])[0] == "article"
    assert kind_that_stands_out([*texts[:-1], " the"], [0, 1, 2])[0] is None


def test_most_picks_wins_and_draws_go_to_the_first_kind():
    texts = ["The", " cat", " cat", " cat", " Rome", " cat", " cat", " cat"]
    assert kind_that_stands_out(texts, [0, 4])[0] == "capital"  # 2, and 1 article
    assert kind_that_stands_out(texts, [0, 1])[0] == "article"  # 1 and 1


def test_list_of_kinds_is_sound():
    kinds = load_kinds()
    words = [word for kind in kinds for word in kind.get("words", ())]
    assert len(words) == len(set(words))
    assert all(word == word.lower() and word.isascii() for word in words)
    by_rule = {kind["key"] for kind in kinds if "words" not in kind}
    assert by_rule == {"punctuation", "piece", "capital"}


VOCABULARY = ["The", " the", " of", " cat", "s", ",", "\n", " and", " I", "", " Rome", ".", " th"]


@given(st.data())
def test_every_sentence_is_true(data):
    """Counts and percentages are recounted by hand, over random texts and picks."""
    texts = data.draw(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=40))
    picks = sorted(data.draw(st.sets(st.integers(0, len(texts) - 1), min_size=1)))
    found = describe(texts, 0, 0, picks, data.draw(st.permutations(picks)))
    kinds = token_kinds(texts)
    if found.kind is None:
        assert found.count == 0
        return
    count = sum(found.kind in kinds[position] for position in picks)
    share = sum(found.kind in kind for kind in kinds) / len(texts)
    assert found.count == count
    assert count / len(picks) >= 0.4 - 1e-12
    assert count / len(picks) >= 1.8 * share - 1e-12
    said = found.detail.partition(PERCENT)[0].rpartition(" ")[2]
    assert abs(int(said) - 100 * share) <= 0.5 + 1e-9
    assert (f": {count} " in found.sentence) or (count == len(picks) and ": all " in found.what)


def test_a_head_is_named_by_its_tokens():
    tokens = [Token(0, text, 0, 0) for text in TEXTS]
    indices = np.array([[[7, 11], [1, 2]]], np.uint16)
    trace = make_trace(T=12, k=2, layers=1, heads=2, tokens=tokens, indices=indices)
    assert finding(trace, 0, 0).sentence == (
        "Layer 0, head 0 keeps 2 of 12 tokens: all are punctuation marks."
    )
    assert finding(trace, 0, 1).sentence == "Layer 0, head 1 keeps 2 of 12 tokens."


def test_specialists_name_heads_whose_own_finding_says_so():
    tokens = [Token(0, text, 0, 0) for text in TEXTS * 3]
    trace = make_trace(T=36, k=4, layers=3, heads=8, tokens=tokens)
    rows = specialists(trace)
    assert rows
    assert len({row.kind for row in rows}) == len(rows)
    shares = []
    for row in rows:
        found = finding(trace, row.layer, row.head)
        assert found.kind == row.kind
        shares.append(found.count)
        for layer, head in np.ndindex(3, 8):
            other = finding(trace, layer, head)
            assert other.kind != row.kind or other.count <= found.count
    assert shares == sorted(shares, reverse=True)
