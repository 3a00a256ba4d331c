"""Tables say what the records say: pairing by seed and window, and intervals that cover."""

import dataclasses

import numpy as np
import pytest

from mosa_edu.analysis import (
    bootstrap_mean,
    coin_flip_rows,
    gain_curves,
    gain_interval,
    recorded_probes,
    recorded_runs,
    recorded_scores,
    repair_rows,
    repair_table,
    score_difference,
    score_gap,
    twin_rows,
)
from mosa_edu.analysis.groups import again
from mosa_edu.cli.main import main
from mosa_edu.records import RunRecord
from mosa_edu.records.scores import ScoreRecord


def run(kind: str, seed: int, loss: float, status: str = "finished") -> RunRecord:
    return RunRecord(
        name=f"{kind}-{seed}",
        command="mosa-edu compare",
        commit=None,
        seed=seed,
        model={
            "sparse": "mosa" if kind == "dense" else kind,
            "n_sparse_heads": 0 if kind == "dense" else 3,
            "n_dense_heads": 2,
            "include_first": True,
        },
        training={},
        data={},
        n_parameters=10,
        hardware="",
        wall_seconds=1.0,
        tokens_seen=100,
        train_curve=[],
        validation={"32": {"loss": 9.0}, "256": {"loss": loss}},
        status=status,
    )


def test_gain_curves_pair_seeds_at_the_steps_that_both_have():
    """Catches pairing by position, and a step that only one of the two was evaluated at."""

    def seen(kind: str, seed: int, points: dict[int, float], status: str = "finished") -> RunRecord:
        curve = [[step, 100 * step, loss, 0.01] for step, loss in points.items()]
        return dataclasses.replace(run(kind, seed, 4.0, status), extra={"validation_curve": curve})

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


def test_gains_pair_seeds_and_leave_failed_runs_out():
    """Catches pairing by position: seed 1 of dense is missing, seed 2 must meet seed 2."""
    rows = twin_rows(
        [
            run("mosa", 0, 3.5),
            run("mosa", 1, 3.0, status="diverged"),
            run("mosa", 2, 3.6),
            run("dense", 2, 4.0),
            run("dense", 0, 3.8),
        ]
    )
    assert [row.kind for row in rows] == ["mosa", "dense"]
    assert rows[0].gains == pytest.approx((0.3, 0.4))
    assert rows[0].loss == pytest.approx(3.55)
    assert rows[1].gains == (0.0, 0.0)


def test_bootstrap_covers_the_mean_about_as_often_as_it_says():
    """Catches a bootstrap of single tokens or of the wrong tail."""
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(4), 25)
    inside = 0
    for _ in range(200):
        interval = bootstrap_mean(generator.normal(size=100), groups, draws=400)
        inside += interval.low <= 0.0 <= interval.high
    assert 176 <= inside <= 199


def score(name: str, full: float, prefix: float, books=(0, 0, 1)) -> ScoreRecord:
    losses = np.array([full, prefix, prefix], np.float32)[:, None, None] + np.zeros((3, 3, 2))
    return ScoreRecord(
        name=name,
        titles=["a", "b"],
        books=np.array(books, np.uint8),
        cuts=[3, 7],
        losses=losses.astype(np.float32),
        draws=1,
        fingerprint="f",
    )


def test_scores_are_paired_by_window():
    mosa, dense = score("mosa", 3.0, 3.5), score("dense", 3.25, 3.25)
    assert score_difference(mosa, dense, "full").mean == pytest.approx(0.25)
    assert score_difference(mosa, dense, "prefix").mean == pytest.approx(-0.25)
    assert score_gap(mosa, "foreign").mean == pytest.approx(0.5)
    with pytest.raises(ValueError, match="scored on the windows of"):
        score_difference(mosa, score("dense", 1, 1, books=(0, 1, 1)), "full")


def test_shipped_records_can_be_read():
    """A record that no table can read must not ship."""
    assert all(record.status for record in recorded_runs())
    assert all(name for name in recorded_scores())


def twins(kinds: dict[str, tuple[float, float]], seeds=(0, 1, 2), noise=0.0):
    """Runs and scores by kind: full loss and loss with the future hidden; windows scatter."""
    books = np.repeat(np.arange(2, dtype=np.uint8), 20)
    runs, scores = [], {}
    for kind, (full, hidden) in kinds.items():
        for seed in seeds:
            name = f"{kind}-flops-8-seed{seed}"
            record = dataclasses.replace(run(kind, seed, full), name=name)
            record.model["sparsity"] = 8
            runs.append(record)
            generator = np.random.default_rng([seed, len(kind)])
            hard = np.random.default_rng(seed).normal(size=(1, 40, 1))  # the same for all kinds
            own = noise * generator.normal(size=(1, 40, 1))
            base = np.array([full, hidden, hidden])[:, None, None]
            losses = (base + hard + own + np.zeros((3, 40, 2))).astype(np.float32)
            scores[name] = ScoreRecord(name, ["a", "b"], books, [3, 7], losses, 1, "f")
    return runs, scores


def test_repairs_are_shares_of_the_claimed_gain():
    """Catches a share of a kind's own gain, and pairs of different seeds (windows are shifted)."""
    kinds = {"dense": (4.0, 4.0), "mosa": (3.6, 3.9), "prefix": (3.8, 3.8)}
    rows = {row.kind: row for row in repair_rows(*twins(kinds))}
    assert rows["mosa"].gains["full"].mean == pytest.approx(0.4, abs=1e-6)
    assert rows["mosa"].shares["prefix"].mean == pytest.approx(0.25, abs=1e-5)
    assert rows["prefix"].shares["full"].mean == pytest.approx(0.5, abs=1e-5)
    assert rows["prefix"].seeds == (0, 1, 2)
    assert rows["mosa"].losses["full"].high - rows["mosa"].losses["full"].low > 0.2
    assert rows["mosa"].gains["full"].high - rows["mosa"].gains["full"].low < 1e-5
    assert rows["dense"].shares == {}
    assert "25% [25%, 25%] of the claimed gain" in rows["mosa"].verdict("prefix")


def test_a_loss_is_no_share_of_a_gain():
    """Catches "-100% of the claimed gain" for a kind that is worse than dense."""
    kinds = {"dense": (4.0, 4.0), "mosa": (3.6, 3.9), "random": (4.4, 4.4)}
    rows = {row.kind: row for row in repair_rows(*twins(kinds))}
    assert rows["random"].verdict("full").endswith("worse than dense")


def test_rows_name_the_command_that_makes_them_again():
    """Catches a flag that is left out: another match, another sparsity, other seeds."""

    def named(name: str) -> str:
        runs = [dataclasses.replace(run("mosa", s, 4.0), name=f"{name}-seed{s}") for s in (0, 2)]
        return again(runs).removeprefix("mosa-edu ")

    assert named("mosa-flops-8") == "compare --kinds mosa --seeds 0,2"
    assert named("free-flops-8") == "compare --kinds free --seeds 0,2"
    assert named("mosa-flops-16") == "compare --kinds mosa --sparsity 16 --seeds 0,2"
    assert named("fixed-parameters-8") == "compare --kinds fixed --match parameters --seeds 0,2"
    assert named("fewer-nothing") == "compare --kinds fewer --seeds 0,2"
    assert (
        named("mosa-loss-8-heads12") == "pair --guess 12 --resolution 12 --sparsity 8 --seeds 0,2"
    )
    assert named("half-mosa-flops-8") == "compare", "a name of another command"
    for row in repair_rows(recorded_runs(), recorded_scores()):
        words = row.again.split()
        assert main([*words[1:], "--dry-run"]) == 0


def test_what_is_not_told_apart_from_zero_gets_no_share():
    """Catches a share of nothing: a ratio of two gains that may both be 0."""
    kinds = {"dense": (4.0, 4.0), "mosa": (3.6, 3.9), "prefix": (4.0, 4.0)}
    rows = {row.kind: row for row in repair_rows(*twins(kinds, noise=0.2))}
    assert "full" not in rows["prefix"].shares
    assert rows["prefix"].verdict("full").endswith("not told apart from 0")
    nothing = {"dense": (4.0, 4.0), "mosa": (4.0, 4.0), "prefix": (3.8, 3.8)}
    rows = {row.kind: row for row in repair_rows(*twins(nothing, noise=0.2))}
    assert rows["prefix"].shares == {}
    assert "no share: the claimed gain is not told apart from 0" in rows["prefix"].verdict("full")
    assert "  equal flops, sparsity 8, 3 seeds of 100 tokens" in repair_table(list(rows.values()))


def test_the_claim_is_the_hybrids_alone():
    """Catches MoSA without dense heads taken for the paper's model: shares of another gain."""
    runs, scores = twins({"dense": (4.0, 4.0), "mosa": (3.6, 3.9)})
    pure, pure_scores = twins({"dense": (4.0, 4.0), "mosa": (3.2, 3.2)})
    for record in pure[3:]:
        record.model["n_dense_heads"] = 0
        name = record.name.replace("mosa", "pure")
        scores[name] = dataclasses.replace(pure_scores[record.name], name=name)
        runs.append(dataclasses.replace(record, name=name))
    rows = {row.label: row for row in repair_rows(runs, scores)}
    assert rows["mosa"].shares["full"].mean == pytest.approx(1.0)
    assert rows["mosa alone"].shares["full"].mean == pytest.approx(2.0, abs=1e-5)
    assert "mosa alone: 0+3 heads" in repair_table(list(rows.values()))


def test_heads_without_the_seat_are_a_row_of_their_own():
    """Catches two models pooled as seeds of one, and a claim taken from the wrong one of them."""
    runs, scores = twins({"dense": (4.0, 4.0), "mosa": (3.6, 3.9)})
    for record in runs[3:]:
        name = record.name.replace("mosa", "free")
        losses = scores[record.name].losses - 0.4
        scores[name] = dataclasses.replace(scores[record.name], name=name, losses=losses)
        model = record.model | {"include_first": False}
        runs.append(dataclasses.replace(record, name=name, model=model))
    rows = {row.label: row for row in repair_rows(runs, scores)}
    assert rows["mosa"].seeds == rows["mosa without the seat of token 0"].seeds == (0, 1, 2)
    assert rows["mosa"].shares["full"].mean == pytest.approx(1.0)
    free = rows["mosa without the seat of token 0"]
    assert free.shares["full"].mean == pytest.approx(2.0, abs=1e-5)


def test_a_control_with_fewer_dense_heads_is_not_the_baseline():
    """Catches gains measured from whichever model without sparse heads was read last."""
    runs, scores = twins({"dense": (4.0, 4.0), "mosa": (3.6, 3.9)})
    for record in runs[:3]:
        name = f"fewer-nothing-seed{record.seed}"
        losses = scores[record.name].losses + 0.4
        scores[name] = dataclasses.replace(scores[record.name], name=name, losses=losses)
        model = record.model | {"n_dense_heads": 1}
        runs.append(dataclasses.replace(record, name=name, model=model))
    rows = {row.label: row for row in repair_rows(runs, scores)}
    control = rows["1 dense heads alone"]
    assert control.gains["full"].mean == pytest.approx(-0.4, abs=1e-5)
    assert rows["mosa"].gains["full"].mean == pytest.approx(0.4, abs=1e-5)
    assert "\n  fewer FLOPs, 3 seeds of 100 tokens\n" in repair_table(list(rows.values()))


def test_twins_of_other_recipes_are_not_paired():
    """Catches dense runs of other lengths: more tokens would look like a better layer."""
    runs, scores = twins({"dense": (4.0, 4.0), "mosa": (3.6, 3.9)})
    for record in runs:
        if record.model["n_sparse_heads"] == 0:
            record.training["steps"] = 2
    rows = {row.kind: row for row in repair_rows(runs, scores)}
    assert rows["mosa"].gains == {}
    assert rows["mosa"].verdict("full") == "no dense model of the same seed"


def test_an_interval_of_three_seeds_covers_as_often_as_it_says():
    """Catches a bootstrap of three seeds, and Student's alone: all seeds share their windows."""
    generator = np.random.default_rng(2)
    books = np.repeat(np.arange(4), 10)
    inside = 0
    for _ in range(300):
        seeds, shared = generator.normal(size=(3, 1)), 3 * generator.normal(size=(1, 40))
        found = gain_interval(seeds + shared + 0.1 * generator.normal(size=(3, 40)), books)
        inside += found.low <= 0.0 <= found.high
    assert 280 <= inside <= 299


def test_fewer_than_three_seeds_decide_nothing():
    """Catches a verdict, or a share, from windows alone: how trainings vary is not in them."""
    kinds = {"dense": (4.0, 4.0), "mosa": (3.6, 3.9), "prefix": (3.8, 3.8)}
    runs, scores = twins(kinds)
    fewer = [run for run in runs if run.model["sparse"] != "prefix" or run.seed < 2]
    rows = {row.kind: row for row in repair_rows(fewer, scores)}
    assert rows["mosa"].shares["prefix"].mean == pytest.approx(0.25, abs=1e-5)
    assert (rows["prefix"].paired, rows["prefix"].shares) == (2, {})
    assert rows["prefix"].verdict("full").endswith("2 seeds decide nothing")
    one = {row.kind: row for row in repair_rows(*twins(kinds, seeds=(0,)))}
    assert one["mosa"].verdict("full").endswith("1 seed decides nothing")
    assert one["mosa"].shares == {}


def test_only_equal_flops_claim_a_gain():
    """Catches "the claimed gain" at equal parameters, for which the paper claims none."""
    runs, scores = twins({"dense": (4.0, 4.0), "mosa": (3.6, 3.9)})
    names = {r.name: r.name.replace("mosa-flops", "mosa-parameters") for r in runs}
    runs = [dataclasses.replace(r, name=names[r.name]) for r in runs]
    scores = {names[n]: dataclasses.replace(s, name=names[n]) for n, s in scores.items()}
    (mosa,) = [row for row in repair_rows(runs, scores) if row.kind == "mosa"]
    assert mosa.shares == {}
    assert "no share: the claimed gain is not told apart from 0" in mosa.verdict("full")


def test_an_interval_over_seeds_knows_how_they_differ():
    """Catches a mean over seeds taken before the bootstrap: equal windows, unequal trainings."""
    groups = np.zeros(30, int)
    by_seed = np.array([np.full(30, 0.1), np.full(30, 0.3)])
    assert bootstrap_mean(by_seed, groups).low == pytest.approx(0.1)
    assert bootstrap_mean(by_seed, groups).mean == pytest.approx(0.2)
    one = bootstrap_mean(by_seed[0], groups)
    assert (one.low, one.high) == pytest.approx((0.1, 0.1))


def test_coin_flips_tell_who_sees_the_future():
    """Catches a sign: above guessing is no news from anywhere."""
    rows = coin_flip_rows(recorded_probes())
    assert {row.sees_the_future for row in rows if row.kind == "mosa"} == {True}
    assert not any(row.sees_the_future for row in rows if row.kind != "mosa")
    assert min(row.stderrs_below for row in rows if row.kind == "mosa") > 10
    assert rows[0].kind == "mosa"
    assert "standard errors below ln V" in str(rows[0])
    assert all(abs(row.below) < 0.002 for row in rows if row.kind != "mosa")
