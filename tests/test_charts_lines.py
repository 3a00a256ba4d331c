"""Figures of losses, gains and costs hold what they were given and name every line in words."""

import numpy as np
from chart_data import COSTS, LENGTHS, NBSP
from test_records import make_run

from mosa_edu.analysis import GainCurve
from mosa_edu.viz import charts, style
from mosa_edu.viz.charts.parts import _apart, line_styles


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
    assert charts.caption(figure) == (
        "Loss on held-out text of 64 tokens: mosa 5.90, dense 6.12 nats per token. "
        "Knowing only how frequent each token is gives 6.50."
    )


def test_losses_on_held_out_text_and_of_runs_that_diverged():
    extra = {"validation_curve": [[1, 32, 7.0, 0.1], [2, 64, 6.0, 0.1]]}
    figure = charts.loss_curves([make_run(extra=extra)], held_out=True)
    assert figure.data[0].y.tolist() == [7.0, 6.0]
    lost = {"status": "diverged", "train_curve": [[1, 32, 6.0], [2, 64, np.nan]]}
    figure = charts.loss_curves([make_run(name="lost", **lost, validation={})])
    assert figure.data[0].x.tolist() == [32]
    assert "lost 6.00" in charts.caption(figure)
    gone = make_run(**lost, validation={"64": {"loss": None}})
    assert "mosa has diverged" in charts.caption(charts.loss_curves([gone]))


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
    assert charts.caption(figure) == (
        "Nats gained on dense after 2.00 M tokens: "
        "mosa +0.030 (2 seeds, +0.020 to +0.040); fixed -0.060 (1 seed)."
    )
    low, high = figure.layout.yaxis.range
    assert low < -0.06 < 0.04 < high


def test_costs_are_compared_with_the_first_kind():
    figure = charts.cost_vs_length(LENGTHS, COSTS)
    assert charts.caption(figure) == (
        f"FLOPs per head as a share of dense, at 64 and at 256 tokens: "
        f"mosa 10{NBSP}% and 5.0{NBSP}%; fixed 5.0{NBSP}% and 2.0{NBSP}%."
    )
    assert [line.y.tolist() for line in figure.data] == list(COSTS.values())
    alone = charts.cost_vs_length(LENGTHS, {"dense": [1, 2, 4]}, unit="KV slots")
    assert charts.caption(alone) == "From 64 to 256 tokens, KV slots of dense grow 4 times."


def test_names_at_line_ends_do_not_overlap():
    moved = _apart([100.0, 101.0, 102.0, 300.0])
    assert moved == [86.0, 101.0, 116.0, 300.0]
    assert _apart([50.0, 0.0]) == [50.0, 0.0]


def test_lines_are_told_apart_without_colour():
    styles = line_styles(["dense", "mosa", "fixed", "random", "mosa seed 1"])
    assert len({(line["color"], line["dash"]) for line in styles}) == 5
    assert styles[1]["color"] == style.LIGHT.pick
    assert styles[0]["color"] == style.LIGHT.ink
