"""Plotly figures: one function a figure, records in, figure out.

A chart draws numbers and names what is drawn; what they mean is for whoever calls it to say, as
`caption`. `caption` and `alt_text` read both back from a figure.
"""

from mosa_edu.viz.base import alt_text, caption
from mosa_edu.viz.charts.costs import cost_vs_length
from mosa_edu.viz.charts.masks import attention_map, selection_mask
from mosa_edu.viz.charts.routing import heads_per_token, routing_heatmap, selections_per_head
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
