"""Plotly figures: one function a figure, records in, figure out.

Every figure carries a caption that states what its data show, and a text for those who do not
see it: `caption` and `alt_text` read them back.
"""

from mosa_edu.viz.base import alt_text, caption
from mosa_edu.viz.charts.costs import cost_vs_length
from mosa_edu.viz.charts.masks import selection_mask
from mosa_edu.viz.charts.routing import (
    attention_map,
    heads_per_token,
    routing_heatmap,
    selections_per_head,
)
from mosa_edu.viz.charts.training import gain_lines, loss_curves

__all__ = [
    "alt_text",
    "attention_map",
    "caption",
    "cost_vs_length",
    "gain_lines",
    "heads_per_token",
    "loss_curves",
    "routing_heatmap",
    "selection_mask",
    "selections_per_head",
]
