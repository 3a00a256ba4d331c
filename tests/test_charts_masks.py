"""Charts of masks draw the pairs and weights that they were given, and nothing that looks ahead."""

import re

import numpy as np
from figure_pages import refuses

from mosa_edu.viz import style
from mosa_edu.viz.charts import alt_text
from mosa_edu.viz.charts.masks import Mask, dense_map, growing_text, lost, mask_zoo

TEXTS = ["The", " <b>", ",", " a", " b", " c"]
WEIGHTS = np.tril(np.ones((3, 3))) / np.arange(1, 4)[:, None]
AGAIN = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1]], dtype=bool)
KEPT = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 1]], dtype=bool)
DENSE = np.tri(6, dtype=bool)
LOCAL = DENSE & ~np.tri(6, k=-2, dtype=bool)


def among(*kept):
    mask = np.zeros((6, 6), dtype=bool)
    mask[np.ix_(kept, kept)] = True
    return mask & DENSE


def zoo():
    masks = [
        Mask("Dense", "every token", DENSE),
        Mask("Local", "the last 2", LOCAL),
        Mask("Fixed", "every 2nd", among(0, 2, 4)),
        Mask("MoSA", "3 best", among(0, 1, 5), sees_ahead=True),
    ]
    return masks, mask_zoo(masks, TEXTS, query=4)


def cells(figure, axis, colour):
    """The cells that a panel fills with a colour, as a mask."""
    found = np.zeros((6, 6), dtype=bool)
    for shape in figure.layout.shapes:
        if shape.xref == axis and shape.fillcolor == colour:
            for left, top, right in re.findall(r"M(\d+),(\d+)H(\d+)V", shape.path):
                found[int(top), int(left) : int(right)] = True
    return found


def test_every_panel_fills_its_pairs_and_the_studied_row_in_another_colour():
    """Catches a run that swallows a gap, and a row drawn twice."""
    masks, figure = zoo()
    studied = (np.arange(6) == 4)[:, None]
    for number, mask in enumerate(masks):
        axis = "x" if number == 0 else f"x{number + 1}"
        orange = cells(figure, axis, style.LIGHT.cursor)
        np.testing.assert_array_equal(orange, mask.pairs & studied)
        if number > 0:
            blue = cells(figure, axis, style.LIGHT.pick)
            np.testing.assert_array_equal(blue, mask.pairs & ~studied)
    grey = [s.xref for s in figure.layout.shapes if s.fillcolor == style.LIGHT.dense]
    assert grey == ["x"]


def test_notes_count_pairs_and_say_who_sees_ahead():
    _, figure = zoo()
    assert alt_text(figure).startswith("4 squares of 6 by 6 pairs")
    words = [note.text for note in figure.layout.annotations]
    assert words[6:] == ["<b>MoSA</b> 3 best", "6 pairs ✕ sees ahead"]
    assert words[1] == "21 pairs ✓ causal"
    assert [len(line.text) for line in figure.data] == [5, 2, 3, 0], "keys of the studied row"


def test_squares_are_square_and_stay_apart():
    """Two masks compare by eye only if both have the same side."""
    _, figure = zoo()
    sides = set()
    for number in range(4):
        x, y = (figure.layout[f"{name}axis{number + 1 if number else ''}"] for name in "xy")
        assert (tuple(x.range), tuple(y.range)) == ((0, 6), (6, 0))
        assert y.scaleanchor == ("x" if number == 0 else f"x{number + 1}")
        assert x.fixedrange
        assert y.fixedrange
        sides.add((round(x.domain[1] - x.domain[0], 6), round(y.domain[1] - y.domain[0], 6)))
    assert len(sides) == 1
    assert figure.layout.yaxis3.domain[1] < figure.layout.yaxis.domain[0]


def test_markup_in_a_token_is_not_read():
    masks, _ = zoo()
    assert "“&lt;b>” at 1" in mask_zoo(masks, TEXTS, query=1).layout.title.text


def test_what_cannot_be_compared_is_refused():
    refuses("masks must be at least one", mask_zoo, [], TEXTS, 0)
    for pairs, query, message in (
        (DENSE, 6, r"query must be in \[0, 6\)"),
        (DENSE[:5], 0, r"A must be of shape \(6, 6\)"),
        (DENSE.T, 0, "A must be a mask below the diagonal"),
    ):
        refuses(message, mask_zoo, [Mask("A", "", pairs)], TEXTS, query)
    for rules, message in (
        ({"one": KEPT}, "rules must be two rules"),
        ({"a": KEPT, "b": KEPT.T}, "b must be a mask below the diagonal"),
        ({"a": KEPT, "b": KEPT[:3]}, r"b must be of shape \(4, 4\)"),
    ):
        refuses(message, growing_text, rules, "abcd")
    refuses("causal", dense_map, WEIGHTS.T, ["a", "b", "c"], "x")
    refuses("of shape", dense_map, WEIGHTS, ["a", "b"], "x")


def test_tokens_that_lose_their_place_are_counted_where_they_go():
    """A token that was never selected, or that still is, has lost nothing."""
    assert np.argwhere(lost(AGAIN)).tolist() == [[2, 0], [3, 2]]
    assert not lost(KEPT).any()
    figure = growing_text({"again": AGAIN, "prefix": KEPT}, ["a", " <b>", "c", "d"])
    words = [note.text for note in figure.layout.annotations]
    assert words == ["<b>again</b><br>2 seats lost", "<b>prefix</b><br>nobody leaves"]
    assert any("&lt;b>" in text for trace in figure.data for text in trace.text)


def test_dense_weights_are_drawn_in_percent_below_the_diagonal():
    figure = dense_map(WEIGHTS, ["a", " b", " c"], "A head")
    z = [list(row) for row in figure.data[0].z]
    assert z == [[100, None, None], [50, 50, None], [33, 33, 33]]
