"""Loss over the number of MoSA heads: what may stand on one line, and what is drawn of it."""

import dataclasses

import pytest
from test_claims import run

from mosa_edu.analysis import head_count_rows
from mosa_edu.viz.charts.training import loss_by_heads


def hybrid(heads, seed, loss, **more):
    record = run("mosa", seed, loss, **more)
    name = f"mosa-loss-8-heads{heads}-seed{seed}"
    return dataclasses.replace(record, name=name, model=record.model | {"n_sparse_heads": heads})


def fewer(seed, loss):
    return dataclasses.replace(run("dense", seed, loss), name=f"fewer-nothing-seed{seed}")


def grid():
    runs = [run("dense", seed, 4.0 + 0.02 * seed, dense_heads=4) for seed in (0, 1)]
    runs += [fewer(seed, 4.1) for seed in (0, 1)]
    return runs + [hybrid(n, seed, 4.1 - 0.01 * n) for n in (2, 12) for seed in (1, 0)]


def test_one_line_holds_hybrids_that_differ_in_one_number():
    """Catches other sparsities, rules, seats and dense heads on the line, and the baseline at 0."""
    others = [
        run("prefix", 0, 1.0),
        hybrid(12, 0, 1.0, dense_heads=0),
        hybrid(12, 0, 1.0, first=False),
        hybrid(12, 0, 1.0, tokens=2000),
        dataclasses.replace(hybrid(30, 0, 1.0), status="diverged"),
    ]
    wide = hybrid(12, 0, 1.0)
    others.append(dataclasses.replace(wide, model=wide.model | {"sparsity": 16}))
    rows, dense = head_count_rows([*others, *grid()])
    assert [row.n_sparse_heads for row in rows] == [0, 2, 12]
    assert [row.seeds for row in rows] == [(0, 1)] * 3
    assert rows[-1].loss == pytest.approx(3.98)
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
    twice = [*grid(), dataclasses.replace(hybrid(12, 0, 1.0), name="mosa-flops-8-seed0")]
    assert head_count_rows(twice)[0][-1].seeds == (0, 1), "one training, two names"
    assert sorted(dots.x) == [0, 0, 2, 2, 12, 12]
    assert figure.layout.annotations[0].text == "4 dense heads"
    with pytest.raises(ValueError, match="at least two numbers"):
        loss_by_heads(rows[:1], dense)
    with pytest.raises(ValueError, match="dense must be the model"):
        loss_by_heads(rows, None)
