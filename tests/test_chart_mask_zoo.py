"""The mask zoo draws the pairs that it counts, and its caption is true of them."""

import re

import numpy as np
import pytest

from mosa_edu.viz import style
from mosa_edu.viz.charts import alt_text, caption
from mosa_edu.viz.charts.masks import Mask, mask_zoo

NBSP = "\N{NO-BREAK SPACE}"
TEXTS = ["The", " <b>", ",", " a", " b", " c"]
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


def test_caption_groups_equal_counts_and_says_who_sees_ahead():
    _, figure = zoo()
    assert caption(figure) == (
        f"The 21 pairs of 6 tokens: all in Dense, 11 (52{NBSP}%) in Local, "
        f"6 (29{NBSP}%) each in Fixed and MoSA. In the row of “b” at 4: "
        "5 in Dense, 2 in Local, 3 in Fixed, none in MoSA. "
        "Later tokens can change an earlier row of MoSA."
    )
    assert alt_text(figure).startswith("4 squares of 6 by 6 pairs")
    words = [note.text for note in figure.layout.annotations]
    assert words[6:] == ["<b>MoSA</b> 3 best", "6 pairs ✕ sees ahead"]
    assert words[1] == "21 pairs ✓ causal"


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


def test_colours_are_the_books_and_markup_in_a_token_is_not_read():
    masks, figure = zoo()
    known = {*style.dark_of_light(), style.CLEAR}
    for colour in re.findall(r'"(#[0-9a-fA-F]+|rgba?\([^)]*\))"', figure.to_json()):
        assert colour.lower() in known
    studied = mask_zoo(masks, TEXTS, query=1)
    assert "&lt;b>" in studied.layout.title.text
    assert "“<b>” at 1:" in caption(studied)


@pytest.mark.parametrize(
    ("masks", "query", "message"),
    [
        ([], 0, "masks must be at least one"),
        ([Mask("A", "", DENSE)], 6, r"query must be in \[0, 6\)"),
        ([Mask("A", "", DENSE[:5])], 0, r"A must be of shape \(6, 6\)"),
        ([Mask("A", "", DENSE.T)], 0, "A must be a mask below the diagonal"),
    ],
)
def test_refusals(masks, query, message):
    with pytest.raises(ValueError, match=message):
        mask_zoo(masks, TEXTS, query)
