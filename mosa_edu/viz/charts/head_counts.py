"""What the next MoSA head buys: loss over their number, beside the same dense heads."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.results.head_counts import HeadCountRow
from mosa_edu.viz.charts.base import explain, new_figure, plural
from mosa_edu.viz.charts.lines import value_axis
from mosa_edu.viz.style import LIGHT


def loss_by_heads(rows: Sequence[HeadCountRow], dense: HeadCountRow | None) -> go.Figure:
    """Draw the loss of hybrids over the number of their MoSA heads, and that of the dense model.

    Parameters
    ----------
    rows : sequence of HeadCountRow
        Fewest MoSA heads first, such as `head_count_rows` returns.
    dense : HeadCountRow
        The model whose loss is to be reached.

    Returns
    -------
    plotly.graph_objects.Figure
        An open dot a seed; a line through the means of those numbers that have as many seeds as
        any; a dotted line at the mean of the dense model.

    Raises
    ------
    ValueError
        If there are fewer than two numbers of heads, or no dense model.
    """
    require(len(rows) >= 2, "rows", len(rows), "at least two numbers of heads")
    if dense is None:
        raise ValueError("dense must be the model whose loss is to be reached, got None")
    most_seeds = max(len(row.seeds) for row in rows)
    joined = [row for row in rows if len(row.seeds) == most_seeds]
    beside = f"beside {rows[0].n_dense_heads} dense; dots are seeds"
    figure = new_figure("Loss by number of MoSA heads", f"nats per token, {beside}", 340)
    losses = np.concatenate([row.losses for row in (*rows, dense)])
    pad = 0.1 * float(np.ptp(losses) or 1.0)
    counts = [row.n_sparse_heads for row in rows]
    most = max(counts)
    figure.update_layout(
        xaxis={
            **value_axis("MoSA heads a layer"),
            **{"range": [-0.04 * most, 1.04 * most], "tickvals": counts},
        },
        yaxis={**value_axis(""), "range": [losses.min() - pad, losses.max() + pad]},
    )
    _add_dense(figure, dense)
    read = "%{x} MoSA heads<br>%{y:.3f} nats<extra></extra>"
    figure.add_scatter(
        x=[row.n_sparse_heads for row in joined],
        y=[row.loss for row in joined],
        **{"mode": "lines", "hovertemplate": read},
        line={"color": LIGHT.pick, "width": 2},
    )
    figure.add_scatter(
        x=[row.n_sparse_heads for row in rows for _ in row.losses],
        y=[loss for row in rows for loss in row.losses],
        customdata=[seed for row in rows for seed in row.seeds],
        mode="markers",
        marker={"symbol": "circle-open", "size": 8, "color": LIGHT.pick},
        hovertemplate="%{x} MoSA heads, seed %{customdata}<br>%{y:.3f} nats<extra></extra>",
    )
    encoding = (
        f"A line of the mean loss over the number of MoSA heads, {', '.join(map(str, counts))}, "
        f"with a dot for each seed; dotted, the dense model."
    )
    return explain(figure, _finding(joined, dense), encoding)


def _add_dense(figure: go.Figure, dense: HeadCountRow) -> None:
    line = {"color": LIGHT.ink, "width": 1, "dash": "dot"}
    across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1}
    figure.add_shape(**across, y0=dense.loss, y1=dense.loss, line=line, layer="below")
    figure.add_annotation(
        **{"text": f"{dense.n_dense_heads} dense heads", "xref": "paper", "x": 1},
        **{"xanchor": "right", "y": dense.loss, "yanchor": "bottom", "showarrow": False},
        font={"color": LIGHT.ink2},
    )


def _finding(rows: Sequence[HeadCountRow], dense: HeadCountRow) -> str:
    """Say where the line begins and ends, and who first reaches the dense model."""
    first, last = rows[0], rows[-1]
    reached = next((row for row in rows if row.loss <= dense.loss), None)
    where = "no number here reaches" if reached is None else _heads(reached) + " reach"
    return (
        f"Beside {first.n_dense_heads} dense heads: {_heads(first)}, {first.loss:.3f} nats; "
        f"{_heads(last)}, {last.loss:.3f}. Of {plural(len(rows), 'number')} that were "
        f"tried, {where} the {dense.loss:.3f} of {dense.n_dense_heads} dense heads, on the mean "
        f"of {_seeds([*rows, dense])}."
    )


def _heads(row: HeadCountRow) -> str:
    return plural(row.n_sparse_heads, "MoSA head") if row.n_sparse_heads else "no MoSA head"


def _seeds(rows: Sequence[HeadCountRow]) -> str:
    counts = sorted({len(row.seeds) for row in rows})
    return plural(counts[-1], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"
