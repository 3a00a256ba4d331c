"""Plotly figures: one function a figure, records in, figure out.

Every figure carries a caption that states what its data show, and a text for those who do not
see it: `caption` and `alt_text` read them back.
"""

from mosa_edu.viz.charts.attention import attention_map
from mosa_edu.viz.charts.base import alt_text, caption
from mosa_edu.viz.charts.costs import cost_vs_length
from mosa_edu.viz.charts.gain_curves import gain_lines
from mosa_edu.viz.charts.losses import loss_curves
from mosa_edu.viz.charts.masks import selection_mask
from mosa_edu.viz.charts.routing import routing_heatmap
from mosa_edu.viz.charts.selections import heads_per_token, selections_per_head

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
