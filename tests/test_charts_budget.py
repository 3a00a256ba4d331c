"""Figures of what a budget buys draw the numbers given, and their captions are true."""

import re

import pytest

from mosa_edu.costs import HeadFlops, HeadShape, head_flops
from mosa_edu.viz import charts, style
from mosa_edu.viz.charts.costs import cost_parts, equal_flops

NBSP = "\N{NO-BREAK SPACE}"


def heads():
    shapes = {
        rho: HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=rho) for rho in (2, 256)
    }
    sparse = {rho: head_flops("mosa", shape) for rho, shape in shapes.items()}
    return head_flops("dense", shapes[2]), sparse


def figures():
    ratios = {"parameters": [1.2, 5.0, 37.0], "KV pairs": [1.17, 1.4, 0.999]}
    return {"parts": cost_parts(*heads()), "equal": equal_flops([2, 16, 256], ratios)}


def test_parts_of_every_head_add_up_to_all_of_it():
    figure = figures()["parts"]
    for bars in zip(*(bar.y for bar in figure.data), strict=True):
        assert sum(bars) == pytest.approx(100, abs=0.02)
    routing = dict(zip(figure.data[2].x, figure.data[2].y, strict=True))
    assert routing["dense"] == 0
    assert routing["256"] == pytest.approx(100 * (2 * 512 * 1024 + 64 * 4) / 2_101_504, abs=0.01)
    assert charts.caption(figure) == (
        f"Of its FLOPs a dense head spends 50{NBSP}% on attention, 50{NBSP}% on projections; "
        f"at sparsity 256 a head spends 0.19{NBSP}% on attention, 50{NBSP}% on projections, "
        f"50{NBSP}% on scores and gates."
    )


def test_multiples_are_drawn_as_given_and_the_largest_is_named():
    figure = figures()["equal"]
    assert figure.data[1].y.tolist() == [1.17, 1.4, 0.999]
    assert [(shape.y0, shape.y1) for shape in figure.layout.shapes] == [(1, 1)]
    assert charts.caption(figure) == (
        "With the FLOPs of the dense model: parameters up to 37 times (sparsity 256), "
        "KV pairs up to 1.4 times (sparsity 16)."
    )


def test_both_stay_in_the_books_colours_and_say_what_they_draw():
    for name, figure in figures().items():
        known = {*style.dark_of_light(), style.CLEAR}
        for colour in re.findall(r'"(#[0-9a-fA-F]+|rgba?\([^)]*\))"', figure.to_json()):
            assert colour.lower() in known, f"{name}: {colour}"
        assert charts.alt_text(figure).endswith(charts.caption(figure)), name
        assert figure.layout.xaxis.fixedrange, name
        assert figure.layout.yaxis.fixedrange, name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cost_parts(HeadFlops(attention=1), {}), "sparse must be at least one head"),
        (lambda: cost_parts(HeadFlops(attention=1), {8: HeadFlops()}), "cost of 8 must be more"),
        (lambda: equal_flops([4, 2], {"a": [1, 1]}), "sparsities must be"),
        (lambda: equal_flops([2, 4], {}), "multiples must be at least one"),
        (lambda: equal_flops([2, 4], {"a": [1, 0]}), r"multiples\['a'\] must be 2 positive"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
