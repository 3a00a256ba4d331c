"""Figures of speed, roofs and growing texts say what their data show."""

import re

import numpy as np
import pytest

from mosa_edu.viz import style
from mosa_edu.viz.charts import alt_text, caption
from mosa_edu.viz.charts.routing import growing_text, lost
from mosa_edu.viz.charts.speed import roofline, step_speed

AGAIN = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1]], dtype=bool)
KEPT = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 1]], dtype=bool)


def steps(**changes):
    ratios = {
        "straight": (1.0, 1.0),
        "sorted": (1.4, 1.4),
        "rows": (1.5, 1.07),
        "package": (1.5, 1),
    }
    return [
        {"batch": 1, "T": 64, "sparsity": 8, "pass": which, "step": name, "gain": gain}
        | {"ratio": ratio, "ratio_low": ratio - 0.1, "ratio_high": ratio + 0.2}
        | changes
        for which in ("forward", "forward + backward")
        for name, (ratio, gain) in ratios.items()
    ]


def roof():
    rows = [
        ("product", "peak", 100, 1, 1),
        ("copy", "peak", 0, 20, 2),
        ("gather", "operation", 0, 5, 1),
    ]
    rows += [("score", "operation", 10, 2, 1), ("layer", "layer", 60, 1, 1)]
    names = ("name", "group", "mflop", "mb", "milliseconds")
    return [dict(zip(names, row, strict=True)) | {"roof": 1.0} for row in rows]


FIGURES = {
    "speed": lambda: step_speed(steps()),
    "roof": lambda: roofline(roof()),
    "growing": lambda: growing_text({"again": AGAIN, "prefix": KEPT}, ["a", " <b>", "c", "d"]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_colours_are_the_books_and_every_figure_can_be_heard(name):
    figure = FIGURES[name]()
    known = {*style.dark_of_light(), style.CLEAR}
    for colour in re.findall(r'"(#[0-9a-fA-F]+|rgba?\([^)]*\))"', figure.to_json()):
        assert colour.lower() in known
    assert alt_text(figure).endswith(caption(figure))


def test_caption_names_the_whole_and_the_largest_step():
    """The largest step is the one with the largest gain on the step before, not the last one."""
    said = caption(step_speed(steps()))
    assert "forward 1.50 times as fast [1.40, 1.70], the largest step “sorted” (1.40)" in said
    figure = step_speed(steps())
    assert list(figure.layout.yaxis.ticktext) == ["straight", "+ sorted", "+ rows", "package"]
    assert list(figure.data[0].x) == [1.4, 1.5, 1.5]


def test_roof_bends_where_memory_gives_way_to_arithmetic():
    """Dots are measured against the roof above them, memory on its left."""
    figure = roofline(roof())
    assert caption(figure) == (
        "The machine computes 100 GFLOP and moves 10 GB a second, so below 10.0 FLOPs a byte it "
        "waits for memory. Of its roof reaches: score 20%, layer 60%."
    )
    line = figure.data[0]
    assert list(line.x)[:2] == [1.0, 10.0]
    assert list(line.y) == [10.0, 100.0, 100.0]
    assert [trace.name for trace in figure.data[1:]] == ["score", "layer"]  # no FLOPs, no place


def test_seats_that_are_lost_are_counted_where_they_go():
    """A token that never sat, or that still sits, has lost nothing."""
    assert np.argwhere(lost(AGAIN)).tolist() == [[2, 0], [3, 2]]
    assert not lost(KEPT).any()
    figure = FIGURES["growing"]()
    assert caption(figure) == (
        "One head while a text grows to 4 tokens. again: 2 seats are lost again, 2 held. "
        "prefix: no seat is ever lost, 3 held."
    )
    words = [note.text for note in figure.layout.annotations]
    assert words == ["<b>again</b><br>2 seats lost", "<b>prefix</b><br>nobody leaves"]
    assert any("&lt;b>" in text for trace in figure.data for text in trace.text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step_speed([*steps(), *steps(T=128)]), "rows must be of one size"),
        (lambda: roofline(roof()[1:]), "with both peaks"),
        (lambda: growing_text({"one": KEPT}, "abcd"), "rules must be two rules"),
        (lambda: growing_text({"a": KEPT, "b": KEPT.T}, "abcd"), "b must be seats of tokens 0"),
        (lambda: growing_text({"a": KEPT, "b": KEPT}, "abc"), "a must be of shape"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
