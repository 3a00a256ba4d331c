"""Charts of losses, gains, costs and speed draw the numbers given and name every line.

A wrong version that must fail: a gain with the wrong sign, milliseconds of one model drawn as
another's, names that overlap, lines that only their colour tells apart.
"""

import numpy as np
import pytest
from chart_data import COSTS, LENGTHS
from test_long_context import records
from test_records import make_run

from mosa_edu.analysis import GainCurve, long_context_rows, recorded_long_context
from mosa_edu.costs import HeadFlops, HeadShape, head_flops
from mosa_edu.viz import charts, style
from mosa_edu.viz.charts.costs import cost_parts, equal_flops, kv_pairs, perplexity_vs_parameters
from mosa_edu.viz.charts.parts import _apart, line_styles
from mosa_edu.viz.charts.speed import UNITS, cost_of_long_texts, roofline, step_speed
from mosa_edu.viz.charts.training import gains_by_position, gains_on_rivals


def test_losses_are_thinned_to_means_and_named():
    curve = [[i, 100 * i, 8 - i / 1000] for i in range(1, 1201)]
    runs = [
        make_run(name="mosa", train_curve=curve),
        make_run(name="dense", train_curve=curve[:50], validation={"64": {"loss": 6.123}}),
    ]
    figure = charts.loss_curves(runs, unigram=6.5)
    line = figure.data[0]
    assert len(line.x) == 150
    np.testing.assert_allclose(line.y.mean(), np.mean([c[2] for c in curve]), atol=1e-3)
    assert len(figure.data[1].x) == 50
    assert [note.text for note in figure.layout.annotations] == ["mosa", "dense", "unigram 6.50"]


def test_losses_on_held_out_text_and_of_runs_that_diverged():
    extra = {"validation_curve": [[1, 32, 7.0, 0.1], [2, 64, 6.0, 0.1]]}
    figure = charts.loss_curves([make_run(extra=extra)], held_out=True)
    assert figure.data[0].y.tolist() == [7.0, 6.0]
    lost = {"status": "diverged", "train_curve": [[1, 32, 6.0], [2, 64, np.nan]]}
    figure = charts.loss_curves([make_run(name="lost", **lost, validation={})])
    assert figure.data[0].x.tolist() == [32]


def test_gains_are_drawn_kind_by_kind_and_seed_by_seed():
    tokens = np.array([0.0, 1e5, 2e6])
    curves = [
        GainCurve("mosa", (0, 1), tokens, np.array([[3.0, 0.1, 0.02], [1.0, 0.2, 0.04]])),
        GainCurve("fixed", (0,), tokens[1:], np.array([[-0.2, -0.06]])),
    ]
    figure = charts.gain_lines(curves)
    drawn = {line.name: list(line.y) for line in figure.data if line.name}
    assert drawn == {"mosa": [0.03], "fixed": [-0.06]}
    assert [list(line.y) for line in figure.data if not line.name] == [[0.02], [0.04]]
    low, high = figure.layout.yaxis.range
    assert low < -0.06 < 0.04 < high


def test_costs_are_drawn_as_given():
    figure = charts.cost_vs_length(LENGTHS, COSTS)
    assert [line.y.tolist() for line in figure.data] == list(COSTS.values())


def test_names_at_line_ends_do_not_overlap():
    moved = _apart([100.0, 101.0, 102.0, 300.0])
    assert moved == [86.0, 101.0, 116.0, 300.0]
    assert _apart([50.0, 0.0]) == [50.0, 0.0]


def test_lines_are_told_apart_without_colour():
    styles = line_styles(["dense", "mosa", "fixed", "random", "mosa seed 1"])
    assert len({(line["color"], line["dash"]) for line in styles}) == 5
    assert styles[1]["color"] == style.LIGHT.pick
    assert styles[0]["color"] == style.LIGHT.ink


def heads():
    shapes = {
        rho: HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=rho) for rho in (2, 256)
    }
    sparse = {rho: head_flops("mosa", shape) for rho, shape in shapes.items()}
    return head_flops("dense", shapes[2]), sparse


def test_parts_of_every_head_add_up_to_all_of_it():
    figure = cost_parts(*heads())
    for bars in zip(*(bar.y for bar in figure.data), strict=True):
        assert sum(bars) == pytest.approx(100, abs=0.02)
    routing = dict(zip(figure.data[2].x, figure.data[2].y, strict=True))
    assert routing["dense"] == 0
    assert routing["256"] == pytest.approx(100 * (2 * 512 * 1024 + 64 * 4) / 2_101_504, abs=0.01)


def test_multiples_pairs_and_models_are_drawn_as_given():
    figure = equal_flops([2, 16, 256], {"parameters": [1.2, 5.0, 37.0], "KV": [1.17, 1.4, 0.999]})
    assert figure.data[1].y.tolist() == [1.17, 1.4, 0.999]
    assert [(shape.y0, shape.y1) for shape in figure.layout.shapes] == [(1, 1)]
    bars = kv_pairs({"dense": (9216, 0), "matched": (4096, 544)}).data
    assert [list(bar.x) for bar in bars] == [[9216, 4096], [0, 544]]
    dense, hybrids = {"small": (1e6, 20.0), "large": (1e8, 5.0)}, {"small": [(1e7, 11.0)]}
    lines = perplexity_vs_parameters(dense, hybrids).data
    assert [list(line.x) for line in lines] == [[1e6, 1e7], [1e6, 1e8]]


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
    assert list(figure.data[0].x) == pytest.approx([-0.15, 0.3])
    assert list(figure.data[1].x) == pytest.approx([-0.2, 0.4]), "at the few positions"


def test_gains_by_position_are_those_on_local_heads():
    figure = gains_by_position(rows(local=0.4, fixed=0.1))
    lines = {line.name: list(line.y) for line in figure.data}
    assert lines["mosa"] == pytest.approx([0.0, 0.4])
    assert lines["fixed"] == pytest.approx([0.0, 0.3])
    assert list(figure.layout.xaxis.ticktext) == ["0", "16"]


def test_numbers_below_many_ranges_do_not_touch():
    """Catches 512 and 1,024 in one word on a phone."""
    figure = gains_by_position(long_context_rows(recorded_long_context()))
    ticks = list(figure.layout.xaxis.ticktext)
    assert (ticks[-1], ticks[-2], len(ticks)) == ("1,024", "", 8)
    assert list(figure.data[0].x) == list(range(8))


def test_costs_of_long_texts_are_drawn_by_model():
    figure = cost_of_long_texts(costs())
    drawn = {line.name: list(line.y) for line in figure.data}
    assert drawn == {"routing": [100, 200], "mosa": [150, 300], "dense": [400, 800]}
    assert list(figure.layout.yaxis.ticktext) == ["50", "100", "200", "500", "1,000"]


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
    rows = [("product", "peak", 100, 1, 1), ("copy", "peak", 0, 20, 2)]
    rows += [("gather", "operation", 0, 5, 1), ("score", "operation", 10, 2, 1)]
    rows += [("layer", "layer", 60, 1, 1)]
    names = ("name", "group", "mflop", "mb", "milliseconds")
    return [dict(zip(names, row, strict=True)) | {"roof": 1.0} for row in rows]


def test_every_change_is_compared_with_the_straight_way():
    figure = step_speed(steps())
    assert list(figure.layout.yaxis.ticktext) == ["straight", "+ sorted", "+ rows", "package"]
    assert list(figure.data[0].x) == [1.4, 1.5, 1.5]


def test_roof_bends_where_memory_gives_way_to_arithmetic():
    """Dots are measured against the roof above them, memory on its left."""
    figure = roofline(roof())
    line = figure.data[0]
    assert list(line.x)[:2] == [1.0, 10.0]
    assert list(line.y) == [10.0, 100.0, 100.0]
    assert [trace.name for trace in figure.data[1:]] == ["score", "layer"]  # no FLOPs, no place


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cost_parts(HeadFlops(attention=1), {}), "sparse must be at least one head"),
        (lambda: cost_parts(HeadFlops(attention=1), {8: HeadFlops()}), "cost of 8 must be more"),
        (lambda: equal_flops([4, 2], {"a": [1, 1]}), "sparsities must be"),
        (lambda: equal_flops([2, 4], {}), "multiples must be at least one"),
        (lambda: equal_flops([2, 4], {"a": [1, 0]}), r"multiples\['a'\] must be 2 positive"),
        (lambda: kv_pairs({"dense": (1, 0)}), "at least two"),
        (lambda: perplexity_vs_parameters({"small": (1e6, 20.0)}, {}), "at least two models"),
        (lambda: cost_of_long_texts(costs(), "nosuch"), "measure must be one of"),
        (lambda: cost_of_long_texts([]), "rows must be at least one"),
        (lambda: gains_on_rivals(rows()), "rows must be with rivals"),
        (lambda: gains_by_position(rows(fixed=0.1)), "rows must be with local among them"),
        (lambda: step_speed([*steps(), *steps(T=128)]), "rows must be of one size"),
        (lambda: roofline(roof()[1:]), "with both peaks"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
