"""Figures of the last chapter draw the numbers given, and their captions count right."""

import re

import pytest

from mosa_edu.viz import charts, style
from mosa_edu.viz.charts.costs import kv_pairs, perplexity_vs_parameters

NBSP = "\N{NO-BREAK SPACE}"
PAIRS = {"dense": (9216, 0), "matched": (4096, 544), "equal FLOPs": (4096, 8080)}
DENSE = {"small": (1e6, 20.0), "large": (1e8, 5.0)}
HYBRIDS = {"small": [(1e7, 11.0), (1e7, 9.0), (1e9, 4.0)], "large": [(2e8, 6.0)]}


def test_bars_hold_the_pairs_and_the_caption_compares_with_the_first():
    figure = kv_pairs(PAIRS)
    assert [list(bar.x) for bar in figure.data] == [[9216, 4096, 4096], [0, 544, 8080]]
    assert charts.caption(figure) == (
        f"dense: 9,216 pairs; matched: 4,640, 50{NBSP}% fewer, MoSA heads hold 544; "
        f"equal FLOPs: 12,176, 32{NBSP}% more, MoSA heads hold 8,080."
    )


def test_models_are_compared_where_the_dense_line_reaches():
    """Catches extrapolation, and interpolation of what is not logarithmic: 10 lies on the line."""
    figure = perplexity_vs_parameters(DENSE, HYBRIDS)
    assert charts.caption(figure) == (
        "At equal FLOPs 3 of 4 hybrids are below their dense model. At equal parameters, where "
        "the dense line reaches, 1 of 2 are."
    )
    assert list(figure.data[0].x) == [1e6, 1e7, 1e7, 1e9]


@pytest.mark.parametrize("figure", [kv_pairs(PAIRS), perplexity_vs_parameters(DENSE, HYBRIDS)])
def test_colours_are_the_books_and_the_alternative_text_is_whole(figure):
    known = {*style.dark_of_light(), style.CLEAR}
    for colour in re.findall(r'"(#[0-9a-fA-F]+|rgba?\([^)]*\))"', figure.to_json()):
        assert colour.lower() in known, colour
    assert charts.alt_text(figure).endswith(charts.caption(figure))


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        kv_pairs({"dense": (1, 0)})
    with pytest.raises(ValueError, match="at least two models"):
        perplexity_vs_parameters({"small": (1e6, 20.0)}, {})
    with pytest.raises(ValueError, match="among"):
        perplexity_vs_parameters(DENSE, {"medium": [(1e7, 9.0)]})
