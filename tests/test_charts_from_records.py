"""Protects reading the book's figures without torch: all are built from records, in seconds."""

import json
import subprocess
import sys
from pathlib import Path

from figure_pages import refuses

from mosa_edu.analysis import (
    CoinFlipRow,
    coin_flip_rows,
    decoding_rows,
    recorded_probe,
    recorded_probes,
)
from mosa_edu.viz.charts.causality import coin_flip_losses
from mosa_edu.viz.charts.speed import decoding_cost

BUILD_ALL = """
import importlib, inspect, json, pkgutil, re, sys, time
sum(n * n for n in range(10**6))
began = time.process_time()
sum(n * n for n in range(10**6))
unit = time.process_time() - began  # how fast this machine is
began = time.process_time()
sys.modules["torch"] = None  # an import of it now fails
import numpy as np
import plotly.graph_objects as go
from plotly.colors import sequential
from mosa_edu import costs
from mosa_edu.analysis import *
from mosa_edu.records import RunRecord
from mosa_edu.texts import PROBES
from mosa_edu.experiments.plans import load_plan
from mosa_edu.viz import style
sys.path.insert(0, "tests")
import record_toys
from mosa_edu.viz.charts import *
from mosa_edu.viz.charts import causality, costs as prices, masks, parts, routing, speed, training
from mosa_edu.viz.components.leak import LeakProbe
from mosa_edu.viz.components.scrubber import TrainingScrubber

shared = {"parts", "plans"}
known = set()
for found in pkgutil.iter_modules(importlib.import_module("mosa_edu.viz.charts").__path__):
    module = importlib.import_module(f"mosa_edu.viz.charts.{found.name}")
    for name, value in vars(module).items():
        own = inspect.isfunction(value) and value.__module__ == module.__name__
        if own and value.__annotations__.get("return") is go.Figure and found.name not in shared:
            known.add(name)

built = {}
def build(function, *arguments, **options):
    figure = function(*arguments, **options)
    assert len(figure.to_json()) > 500
    built[function.__name__] = alt_text(figure)
    for colour in re.findall(r'"(#[0-9a-fA-F]+|rgba?\\([^)]*\\))"', figure.to_json()):
        assert colour.lower() in colours, (function, colour)

colours = {*style.dark_of_light(), style.CLEAR, *(c.lower() for c in sequential.Cividis)}
traces = {name: recorded_trace(name) for name in PROBES}
for trace in traces.values():
    build(routing_heatmap, trace)
    build(selections_per_head, trace)
    build(heads_per_token, trace)
    build(routing.head_heatmap, trace, 2, 2)
    build(selection_mask, trace, 2, 2)
    build(attention_map, trace, 2, 2)
words = [token.text for token in trace.tokens]
lower = np.tri(len(words), dtype=bool)
build(masks.mask_zoo, [masks.Mask("Dense", "every token", lower)], words, 3)
picked = [words[token] for token in trace.selected(0, 0)]
build(masks.dense_map, trace.attention_matrix(0, 0), picked, "Layer 0, head 0")
build(loss_curves, recorded_runs(), held_out=True)
grid = {job.name for job in load_plan("isoflop").jobs()}
build(gain_lines, gain_curves(run for run in recorded_runs() if run.name in grid))
build(causality.ablation_gains, ablation_rows(recorded_runs(), recorded_scores()))
trained = record_toys.experiment(3, mosa=3.7, fixed=4.05)
build(causality.forest_plot, trained)
build(causality.price_by_position, trained, "mosa", 4)
build(training.loss_by_heads, *head_count_rows(recorded_runs()))
probes = recorded_probes()
build(causality.coin_flip_losses, coin_flip_rows(probes))
for sparsity in (8, 16, 64):
    rows = decoding_rows(probes["decoding-seed0"], sparsity=sparsity)
    build(speed.decoding_cost, rows)
shapes = {r: costs.HeadShape(d_model=512, d_head=64, seq_len=1024, sparsity=r) for r in (8, 64)}
heads = {r: costs.head_flops("mosa", shape) for r, shape in shapes.items()}
whole = costs.head_flops("dense", shapes[8])
build(prices.cost_parts, whole, heads)
build(cost_vs_length, [256, 512], {"dense": [1, 2]})
build(prices.equal_flops, [8, 64], {"parameters": [1.0, 2.0]})
build(speed.step_speed, recorded_bench("steps").rows[:14])
build(speed.roofline, recorded_bench("roofline").rows)
build(prices.kv_pairs, {"dense": (9216, 0), "matched": (4096, 544)})
sizes = {"dense": (1e6, 20.0), "larger": (1e8, 5.0)}, {"dense": [(1e7, 11.0)]}
build(prices.perplexity_vs_parameters, *sizes)
of_runs = long_context_rows(recorded_long_context())
build(training.gains_on_rivals, of_runs)
build(training.gains_by_position, of_runs)
build(speed.cost_of_long_texts, recorded_long_context_costs())
asked = cloze_rows(*recorded_cloze())
for task in {row.task for row in asked}:
    build(training.cloze_accuracy, asked, task)
build(masks.growing_text, {"again": lower, "kept": lower}, words)
for name in PROBES:
    LeakProbe(recorded_leak(name)).static()
    TrainingScrubber(recorded_history(name)).static()
missing = sorted(known - built.keys())
units = (time.process_time() - began) / unit
print(json.dumps({"units": units, "missing": missing, "said": built}))
"""


def test_every_chart_is_built_from_records_without_torch_and_soon():
    """Catches a chart that imports a model, one that no record feeds, slow readers, odd colours."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD_ALL],
        capture_output=True,
        text=True,
        timeout=1200,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["missing"] == []
    assert all(said.endswith(".") for said in found["said"].values())
    assert found["units"] < 300, "of a million squares; about 100 when this was written"


def test_decoding_is_drawn_as_recorded_and_reaches_the_goal():
    """Catches a ratio turned over, and figures that mix sparsities."""
    probe = recorded_probe("decoding-seed0")
    rows = decoding_rows(probe, sparsity=16)
    figure = decoding_cost(rows)
    drawn = {trace.name: trace for trace in figure.data}
    for kind in ("prefix", "threshold", "token"):
        row = probe.row(kind=kind, sparsity=16, T=8192)
        assert drawn[kind].y[-1] == row["milliseconds"]
        assert list(drawn[kind].customdata[-1])[:2] == [row["ratio"], row["ratio_low"]]
        assert row["ratio"] > 10, kind
    fixed = probe.row(kind="fixed", sparsity=16, T=8192)
    assert fixed["slots"] == 16 * 8192 // 16
    assert fixed["bytes"] == fixed["slots"] * 2 * 64 * 4
    refuses("rows must be of one sparsity", decoding_cost, decoding_rows(probe))
    refuses("sparsity must be one of", decoding_rows, probe, sparsity=5)
    refuses("with dense heads", decoding_cost, [row for row in rows if row.kind != "dense"])


def test_coin_flips_are_drawn_on_their_side_of_guessing():
    """Catches dots coloured by kind instead of by what they show, and a diverged run as a dot."""
    rows = coin_flip_rows(recorded_probes())
    diverged = CoinFlipRow("mosa", 9, float("nan"), float("nan"), rows[0].floor, {}, None)
    figure = coin_flip_losses([*rows, diverged])
    below, others = figure.data
    assert max(below.x) < rows[0].floor - 0.01
    assert set(below.text) == {"mosa"}
    assert len(below.x) + len(others.x) == len(rows)
    assert "mosa" not in set(others.text)
