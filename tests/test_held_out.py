"""Protects the assay: equal starts, all held-out text, the price of the future, one rule."""

from dataclasses import replace

import numpy as np
import pytest
import record_toys
import torch

from mosa_edu.analysis.held_out import NO_INTEREST, control_rows, experiment_of
from mosa_edu.analysis.statistics import Deviation, Interval, paired_interval, ratio_interval
from mosa_edu.cli.main import main
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.data.tokens import TokenSet
from mosa_edu.experiments.jobs import Session
from mosa_edu.experiments.plans import load_plan
from mosa_edu.experiments.runner import run_plan
from mosa_edu.experiments.runs import before_learning
from mosa_edu.model import PRESETS, TransformerLM
from mosa_edu.probes.held_out import FIRST_CUT, drawn, score_held_out
from mosa_edu.records import Comparison, RunRecord
from mosa_edu.records.held_out import HeldOutRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.viz.charts.plans import write_plan_figure

SMALL = replace(PRESETS["micro"], vocab_size=300, max_seq_len=32, n_dense_heads=1)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    corpus = load_corpus("tales")
    tokenizer = Tokenizer.train(list(corpus.texts("train"))[:200], 300)
    small = replace(corpus, train=corpus.train[:20], validation=corpus.validation[:3])
    return TokenSet.build(small, tokenizer, tmp_path_factory.mktemp("tokens"))


def started(seed=0, **changes):
    torch.manual_seed(7)
    model = TransformerLM(replace(SMALL, **changes)).eval()
    model.draw_shared_start(seed)
    return model


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"n_sparse_heads": 0, "n_dense_heads": 4}, {"n_sparse_heads": 0, "n_dense_heads": 2}),
        ({"n_sparse_heads": 4}, {"n_sparse_heads": 0}),
        ({"n_sparse_heads": 6}, {"n_sparse_heads": 3, "sparse": "prefix"}),
        ({"n_sparse_heads": 3, "sparse": "gated_random"}, {"n_sparse_heads": 5}),
        ({"n_local_heads": 2}, {"n_local_heads": 1}),
    ],
)
def test_two_models_start_equal_in_all_that_they_have_in_common(one, other):
    """One generator for all matrices in turn would part the models at the first head."""
    first, second = started(**one).state_dict(), started(**other).state_dict()
    d_head, shared = SMALL.d_head, first.keys() & second.keys()
    assert {"embedding.weight", "blocks.1.feedforward.up.weight"} <= shared
    for name in shared:
        a, b = first[name], second[name]
        if a.is_floating_point() and a.ndim > 1:
            assert a.std() > 0
            rows, columns = (min(a.shape[i], b.shape[i]) for i in (0, 1))
            torch.testing.assert_close(a[:rows, :columns], b[:rows, :columns], rtol=0, atol=0)
    assert d_head == first["blocks.0.attention.dense.out.weight"].shape[1] // first_heads(one)


def first_heads(changes):
    return changes.get("n_dense_heads", SMALL.n_dense_heads)


def test_another_seed_layer_or_head_starts_otherwise_at_the_models_own_spread():
    a, b = started(0, n_dense_heads=4).state_dict(), started(1, n_dense_heads=4).state_dict()
    qkv = a["blocks.0.attention.dense.qkv.weight"]
    assert not torch.equal(qkv, b["blocks.0.attention.dense.qkv.weight"])
    assert not torch.equal(qkv, a["blocks.1.attention.dense.qkv.weight"])
    heads = qkv.tensor_split(4)
    assert not torch.equal(heads[0], heads[1])
    assert qkv.std() == pytest.approx(0.02, rel=0.05)
    out = a["blocks.0.feedforward.down.weight"]
    assert out.std() == pytest.approx(0.02 / (2 * SMALL.n_layers) ** 0.5, rel=0.05)


def test_losses_before_learning_are_those_of_equal_parts_of_the_run():
    lines = [{"step": 10 * n, "loss": float(n)} for n in range(1, 9)] + [{"step": 80}]
    assert before_learning(lines, blocks=4) == [1.5, 3.5, 5.5, 7.5]
    assert np.mean(before_learning(lines, blocks=3)) == pytest.approx(4.5, abs=1e-6)


def test_every_window_of_held_out_text_is_scored_once(tokens):
    model = started()
    record = score_held_out(model, tokens, "run", cuts=1)
    T = SMALL.max_seq_len
    sizes = np.diff(tokens.validation.starts)
    assert int(record.windows.sum()) == sum((size - 1) // T for size in sizes)
    inputs, targets, _ = tokens.windows("validation", T, 10**6)
    with torch.no_grad():
        logits = model(torch.from_numpy(inputs)).log_softmax(-1)
    wanted = -logits.gather(-1, torch.from_numpy(targets)[..., None]).mean()
    mean = np.average(record.losses, weights=record.windows)
    assert mean == pytest.approx(float(wanted), abs=1e-5)


def test_the_price_of_the_future_is_that_of_hiding_it_by_hand(tokens):
    """At the last position nothing is hidden, so the price there is exactly 0."""
    model = started(n_sparse_heads=6)
    with torch.no_grad():
        for block in model.blocks:  # routers that matter
            block.attention.sparse.w_out.mul_(40)
            block.attention.sparse.selector.router.weight.mul_(40)
    T, cuts = SMALL.max_seq_len, 3
    record = score_held_out(model, tokens, "run", cuts=cuts)
    assert record.by_position[:, T - 1] == pytest.approx([0, 0], abs=2e-6)
    assert np.nanmax(np.abs(record.by_position[:, : T - 1])) > 1e-3
    assert np.isnan(record.by_position[0, :FIRST_CUT]).all()
    whole = tokens.windows("validation", T, 10**6)
    first = slice(0, 4)  # windows of the first block
    block_of = np.repeat(np.arange(len(record.books)), record.windows)
    row, position = drawn(block_of, range(FIRST_CUT, T), cuts, 0)
    assert len(set(row[:cuts])) == cuts
    assert set(row[:cuts]) <= set(range(4))
    paid = []
    for window, at in zip(row[:cuts], position[:cuts], strict=True):
        ids = torch.from_numpy(whole.inputs[first][window : window + 1])
        target = whole.targets[window, at]
        with torch.no_grad():
            seen = model(ids).log_softmax(-1)[0, at, target]
            cut = model(ids[:, : at + 1]).log_softmax(-1)[0, at, target]
        paid.append(float(seen - cut))
    assert record.price[0, 0] == pytest.approx(np.mean(paid), abs=1e-5)


def test_the_future_is_hidden_after_every_position_equally_often():
    block = np.repeat(np.arange(100), 4)
    row, position = drawn(block, range(32), 2, seed=3)
    assert np.bincount(block[row]).tolist() == [2] * 100
    assert len(set(row)) == 200
    counts = np.bincount(position, minlength=32)
    assert counts.max() - counts.min() <= 1
    other, _ = drawn(block, range(32), 2, seed=4)
    assert set(other) != set(row), "another seed asks elsewhere"


def test_a_causal_model_pays_nothing_and_no_forward_is_spent_on_it(tokens):
    record = score_held_out(started(n_sparse_heads=3, sparse="prefix"), tokens, "run")
    assert record.price.shape == (2, 0)
    assert not record.hidden("foreign").any()


def test_a_held_out_record_survives_json(tokens):
    record = score_held_out(started(), tokens, "run", cuts=1)
    again = HeldOutRecord.from_json(record.to_json())
    np.testing.assert_array_equal(again.losses, record.losses)
    np.testing.assert_array_equal(again.price, record.price)


def test_the_rule_covers_the_truth_in_19_of_20_experiments():
    """Seeds shift whole arms, blocks of text are alike in all seeds: both must be counted.

    An interval of seeds alone, or of text alone, covers far less here.
    """
    generator = np.random.Generator(np.random.PCG64(5))
    books, truth, hits, n = np.repeat([0, 1], 30), 0.01, 0, 600
    for _ in range(n):
        text = generator.normal(0, 0.03, 60)
        arms = generator.normal(0, 0.005, (4, 6, 1)) + generator.normal(0, 0.05, (1, 6, 1))
        losses = np.repeat(arms, 60, axis=2) + generator.normal(0, 0.004, (4, 6, 60))
        losses[1] += truth + text
        pooled = Deviation.of_models(losses.mean(axis=2))
        found = paired_interval(losses[1] - losses[0], books, pooled)
        hits += found.low <= truth <= found.high
    assert 0.93 <= hits / n <= 0.98


def run_of(kind, seed):
    model = {"n_sparse_heads": 0, "n_dense_heads": 1}
    return RunRecord(
        f"{kind}-{seed}", "", None, seed, model, {}, {}, 1, "", 0.0, 1, [],
        {"32": {"loss": 1.0}}, "finished", Comparison("p", kind, "flops", None),
    )  # fmt: skip


def made(kind, seed, losses, price=None):
    N = len(losses)
    return HeldOutRecord(
        f"{kind}-{seed}",
        ["Persuasion", "Dracula"],
        np.arange(N).astype(np.uint8) % 2,
        np.ones(N, np.uint8),
        np.array(losses, np.float32),
        np.empty((2, 0), np.float32) if price is None else np.full((2, N), price, np.float32),
        np.empty((2, 0), np.float32) if price is None else np.full((2, 4), price, np.float32),
        "text",
    )


def test_an_experiment_pairs_seeds_and_leaves_out_the_books_recipes_were_chosen_by():
    arms = {"dense": [3.0, 3.1], "mosa": [2.9, 3.0], "prefix": [2.95, 3.05]}
    runs, scored = [], {}
    for kind, losses in arms.items():
        for seed, loss in enumerate(losses):
            run = run_of(kind, seed)
            runs.append(run)
            # Persuasion, every other block, is 9 nats higher and must not be seen.
            blocks = [loss + 9, loss, loss + 9, loss]
            scored[run.name] = made(kind, seed, blocks, 0.02 if kind == "mosa" else None)
    runs.append(run_of("dense", 5))  # a seed that the others lack
    scored["dense-5"] = made("dense", 5, [1.0] * 4)
    found = experiment_of(runs, scored)
    assert found.seeds == (0, 1)
    gain = found.gain("mosa", "dense")
    assert gain.mean == pytest.approx(0.1, abs=1e-6)
    assert found.price("mosa").mean == pytest.approx(0.02, abs=1e-6)
    assert found.gain("mosa", "dense", "foreign").mean == pytest.approx(0.08, abs=1e-6)
    assert experiment_of(runs, scored, choosing=True).mean_losses("dense")[0] > 11


def test_a_verdict_is_higher_lower_small_or_open_with_the_seeds_it_would_take():
    runs = [run_of(kind, seed) for kind in ("a", "b") for seed in (0, 1)]
    scored = {run.name: made(run.comparison.kind, run.seed, [1.0] * 4) for run in runs}
    found = experiment_of(runs, scored)
    assert found.verdict(Interval(0.02, 0.01, 0.03)) == "decided: higher than 0"
    assert found.verdict(Interval(-0.02, -0.03, -0.01)) == "decided: lower than 0"
    small = Interval(0.001, -NO_INTEREST / 2, NO_INTEREST / 2)
    assert found.verdict(small) == "decided: within 0.010 of 0"
    wide = Interval(0.0, -2 * NO_INTEREST, 2 * NO_INTEREST)
    assert found.verdict(wide) == "open: about 32 seeds would decide"


def test_a_grid_trains_every_row_with_every_combination():
    changes = {"grid": {"batch_tokens": [512, 1024], "learning_rate": [0.001, 0.002, 0.004]}}
    jobs = load_plan("isoflop", changes).jobs(only=["dense", "mosa"], seeds=[0])
    assert len({job.name for job in jobs}) == len(jobs) == 12
    assert (jobs[1].recipe["batch_tokens"], jobs[1].recipe["learning_rate"]) == (512, 0.002)
    assert jobs[1].name == "dense-flops-8-seed0-batch512-learning0.002"


@pytest.fixture
def small_recipes(tmp_path, monkeypatch):
    monkeypatch.setenv("MOSA_EDU_CACHE", str(tmp_path / "cache"))
    changes = {
        "corpus": "stories",
        "baseline.vocab_size": 300,
        "baseline.max_seq_len": 32,
        "baseline.d_model": 16,
        "baseline.d_head": 8,
        "rounds": [2_000, 4_000],
        "kept": 2,
        "recipe": {"tokens": 4_000, "warmup_steps": 4, "checkpoints": 2, "eval_tokens": 0},
        "grid": {"batch_tokens": [64, 256], "learning_rate": [1e-5, 1e-2]},
    }
    plan = load_plan("recipes", changes)
    return plan, Session(plan, tmp_path / "out", torch.device("cpu"))


def test_a_search_halves_the_grid_and_goes_on_where_it_stopped(small_recipes, capsys):
    """Every row is given the same tokens; a second call trains nothing and says the same."""
    plan, session = small_recipes
    jobs = plan.jobs(only=["dense", "mosa"])
    assert run_plan(jobs, session) == 0
    record = ProbeRecord.load(session.out / "probes" / "recipes.json")
    for row in ("dense", "mosa"):
        found = [r for r in record.rows if r["row"] == row]
        assert [r["tokens"] for r in found] == [2_000] * 4 + [4_000] * 2
        first, last = found[:4], found[4:]
        assert sorted(first, key=lambda r: r["loss"])[:2] == [r for r in first if r["kept"]]
        assert [r["chosen"] for r in last] == [True, False]
        assert last[0]["loss"] < last[1]["loss"]
        assert last[0]["learning_rate"] == 1e-2  # at 1e-5 nothing is learnt
    said = capsys.readouterr().out
    assert "mosa" in said
    assert "below the next" in said
    assert run_plan(jobs, session) == 0
    again = ProbeRecord.load(session.out / "probes" / "recipes.json")
    assert again.rows == record.rows
    assert "==" not in capsys.readouterr().out


def test_the_assay_says_which_settings_see_a_head(capsys):
    """The same cost passes where seeds agree and fails where they do not."""
    runs, scored = [], {}
    for name, shift in {"calm": 0.001, "wild": 0.03}.items():
        for kind, cost in ((name, 0.0), (name + "_half", 0.02)):
            for seed in range(4):
                run = run_of(kind, seed)
                runs.append(run)
                moved = cost + (shift * (-1) ** seed if cost else 0)
                scored[run.name] = made(kind, seed, [3.0 + moved] * 4)
    rows = control_rows(runs, scored)
    assert [row.setting for row in rows] == ["calm", "wild"]
    assert rows[0].cost == pytest.approx(0.02, abs=1e-6)
    assert [row.trainings_needed() for row in rows] == [1, 76]
    assert rows[0].ratio(4) == pytest.approx(2 * rows[0].ratio())


def test_a_table_with_gaps_pools_the_seeds_that_are_there():
    """Catches rows dropped for one missing seed, and a mean that a missing seed shifts."""
    whole = np.array([[3.0, 3.2, 3.1], [3.1, 3.3, 3.2], [2.9, 3.1, 3.0]])
    gaps = whole.copy()
    gaps[2, 0] = gaps[0, 2] = np.nan
    found = Deviation.of_models(gaps)
    assert found.freedom == 7 - 5
    assert found.value == pytest.approx(0, abs=1e-9)
    noisy = whole + np.random.default_rng(0).normal(0, 0.01, whole.shape)
    rest = noisy - noisy.mean(0) - noisy.mean(1, keepdims=True) + noisy.mean()
    assert Deviation.of_models(noisy).value == pytest.approx((2 * (rest**2).sum() / 4) ** 0.5)
    assert Deviation.of_models(np.array([[3.0], [3.1]])) is None


def test_a_ratio_is_as_wide_as_its_parts_say():
    part, whole = np.full((4, 6), 0.01), np.full((4, 6), 0.04)
    found = ratio_interval(part, whole, np.zeros(6), (Deviation(0.002, 20), Deviation(0.004, 30)))
    assert found.mean == pytest.approx(0.25)
    spread = (0.002**2 + (0.25 * 0.004) ** 2) ** 0.5 / 4**0.5
    assert found.half == pytest.approx(2.086 * spread / 0.04, rel=1e-3)


def test_a_plan_draws_its_figure_or_says_at_once_that_it_has_none(tmp_path, capsys):
    """Catches an hour of training before a wrong file name is refused."""
    found = record_toys.experiment(3, mosa=3.7, fixed=4.05)
    for arm in found.arms.values():
        for seed, made_run in arm.runs.items():
            made_run.save(tmp_path / "runs" / f"{made_run.name}.json")
            arm.scored[seed].save(tmp_path / "held_out" / f"{made_run.name}.json")
    write_plan_figure("held_out", tmp_path, tmp_path / "figure.html")
    page = (tmp_path / "figure.html").read_text()
    assert "every 8th token" in page
    assert "cdn" not in page.split("<body>")[0]
    for plan, name in (("heads", "figure.png"), ("recipes", "figure.html")):
        words = ["experiment", "run", plan, "--figure", str(tmp_path / name)]
        assert main([*words, "--out", str(tmp_path / "new")]) == 2
        assert "--figure must be" in capsys.readouterr().err
        assert not (tmp_path / "new").exists()
