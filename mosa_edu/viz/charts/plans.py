"""The figure of a plan: what its table says, drawn from the records that it left in a folder."""

from collections.abc import Callable
from pathlib import Path

import plotly.graph_objects as go

from mosa_edu import analysis
from mosa_edu.analysis.held_out import experiment_of
from mosa_edu.checks import require
from mosa_edu.records import write_atomic
from mosa_edu.viz.charts import causality, training


def check_plan_figure(table: str, path: Path) -> None:
    """Refuse a plan that has a table only, or a file that no browser opens, before it is run."""
    require(path.suffix == ".html", "--figure", str(path), "a file that ends in .html")
    require(table in FIGURES, "--figure", table, f"of a plan whose table is {', '.join(FIGURES)}")


def write_plan_figure(table: str, out: Path, path: Path) -> None:
    """Draw the records of a plan, in one HTML file that needs no network.

    Parameters
    ----------
    table : str
        Of the plan, such as ``held_out``.
    out : Path
        The folder of its records.
    path : Path
        The file.

    Raises
    ------
    ValueError
        If the plan has no figure, or nothing to draw is recorded yet.
    """
    check_plan_figure(table, path)
    write_atomic(path, FIGURES[table](out).to_html(include_plotlyjs=True, full_html=True))


def _held_out(out: Path) -> go.Figure:
    held_out = analysis.recorded_held_out(out / "held_out")
    return causality.forest_plot(experiment_of(analysis.recorded_runs(out / "runs"), held_out))


def _causal_variants(out: Path) -> go.Figure:
    return training.gain_lines(analysis.gain_curves(analysis.recorded_plan(out).runs))


def _cloze(out: Path) -> go.Figure:
    return training.cloze_accuracy(analysis.cloze_rows(*analysis.recorded_plan(out)), "agreement")


def _long_context(out: Path) -> go.Figure:
    return training.gains_by_position(analysis.long_context_rows(analysis.recorded_plan(out)))


def _pair(out: Path) -> go.Figure:
    return training.loss_by_heads(*analysis.head_count_rows(analysis.recorded_plan(out).runs))


FIGURES: dict[str, Callable[[Path], go.Figure]] = {
    "held_out": _held_out,
    "causal_variants": _causal_variants,
    "cloze": _cloze,
    "long_context": _long_context,
    "pair": _pair,
}
"""By the name of a plan's table."""
