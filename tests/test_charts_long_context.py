"""Figures of long texts draw the records given, and there is no figure where there is no record.

A wrong implementation that must fail: a gain with the wrong sign, seconds of one model drawn as
another's, an empty frame where nothing was recorded.
"""

import re

import pytest
from test_long_context import records

from mosa_edu.analysis import long_context_rows, recorded_long_context
from mosa_edu.viz import charts, style
from mosa_edu.viz.charts.speed import UNITS, cost_of_long_texts, gains_by_position, gains_on_rivals

MOSA = [[4.0, 3.0], [4.4, 3.4], [4.0, 3.0], [4.8, 3.8]]


def rows(**above):
    """Rows of MoSA and of kinds that lie above it by so much after the first sixteen positions."""
    others = {kind: [[a, b + more] for a, b in MOSA] for kind, more in above.items()}
    return long_context_rows(records({"mosa": MOSA, **others}))


def costs():
    numbers = {"routing": 100.0, "mosa": 150.0, "dense": 400.0}
    return [
        {"T": T, "model": name, **dict.fromkeys(UNITS, value * T / 1024)}
        for T in (1024, 2048)
        for name, value in numbers.items()
    ]


def test_gains_have_the_sign_of_the_lower_loss_and_name_the_rival():
    figure = gains_on_rivals(rows(routing=0.4, fixed=-0.2))
    assert list(figure.layout.yaxis.ticktext) == ["on fixed", "on routing"]
    every = figure.data[0]
    assert list(every.x) == pytest.approx([-0.15, 0.3])
    assert charts.caption(figure) == (
        "Gain of MoSA at 64 tokens in nats per token, 2 seeds. On fixed -0.150 [-0.150, -0.150]; "
        "at the few positions where futures are hidden -0.200 in full view, -0.200 without a "
        "future and -0.200 with another. On routing 0.300 [0.300, 0.300]; at the few positions "
        "where futures are hidden 0.400 in full view, 0.400 without a future and 0.400 with "
        "another."
    )


def test_gains_by_position_are_those_on_local_heads():
    figure = gains_by_position(rows(local=0.4, fixed=0.1))
    lines = {line.name: list(line.y) for line in figure.data}
    assert lines["mosa"] == pytest.approx([0.0, 0.4])
    assert lines["fixed"] == pytest.approx([0.0, 0.3])
    assert list(figure.layout.xaxis.ticktext) == ["0", "16"]
    assert "positions 16 to 63: mosa 0.000 [0.000, 0.000] and 0.400" in charts.caption(figure)


def test_numbers_below_many_ranges_do_not_touch():
    """Catches 512 and 1,024 in one word on a phone."""
    figure = gains_by_position(long_context_rows(recorded_long_context()))
    ticks = list(figure.layout.xaxis.ticktext)
    assert (ticks[-1], ticks[-2], len(ticks)) == ("1,024", "", 8)
    assert list(figure.data[0].x) == list(range(8))


def test_costs_are_drawn_by_model_with_routing_as_the_measure():
    figure = cost_of_long_texts(costs())
    assert {line.name: list(line.y) for line in figure.data} == {
        "routing": [100.0, 200.0],
        "mosa": [150.0, 300.0],
        "dense": [400.0, 800.0],
    }
    said = charts.caption(figure)
    assert "as a share of routing" in said
    assert said.endswith(
        "FLOPs at 2,048 tokens: not above those of routing; mosa has 1.5 times as many; dense has "
        "4.0 times as many."
    )
    assert charts.alt_text(figure).count(said) == 1
    assert charts.alt_text(figure).count("as a share of") == 1
    assert list(figure.layout.yaxis.ticktext) == ["50", "100", "200", "500", "1,000"]
    with pytest.raises(ValueError, match="measure must be one of"):
        cost_of_long_texts(costs(), "nosuch")


def test_no_record_is_no_figure():
    assert cost_of_long_texts([]) is None
    assert gains_on_rivals([]) is gains_by_position([]) is None
    assert gains_on_rivals(rows()) is gains_by_position(rows()) is None, "nobody to compare with"
    assert gains_by_position(rows(fixed=0.1)) is None, "local heads alone are not there"


@pytest.mark.parametrize(
    "make",
    [
        lambda: cost_of_long_texts(costs()),
        lambda: gains_on_rivals(rows(local=0.1)),
        lambda: gains_by_position(rows(local=0.1)),
    ],
)
def test_colours_are_the_books_and_the_alternative_text_is_whole(make):
    figure = make()
    known = {*style.dark_of_light(), style.CLEAR}
    for colour in re.findall(r'"(#[0-9a-fA-F]+|rgba?\([^)]*\))"', figure.to_json()):
        assert colour.lower() in known, colour
    assert charts.alt_text(figure).endswith(charts.caption(figure))
