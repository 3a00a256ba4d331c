"""Protects the comparison of long texts: pairs of seeds and windows, and what is measured.

A wrong implementation that must fail: gains of other seeds or windows taken for a pair, a mean over
ranges of positions that forgets how many positions each has, and long runs among those of isoflop.
"""

import dataclasses

import numpy as np
import pytest
from record_toys import run, score

from mosa_edu.analysis import (
    Records,
    long_context_rows,
    recorded_long_context,
    recorded_plan,
    recorded_runs,
)
from mosa_edu.analysis.tables import EVERY, span_name
from mosa_edu.bench.models import long_context_rows as measured_rows
from mosa_edu.claims import Evidence, statements
from mosa_edu.config import ModelConfig
from mosa_edu.costs import model_flops
from mosa_edu.experiments.plans import load_plan
from mosa_edu.records.probe import ProbeRecord


def models(T: int) -> dict[str, ModelConfig]:
    """Models of one length whose heads keep 8 tokens, in the shape of micro."""
    changes = {"top_k": 8, "baseline.preset": "micro", "baseline.max_seq_len": T}
    return load_plan("long_context", changes).models()


def test_every_length_is_measured_against_routing():
    """Catches times of one length divided by those of another."""
    rows = measured_rows({T: models(T) for T in (32, 64)}, rounds=3)
    assert [row["T"] for row in rows] == [32] * 5 + [64] * 5
    for row in rows:
        assert (row["time"] == row["forward_time"] == 1.0) == (row["model"] == "routing")
        assert row["peak_bytes"] > row["saved_bytes"] > 0
    by_name = {(row["T"], row["model"]): row for row in rows}
    assert by_name[64, "dense"]["kv_slots"] == 4 * 64
    assert by_name[64, "mosa"]["kv_slots"] == 8 * (2 + by_name[64, "mosa"]["n_sparse_heads"])


def test_no_record_is_no_row_and_twins_are_not_among_them(tmp_path):
    assert recorded_plan(tmp_path) == Records([], {}, {})
    assert long_context_rows(recorded_plan(tmp_path)) == []
    assert not [run.name for run in recorded_runs() if run.name.startswith("long-")]
    assert all(run.name.startswith("long-") for run in recorded_long_context().runs)


def long_run(kind, seed, loss=9.0, **changes):
    """A run on texts of 64 tokens."""
    config = models(64)[kind]
    flops = model_flops(config).total / 64
    model = dataclasses.asdict(config)
    return run(kind, seed, loss, model=model, flops_per_token=flops, **changes)


def records(losses: dict[str, list[list[float]]], seeds=(0, 1), spans=((0, 15), (16, 63)), **more):
    """Records by kind: loss of each range of positions in each of four windows of two books."""
    runs, scores_, probes = [], {}, {}
    for kind, by_window in losses.items():
        for seed in seeds:
            record = long_run(kind, seed, **more)
            runs.append(record)
            moved = np.array(by_window) + 0.01 * seed
            rows = [{"first": a, "last": b, "loss": 0.0} for a, b in spans]
            series = {"books": [0, 0, 1, 1], "losses": moved.tolist()}
            settings = {"run": record.name}
            probes[record.name] = ProbeRecord("positions", record.name, settings, rows, series)
            scores_[record.name] = score(record.name, moved[:, 1])
    return Records(runs, scores_, probes)


def test_gains_pair_seeds_and_windows_and_weigh_positions():
    """A quarter of the positions is in the first range: its mean must not count for half."""
    mosa = [[4.0, 3.0], [4.4, 3.4], [4.0, 3.0], [4.8, 3.8]]
    local = [[a, b + 0.4] for a, b in mosa]
    rows = long_context_rows(records({"local": local, "mosa": mosa}))
    assert [row.kind for row in rows] == ["mosa", "local"]
    assert rows[0].loss().mean == pytest.approx(0.25 * 4.3 + 0.75 * 3.3 + 0.005)
    gain = rows[0].gain_on(rows[1])
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.3, 0.3, 0.3)), "windows are paired"
    assert rows[0].gain_on(rows[1], span_name((0, 15))).mean == pytest.approx(0.0)
    assert rows[0].gain_on(rows[1], "foreign").mean == pytest.approx(0.4)
    assert rows[0].gain_on(rows[1], EVERY) == gain
    with pytest.raises(ValueError, match="measure must be one of"):
        rows[0].loss("nosuch")


def judged(losses: dict[str, float], seeds=(0, 1, 2)) -> str:
    """Verdict on the claim about perplexity from one run of each kind and seed."""
    runs = [
        long_run(kind, seed, loss + 0.01 * seed + 0.001 * (seed == 2))
        for kind, loss in losses.items()
        for seed in seeds
    ]
    return statements.lowest_perplexity(Evidence(long_context=Records(runs))).verdict


def test_the_claim_needs_seeds_and_a_gain_on_both_rivals():
    """Catches a verdict from one rival, from one seed, or from twins of shorter texts."""
    assert judged({"mosa": 3.7, "fixed": 3.8, "routing": 3.9}) == "reproduced small"
    assert judged({"mosa": 3.7, "fixed": 3.8, "routing": 3.6}) == "contradicted"
    assert judged({"mosa": 3.7, "fixed": 3.8}) == "not decided yet"
    assert judged({"mosa": 3.7, "fixed": 3.8, "routing": 3.9}, seeds=(0,)) == "not decided yet"
    assert statements.lowest_perplexity(Evidence()).verdict == "not decided yet"
    cost = statements.cheaper(Evidence())
    assert (cost.verdict, round(cost.numbers["longest"], 2)) == ("direction only", 22.96)


def test_runs_that_are_no_pair_give_no_gain():
    flat = [[4.0, 3.0]] * 4
    first = records({"mosa": flat}, seeds=(0,))
    later = records({"local": flat}, seeds=(1,))
    joined = Records(
        [*first.runs, *later.runs], first.scores | later.scores, first.probes | later.probes
    )
    mosa, local = sorted(long_context_rows(joined), key=lambda row: row.kind)[::-1]
    assert (mosa.kind, mosa.gain_on(local)) == ("mosa", None)
    (other,) = long_context_rows(records({"local": flat}, recipe="longer"))
    with pytest.raises(ValueError, match="trained by the same recipe"):
        mosa.gain_on(other)
    assert long_context_rows(first._replace(scores={})) == [], "not scored yet"
    assert long_context_rows(records({"mosa": flat}, status="diverged")) == []
