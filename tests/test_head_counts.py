"""Loss over the number of MoSA heads: what may stand on one line, and what is drawn of it."""

import pytest
from record_toys import run

from mosa_edu.analysis import head_count_rows
from mosa_edu.viz.charts.training import loss_by_heads


def hybrid(heads, seed, loss, kind="mosa", **more):
    model = {"n_sparse_heads": heads} | more.pop("model", {})
    return run(kind, seed, loss, match="loss", model=model, **more)


def grid():
    runs = [run("dense", s, 4.0 + 0.02 * s, model={"n_dense_heads": 4}) for s in (0, 1)]
    runs += [run("dense_ablation", s, 4.1, model={"n_dense_heads": 2}) for s in (0, 1)]
    return runs + [hybrid(n, seed, 4.1 - 0.01 * n) for n in (2, 12) for seed in (1, 0)]


def test_one_line_holds_hybrids_that_differ_in_one_number():
    """Catches other sparsities, rules, seats and dense heads on the line, and the baseline at 0."""
    others = [
        run("prefix", 0, 1.0),
        hybrid(12, 0, 1.0, "mosa_only"),
        hybrid(12, 0, 1.0, "no_sink"),
        hybrid(12, 0, 1.0, recipe="longer"),
        hybrid(12, 0, 1.0, sparsity=16),
        hybrid(30, 0, 1.0, status="diverged"),
    ]
    rows, dense = head_count_rows([*others, *grid()])
    assert [row.n_sparse_heads for row in rows] == [0, 2, 12]
    assert [row.seeds for row in rows] == [(0, 1)] * 3
    assert rows[-1].mean == pytest.approx(3.98)
    assert dense.losses == (4.0, 4.02)
    assert str(rows[0]) == "2 dense +  0 MoSA heads: 4.100 (4.100 to 4.100), 2 seeds"
    assert head_count_rows([]) == ([], None)


def test_the_figure_has_every_seed_and_the_dense_model():
    rows, dense = head_count_rows(grid())
    figure = loss_by_heads(rows, dense)
    line, dots = figure.data
    assert list(line.x) == [0, 2, 12]
    single = [r for r in grid() if r.seed == 0 or r.model["n_sparse_heads"] != 2]
    assert list(loss_by_heads(*head_count_rows(single)).data[0].x) == [0, 12], "too few seeds"
    twice = [*grid(), run("mosa", 0, 1.0, model={"n_sparse_heads": 12})]
    assert head_count_rows(twice)[0][-1].seeds == (0, 1), "one training, two names"
    assert sorted(dots.x) == [0, 0, 2, 2, 12, 12]
    assert figure.layout.annotations[0].text == "4 dense heads"
    with pytest.raises(ValueError, match="at least two numbers"):
        loss_by_heads(rows[:1], dense)
    with pytest.raises(ValueError, match="dense must be the model"):
        loss_by_heads(rows, None)
