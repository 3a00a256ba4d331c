"""Protects plans: models cost what the baseline costs, and files are read."""

import math
from dataclasses import replace
from itertools import chain

import pytest

from mosa_edu.analysis import recorded_cloze, recorded_long_context, recorded_runs
from mosa_edu.cli.main import main
from mosa_edu.costs import HeadShape, head_kv_slots, model_flops, model_parameters
from mosa_edu.experiments import estimate
from mosa_edu.experiments.jobs import training_of
from mosa_edu.experiments.plans import load_plan, plan_names, shard
from mosa_edu.records.origin import typed
from mosa_edu.training import TrainingConfig

ISOFLOP = load_plan("isoflop")
FILLED = [row for row in (*ISOFLOP.rows, *ISOFLOP.variants) if ISOFLOP.row(row).heads is None]


@pytest.mark.parametrize("row", FILLED[1:])
@pytest.mark.parametrize("sparsity", [4, 8, 16])
def test_models_cost_no_more_than_the_dense_one_and_hardly_less(row, sparsity):
    """Catches a budget that forgets the heads that stay, or counts local heads as dense."""
    budget = model_flops(ISOFLOP.baseline).total
    config = ISOFLOP.model(row, sparsity)
    one_more = model_flops(config).total * (1 + 1 / max(config.n_sparse_heads, 1))
    assert model_flops(config).total <= budget < one_more
    small = load_plan("isoflop", {"match": "parameters", "sparsity": sparsity}).model(row)
    assert model_parameters(small).total <= model_parameters(ISOFLOP.baseline).total
    assert config.sparsity == small.sparsity == sparsity


def test_what_stands_beside_the_sparse_heads():
    heads = {row: ISOFLOP.model(row) for row in ("mosa", "mosa_only", "local_hybrid")}
    assert [c.n_dense_heads for c in heads.values()] == [2, 0, 0]
    assert [c.n_local_heads for c in heads.values()] == [0, 0, 2]
    assert {c.sparse for c in heads.values()} == {"mosa"}
    assert all(c.include_first for c in heads.values())
    assert ISOFLOP.model("no_sink") == replace(heads["mosa"], include_first=False)
    assert ISOFLOP.model("dense") == ISOFLOP.baseline


def test_the_control_is_what_is_left_of_the_baseline_in_a_hybrid():
    """Catches a control of equal FLOPs, or one that is compared as if it were matched."""
    (job,) = ISOFLOP.jobs(["dense_ablation"], [3])
    hybrid = ISOFLOP.model("mosa")
    assert job.config == replace(ISOFLOP.baseline, n_dense_heads=hybrid.n_dense_heads)
    known = (job.comparison.kind, job.comparison.match, job.comparison.sparsity)
    assert known == ("dense_ablation", "none", None)


def test_half_the_size_halves_every_width_and_has_its_own_names():
    """Catches models matched with the baseline of another size, and runs that share a record."""
    whole, cloze = ISOFLOP.baseline, load_plan("cloze")
    half = cloze.baseline
    assert (2 * half.d_model, 2 * half.d_head) == (whole.d_model, whole.d_head)
    assert (half.n_dense_heads, half.max_seq_len) == (whole.n_dense_heads, whole.max_seq_len)
    assert 0.97 < model_flops(cloze.model("mosa")).total / model_flops(half).total <= 1
    names = [plan.jobs(["mosa"], [0])[0].name for plan in (ISOFLOP, cloze)]
    assert names == ["mosa-flops-8-seed0", "half-mosa-flops-8-seed0"]


@pytest.mark.parametrize("length", [1024, 2048, 4096, 8192])
def test_equal_flops_at_every_length_and_k_stays(length):
    """Catches heads that stay while the text grows, and a window that grows with it."""
    plan = load_plan("long_context", {"baseline.max_seq_len": length})
    models, n_kept = plan.models(), 64
    budget = model_flops(models["routing"]).total
    assert models["routing"] == plan.baseline
    for kind in plan.rows:
        config = models[kind]
        shape = HeadShape(d_model=128, d_head=32, seq_len=length, sparsity=config.sparsity)
        assert 0.93 * budget < model_flops(config).total <= budget
        assert length // config.sparsity == config.local_window == n_kept
        if kind in ("mosa", "fixed"):
            assert head_kv_slots(kind, shape) == n_kept
            more = replace(config, n_sparse_heads=config.n_sparse_heads + 1)
            assert model_flops(more).total > budget
    assert [models[kind].n_local_heads for kind in ("mosa", "fixed", "routing")] == [2, 2, 2]
    assert models["local"].n_sparse_heads == 0
    assert model_flops(models["dense"]).total > 2 * budget
    (job,) = plan.jobs(["mosa"], [0])
    assert job.name == f"long-mosa-{length}-k64-seed0"
    assert job.comparison.baseline == "routing"


def test_the_gpu_suite_is_the_papers_tiny_at_equal_cost():
    plan = load_plan("gpu_suite")
    jobs = plan.jobs(seeds=[0])
    assert [job.config.n_sparse_heads for job in jobs] == [0, 69, 276, 31]
    dense = model_flops(jobs[0].config).total
    assert all(0.97 * dense < model_flops(job.config).total <= dense for job in jobs)


def test_recorded_runs_are_those_of_the_plans():
    """Catches a plan that drifts from the models and the recipe whose records the book quotes."""
    plans = {name: load_plan(name) for name in plan_names()}
    found = [*recorded_runs(), *recorded_long_context().runs, *recorded_cloze()[0]]
    told = [run for run in found if run.comparison is not None]
    assert len(told) >= 50
    for run in told:
        plan, known = plans[run.comparison.plan], run.comparison
        plan = load_plan(plan.name, {"match": known.match}) if known.match == "parameters" else plan
        heads = run.model["n_sparse_heads"] if known.match == "loss" else None
        job = plan.job(known.kind, run.seed, known.sparsity, heads)
        assert job.named(run).comparison == known
        assert job.config == type(job.config).from_dict(run.model), run.name
        assert training_of(job) == TrainingConfig.from_json(run.training), run.name


def test_parts_of_a_plan_make_the_whole_and_a_part_is_a_whole_comparison():
    jobs = ISOFLOP.jobs()
    assert len({job.name for job in jobs}) == len(jobs) == 18
    parts = [shard(jobs, part, 4) for part in (1, 2, 3, 4)]
    assert sorted(job.name for job in chain(*parts)) == sorted(job.name for job in jobs)
    assert [job.seed for job in jobs] == sorted(job.seed for job in jobs)


def test_a_row_has_a_recipe_of_its_own_and_a_new_plan_is_one_file(tmp_path):
    """Catches an experiment that needs code: one file is listed by its path, run and compared."""
    path = tmp_path / "small.toml"
    path.write_text(
        """
        title = "A small one"
        corpus = "stories"
        seeds = [7]
        scores = []
        match = "flops"
        sparsity = 4
        n_dense = 1
        baseline = { preset = "micro", n_dense_heads = 3 }
        recipe = { tokens = 40_960, batch_tokens = 4096 }
        [rows]
        mosa = { kind = "mosa" }
        slow = { kind = "mosa", recipe = { learning_rate = 1e-4, batch_tokens = 1024 } }
        """,
        encoding="utf-8",
    )
    fast, slow = (training_of(job) for job in load_plan(str(path)).jobs())
    assert (fast.seed, fast.batch_tokens, slow.batch_tokens) == (7, 4096, 1024)
    assert slow.learning_rate == 1e-4 != fast.learning_rate
    assert math.isclose(slow.steps / fast.steps, 4, rel_tol=0.2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nosuch": 1}, r"isoflop must be made of .*, got \['nosuch'\]"),
        ({"rows.mosa": {}}, "rows.mosa must be complete, got 'a table without kind"),
        ({"rows.mosa.kind": "nosuch"}, "rows.mosa.kind must be one of dense"),
        ({"rows.mosa.match": "loss"}, "rows.mosa.match must be one of flops"),
        ({"rows.mosa.head": 1}, "rows.mosa must be made of"),
        ({"baseline.preset": "nosuch"}, "baseline.preset must be one of micro"),
        ({"baseline.d_model": 0}, "d_model must be an integer of at least 1"),
        ({"title.x": 0}, "set must be a place in a table of plan isoflop, got 'title.x'"),
        ({"search": {"row": "mosa"}}, "search must be complete"),
        ({"top_k": 100}, "baseline.max_seq_len must be a multiple of top_k=100"),
        ({"top_k": 1}, "top_k must be 2 tokens or more, got 1"),
        ({"top_k": 0}, "top_k must be 2 tokens or more, got 0"),
        ({"top_k": 256}, "baseline.max_seq_len must be a multiple of top_k=256, 2 or more, and ab"),
    ],
)
def test_what_no_plan_has_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        load_plan("isoflop", changes)


def test_what_a_plan_cannot_build_is_named(tmp_path):
    for name in ("nosuch", str(tmp_path / "no.toml")):
        with pytest.raises(ValueError, match=r"plan must be"):
            load_plan(name)
    (tmp_path / "bad.toml").write_text("= 1")
    with pytest.raises(ValueError, match=r"plan must be a TOML file, got 'bad'"):
        load_plan(str(tmp_path / "bad.toml"))
    with pytest.raises(ValueError, match=r"row must be one of dense, mosa.*got 'few'"):
        ISOFLOP.model("few")
    with pytest.raises(ValueError, match="baseline must be enough for one mosa head"):
        load_plan("isoflop", {"n_dense": 4}).model("mosa")
    with pytest.raises(ValueError, match="recipe must be made of"):
        training_of(load_plan("isoflop", {"recipe.nosuch": 1}).jobs()[0])
    with pytest.raises(ValueError, match="shard must be i/n with 1 <= i <= n, got '3/2'"):
        shard([], 3, 2)


def test_the_command_lists_and_shows_every_plan(capsys, monkeypatch, tmp_path):
    """Catches a dry run that does not say what it takes, or where its records will lie."""
    monkeypatch.setenv("MOSA_EDU_CACHE", str(tmp_path))
    monkeypatch.setattr(estimate, "seconds_a_token", lambda *_: (3.6e-3, 0.0))
    assert main(["experiment", "list"]) == 0
    *lines, following = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == plan_names()
    assert following.startswith("Next: ")
    for name in plan_names():
        assert main(["experiment", "show", name, "--seeds", "0"]) == 0
        lines = capsys.readouterr().out.splitlines()
        plan = load_plan(name)
        jobs = plan.jobs(seeds=[0])
        assert [line.split()[0] for line in lines[1 : len(jobs) + 1]] == [job.name for job in jobs]
        took, records, checkpoints, following = lines[lines.index("") + 1 :]
        assert lines.index("") == 1 + len(jobs) + (plan.search is not None)
        recipes = [training_of(job) for job in jobs]
        tokens = sum(recipe.steps * recipe.batch_tokens for recipe in recipes)
        assert took.startswith(f"{len(jobs)} runs to train: {tokens:,} tokens")
        if plan.device == "auto":
            assert f"about {tokens * 1e-6:.2g} hours on this machine" in took
        assert records == f"Records: {tmp_path / plan.folder}"
        assert checkpoints.startswith(f"Checkpoints: {tmp_path / 'runs' / plan.folder}-")
        assert following == f"Next: {typed('experiment', 'run', name, '--seeds', '0')}"
    assert main(["experiment", "show", "long_context", "--only", "mosa,dense", "--seeds", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:5] == ["long-mosa-2048-k64-seed0", "2", "local", "+", "42"]
    assert lines[2].split()[:5] == ["long-dense-2048-k64-seed0", "4", "dense", "+", "0"]
