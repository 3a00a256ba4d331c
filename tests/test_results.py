"""Tables say what the records say: pairing by seed and window, and intervals that cover."""

import numpy as np
import pytest
from record_toys import run, score, scored

from mosa_edu.analysis import (
    Group,
    coin_flip_rows,
    gain_curves,
    recorded_probes,
    recorded_runs,
    recorded_scores,
    score_difference,
    score_gap,
    text_interval,
    variant_rows,
    variant_table,
)
from mosa_edu.analysis.groups import command_of, groups_of
from mosa_edu.cli.main import main

GAIN = {"dense": (4.0, 4.0), "mosa": (3.6, 3.9)}


def rows_of(kinds, **options):
    return {row.kind: row for row in variant_rows(*scored(kinds, **options))}


def joined(*parts):
    """Return runs and scores of several toys as those of one table."""
    return [r for runs, _ in parts for r in runs], {k: v for _, s in parts for k, v in s.items()}


def test_gains_pair_seeds_and_leave_failed_runs_out():
    """Catches pairing by position: seed 1 of dense is missing, seed 2 must meet seed 2."""
    groups = groups_of(
        [
            run("mosa", 0, 3.5),
            run("mosa", 1, 3.0, status="diverged"),
            run("mosa", 2, 3.6),
            run("mosa", 2, 9.9, name="zz"),
            run("dense", 2, 4.0),
            run("dense", 0, 3.8),
            run("fixed", 0, 3.0, comparison=None),
        ]
    )
    mosa, dense = sorted(groups, key=lambda group: group.losses)
    assert (mosa.kind, mosa.seeds, mosa.losses) == ("mosa", (0, 2), (3.5, 3.6))
    gains = mosa.gains_on(dense)
    assert {seed: float(gain[0]) for seed, gain in gains.losses.items()} == pytest.approx(
        {0: 0.3, 2: 0.4}
    )
    assert mosa.loss().mean == pytest.approx(3.55)
    with pytest.raises(ValueError, match="trained by the same recipe"):
        mosa.gain_on(groups_of([run("dense", 0, 4.0, recipe="longer")])[0])
    with pytest.raises(ValueError, match="measure must be one of"):
        mosa.loss("full")
    assert mosa.only([0]).gain_on(dense.only([2])) is None


def test_gain_curves_pair_seeds_at_the_steps_that_both_have():
    """Catches pairing by position, and a step that only one of the two was evaluated at."""

    def seen(kind, seed, points, **changes):
        curve = [[step, 100 * step, loss, 0.01] for step, loss in points.items()]
        return run(kind, seed, 4.0, extra={"validation_curve": curve}, **changes)

    runs = [
        seen("mosa", 1, {0: 7.0, 2: 5.5, 4: 4.0}),
        seen("mosa", 0, {0: 7.0, 1: 6.0, 4: 4.5}),
        seen("dense", 0, {0: 7.0, 2: 6.0, 4: 5.0}),
        seen("dense", 1, {0: 7.0, 2: 6.0, 4: 4.25}),
        seen("fixed", 0, {0: 7.0, 4: 5.25}),
        seen("random", 0, {0: 7.0, 4: 1.0}, status="diverged"),
        seen("prefix", 2, {0: 7.0, 4: 1.0}),
    ]
    mosa, fixed = gain_curves(runs)
    assert (mosa.kind, mosa.seeds, fixed.kind) == ("mosa", (0, 1), "fixed")
    assert mosa.tokens.tolist() == [0, 400]
    np.testing.assert_allclose(mosa.gains, [[0.0, 0.5], [0.0, 0.25]])
    assert fixed.mean.tolist() == [0.0, -0.25]


def test_the_interval_of_one_models_text_covers_about_as_often_as_it_says():
    """Catches a spread over all blocks at once: books differ by far more than their blocks do."""
    generator = np.random.default_rng(1)
    books = np.repeat(np.arange(4), 25)
    level = np.repeat([-3.0, 1.0, -1.0, 3.0], 25)
    found = [text_interval(level + generator.normal(size=100), books) for _ in range(400)]
    assert 368 <= sum(interval.holds_zero for interval in found) <= 393
    assert np.mean([interval.half for interval in found]) < 0.25


def test_scores_are_paired_by_window():
    mosa, dense = score("mosa", [[3.0], [3.5], [3.5]]), score("dense", 3.25)
    assert score_difference(mosa, dense, "full").mean == pytest.approx(0.25)
    assert score_difference(mosa, dense, "prefix").mean == pytest.approx(-0.25)
    assert score_gap(mosa, "foreign").mean == pytest.approx(0.5)
    other = score("other", 1, books=(0, 1, 1, 1))
    with pytest.raises(ValueError, match="scored on the windows of"):
        score_difference(mosa, other, "full")
    runs = [run("dense", seed, 4.0, name=name) for seed, name in enumerate(("mosa", "other"))]
    with pytest.raises(ValueError, match="scored on the windows of mosa"):
        groups_of(runs, {"mosa": mosa, "other": other})


def test_shipped_records_can_be_read():
    """A record that no table can read must not ship; all in this folder are of plans."""
    assert all(record.comparison for record in recorded_runs())
    assert all(name for name in recorded_scores())


def test_variants_are_shares_of_the_claimed_gain():
    """Catches a share of a kind's own gain, and pairs of different seeds (windows are shifted)."""
    rows = rows_of(GAIN | {"prefix": (3.8, 3.8), "random": (4.4, 4.4)})
    assert rows["mosa"].gains["full"].mean == pytest.approx(0.4, abs=1e-6)
    assert rows["mosa"].shares["prefix"].mean == pytest.approx(0.25, abs=1e-5)
    assert rows["prefix"].shares["full"].mean == pytest.approx(0.5, abs=1e-5)
    assert rows["prefix"].seeds == (0, 1, 2)
    loss, gain = rows["mosa"].loss("full"), rows["mosa"].gains["full"]
    assert loss.high - loss.low > 0.2
    assert gain.high - gain.low < 1e-5
    assert rows["dense"].shares == {}
    assert "25% [25%, 25%] of the claimed gain" in rows["mosa"].verdict("prefix")
    assert rows["random"].verdict("full").endswith("worse than dense"), "a loss is no share"


def test_what_may_be_zero_gets_no_share():
    """Catches a share of nothing: a ratio of two gains that may both be 0."""
    rows = rows_of(GAIN | {"prefix": (4.0, 4.0)}, noise=0.2)
    assert "full" not in rows["prefix"].shares
    assert rows["prefix"].verdict("full").endswith("not told apart from 0")
    nothing = {"dense": (4.0, 4.0), "mosa": (4.0, 4.0), "prefix": (3.8, 3.8)}
    rows = rows_of(nothing, noise=0.2)
    assert rows["prefix"].shares == {}
    assert "no share: the claimed gain is not told apart from 0" in rows["prefix"].verdict("full")
    assert "  equal flops, sparsity 8, 3 seeds of 1,000 tokens" in variant_table([*rows.values()])


def test_only_the_papers_hybrid_at_equal_flops_claims_a_gain():
    """Catches shares of the gain of MoSA alone, without the seat, or at equal parameters."""
    variants = {"mosa_only": (3.2, 3.2), "no_sink": (3.2, 3.2), "dense_ablation": (4.4, 4.4)}
    rows = rows_of(GAIN | variants)
    assert rows["mosa"].shares["full"].mean == pytest.approx(1.0)
    for kind, label in (
        ("mosa_only", "mosa alone: 0+3 heads"),
        ("no_sink", "mosa without the seat of token 0: 2+3 heads"),
    ):
        assert rows[kind].shares["full"].mean == pytest.approx(2.0, abs=1e-5)
        assert label in variant_table([rows[kind]])
    control = rows["dense_ablation"]
    assert control.gains["full"].mean == pytest.approx(-0.4, abs=1e-5), "it is not the baseline"
    text = variant_table([control])
    assert text.startswith("1 dense heads alone: 1+0 heads")
    assert "\n  fewer FLOPs, 3 seeds of 1,000 tokens\n" in text
    mosa = rows_of(GAIN, match="parameters")["mosa"]
    assert mosa.shares == {}
    assert "no share: the claimed gain is not told apart from 0" in mosa.verdict("full")


def test_models_of_other_recipes_are_not_paired():
    """Catches dense runs of other lengths: more tokens would look like a better layer."""
    runs, scores = joined(
        scored({"dense": (4.0, 4.0)}, recipe="longer"), scored({"mosa": (3.6, 3.9)})
    )
    rows = {row.kind: row for row in variant_rows(runs, scores)}
    assert rows["mosa"].gains == {}
    assert rows["mosa"].verdict("full") == "no dense model of the same seed"


def test_one_seed_borrows_how_seeds_vary_from_the_other_models():
    """Catches a whisker of windows alone: it would be as narrow as that of three seeds."""
    whole, part = scored(GAIN, noise=0.05), scored({"prefix": (3.8, 3.8)}, seeds=(0,), noise=0.05)
    rows = {row.kind: row for row in variant_rows(*joined(whole, part))}
    assert rows["prefix"].paired == 1
    three, one = (rows[kind].gains["full"].half for kind in ("mosa", "prefix"))
    assert one > 1.3 * three
    alone = rows_of(GAIN, seeds=(0,))
    assert alone["mosa"].verdict("full").endswith("not told apart from 0")
    assert "no interval" in alone["mosa"].verdict("full")
    assert alone["mosa"].shares == {}


def test_rows_name_the_command_that_makes_them_again():
    """Catches a flag that is left out: another match, another sparsity, other seeds."""

    def asked(kind, **options):
        plan = options.pop("plan", "isoflop")
        runs = [run(kind, seed, 4.0, **options) for seed in (0, 2)]
        for record in runs:
            object.__setattr__(record.comparison, "plan", plan)
        return command_of(runs).removeprefix("mosa-edu experiment run ")

    assert asked("mosa") == "isoflop --only mosa --seeds 0,2"
    assert asked("no_sink") == "isoflop --only no_sink --seeds 0,2"
    assert asked("mosa", sparsity=16) == "isoflop --only mosa --set sparsity=16 --seeds 0,2"
    parameters = "isoflop --only fixed --set match=parameters --seeds 0,2"
    assert asked("fixed", match="parameters") == parameters
    pair = "pair --set search.guess=3 --set search.resolution=3 --seeds 0,2"
    assert asked("mosa", match="loss", plan="pair") == pair
    assert asked("mosa", plan="cloze") == "isoflop", "as it was run"
    for row in variant_rows(recorded_runs(), recorded_scores()):
        assert main([*row.command.split()[1:], "--dry-run"]) == 0


def test_coin_flips_tell_who_sees_the_future():
    """Catches a sign: above guessing is no news from anywhere."""
    rows = coin_flip_rows(recorded_probes())
    assert {row.sees_the_future for row in rows if row.kind == "mosa"} == {True}
    assert not any(row.sees_the_future for row in rows if row.kind != "mosa")
    assert min(row.stderrs_below for row in rows if row.kind == "mosa") > 10
    assert rows[0].kind == "mosa"
    assert "standard errors below ln V" in str(rows[0])
    assert all(abs(row.below) < 0.002 for row in rows if row.kind != "mosa")


def test_a_group_says_what_its_model_is():
    (found,) = groups_of([run("local_hybrid", 0, 4.0)])
    assert isinstance(found, Group)
    assert (found.label, found.n_local_heads) == ("mosa beside local heads", 2)
