"""What heads bring: pairs with their own dense heads alone, and what goes with the future."""

import numpy as np
import pytest
from record_toys import scored

from mosa_edu.analysis import (
    ablation_rows,
    head_count_rows,
    long_context_rows,
    recorded_bench,
    recorded_long_context,
    recorded_probe,
    recorded_runs,
    recorded_scores,
)
from mosa_edu.analysis.tables import span_name
from mosa_edu.viz.charts.causality import ablation_gains

KINDS = {"dense": (4.0, 4.0), "mosa": (3.6, 3.9), "prefix": (3.8, 3.8)}
CONTROL = {"dense_ablation": (4.3, 4.3)}


def with_control(kinds, **options):
    """Runs and scores beside dense models of four heads, and of two of them alone."""
    runs, scores = scored(CONTROL | kinds, **options)
    heads = {"dense": 4, "dense_ablation": 2}
    for record in runs:
        record.model["n_dense_heads"] = heads.get(record.comparison.kind, 2)
    return runs, scores


def test_heads_are_paired_with_their_dense_heads_alone():
    """Catches a gain over four dense heads, pairs across seeds (windows are shifted), a sign."""
    rows = {row.label: row for row in ablation_rows(*with_control(KINDS))}
    assert set(rows) == {"2 more dense", "3 mosa", "3 prefix"}
    mosa, prefix = rows["3 mosa"], rows["3 prefix"]
    assert mosa.gains["full"].mean == pytest.approx(0.7, abs=1e-5)
    assert mosa.gains["prefix"].mean == pytest.approx(0.4, abs=1e-5)
    assert mosa.future["prefix"].mean == pytest.approx(0.3, abs=1e-5)
    assert prefix.future["foreign"].mean == pytest.approx(0.0, abs=1e-6)
    assert rows["2 more dense"].gains["full"].mean == pytest.approx(0.3, abs=1e-5)
    assert mosa.seeds == (0, 1, 2)
    np.testing.assert_allclose(mosa.gained["full"].stacked(), np.full((3, 40), 0.7), atol=1e-5)
    assert prefix.gain_on(mosa, "prefix").mean == pytest.approx(0.1, abs=1e-5)
    assert ablation_rows(*scored(KINDS)) == [], "no control"


def test_what_has_other_dense_heads_another_sparsity_or_no_seat_is_kept_apart():
    """Catches models whose dense heads are not those of the control, and seeds of two models."""
    runs, scores = with_control(KINDS)
    others = ("mosa_only", "local_hybrid", "no_sink")
    more = [scored({kind: (3.6, 3.9)}, seeds=(0,)) for kind in others]
    more += [scored({"mosa": (3.6, 3.9)}, seeds=(0,), sparsity=16)]
    more += [scored({"fixed": (3.6, 3.9)}, seeds=(7,))]
    for other, known in more:
        runs, scores = runs + other, scores | known
    found = ablation_rows(runs, scores)
    rows = {row.label: row for row in found}
    assert len(rows) == len(found) == 4
    assert rows["3 mosa"].seeds == (0, 1, 2)
    assert rows["3 mosa without the seat"].seeds == (0,)
    (wide,) = [row for row in ablation_rows(runs, scores, sparsity=16) if row.kind == "mosa"]
    assert wide.seeds == (0,)


def test_the_figure_draws_the_gain_under_each_score():
    runs, scores = with_control(KINDS, noise=0.05)
    rows = ablation_rows([r for r in runs if r.comparison.kind != "prefix" or r.seed == 0], scores)
    figure = ablation_gains(rows)
    seeds, means = figure.data[:2]
    np.testing.assert_allclose(means.x, [r.gains["full"].mean for r in rows], atol=1e-6)
    assert len(seeds.x) == sum(len(row.seeds) for row in rows)
    with pytest.raises(ValueError, match="rows must be at least one"):
        ablation_gains([])


def test_what_the_chapters_and_the_readme_say_holds_of_the_records():
    """Catches prose that new records have made false: shares, who is ahead, a line that falls."""
    rows = {row.label: row for row in ablation_rows(recorded_runs(), recorded_scores())}
    paper, many, causal = (rows[label] for label in ("12 mosa", "26 mosa", "12 prefix"))
    assert all(len(row.seeds) == 3 for row in (paper, many, causal))
    assert min(row.gains["full"].low for row in (paper, causal)) > 0
    assert paper.gains["prefix"].holds_zero
    assert paper.gains["foreign"].holds_zero
    assert min(many.gains["prefix"].low, many.gains["foreign"].low) > 0
    assert rows["2 more dense"].gains["full"].holds_zero, "the control that sees no head"
    assert np.ptp(causal.gained["full"].stacked().mean(axis=1)) < 0.006
    for row in (paper, many):
        for way in ("prefix", "foreign"):
            assert 0.6 < row.gains[way].mean / row.gains["full"].mean < 0.8
            assert row.future[way].low > 0
    for way in ("full", "prefix", "foreign"):
        assert causal.gain_on(many, way).holds_zero
    assert causal.gain_on(paper, "full").holds_zero
    assert causal.gain_on(paper, "prefix").holds_zero
    assert causal.n_parameters == paper.n_parameters
    for rival in ("28 fixed", "28 random", "4 routing"):
        assert rows[rival].gains["full"].high < 0
    hybrids, dense = head_count_rows(recorded_runs())
    losses = [row.mean for row in hybrids if len(row.seeds) == 3]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > dense.mean > losses[-1]
    flops = {r.name: r.flops_per_token for r in recorded_runs()}
    more = flops["prefix-flops-8-seed0"] / flops["mosa-loss-8-heads12-seed0"]
    assert round(more, 2) == 1.15
    by_four = recorded_probe("pair-mosa-8")
    small, whole = (by_four.row(model=name)["parameters"] for name in ("mosa", "dense"))
    assert round(small / whole, 2) == 1.63


def test_what_chapter_7_says_of_long_texts_holds_of_the_records():
    """Catches an order, or a growth along the text, that new seeds have changed."""
    rows = {row.kind: row for row in long_context_rows(recorded_long_context())}
    assert list(rows) == ["mosa", "local", "fixed", "routing"], "lowest first"
    gains = [
        rows["mosa"].gain_on(rows["local"], span_name(span)).mean for span in rows["mosa"].spans
    ]
    assert rows["mosa"].spans[2:4] == ((32, 63), (64, 127))
    assert [round(gain, 2) for gain in gains[2:4]] == [0.01, 0.01]
    assert round(gains[-1], 3) == 0.025


def test_what_chapter_11_says_of_the_match_holds_of_the_record():
    """Catches "a third of the FLOPs" after another benchmark of lengths."""
    lengths = recorded_bench("lengths")
    ours, dense = (lengths.row(T=2048, layer=layer)["gflop"] for layer in ("same FLOPs", "dense"))
    assert 0.3 < ours / dense < 0.37
