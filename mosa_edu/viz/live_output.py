"""Plotly figures as `Output` widgets hold them.

They are assigned to `outputs`, not printed into the widget: JupyterLab, Colab and VS Code all
redraw an `Output` when that state changes, the old figure stays until the new one is there, and
nothing is lost when the kernel is busy. `FigureWidget` would need a front end of its own in each
of them, and in an `HTML` widget the scripts of a figure do not run.
"""

from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

from mosa_edu.viz.charts.base import alt_text
from mosa_edu.viz.renderer import BookRenderer
from mosa_edu.viz.style import LIGHT


def live_output(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as an `Output` widget holds it.

    Parameters
    ----------
    figure : Figure
        Left as it is; what is shown stands on a light ground, since notebooks do not recolour
        figures in dark themes.

    Returns
    -------
    dict
        A `display_data` message: JSON that JupyterLab and VS Code draw themselves, or, on Colab,
        the HTML of Plotly's own renderer.
    """
    on_ground = go.Figure(figure).update_layout(paper_bgcolor=LIGHT.ground)
    values = on_ground.to_dict()
    if pio.renderers.default == "colab":
        data = pio.renderers["colab"].to_mimebundle(values)
    else:
        data = BookRenderer().to_mimebundle(values)
        del data["text/html"]  # no notebook has the script that it expects
    said = {"text/plain": alt_text(figure)}
    return {"output_type": "display_data", "data": {**data, **said}, "metadata": {}}
