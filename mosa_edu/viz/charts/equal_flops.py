"""What does not stay equal when FLOPs do."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.viz.charts.base import explain, new_figure
from mosa_edu.viz.charts.lines import add_lines, value_axis
from mosa_edu.viz.style import LIGHT


def equal_flops(sparsities: Sequence[int], multiples: Mapping[str, Sequence[float]]) -> go.Figure:
    """Draw quantities of models with equal FLOPs as multiples of the dense model's.

    Parameters
    ----------
    sparsities : sequence of int
        T / k, ascending, at least two.
    multiples : mapping of str to sequence of float
        By quantity, one positive number for each sparsity; the dense model has 1.

    Returns
    -------
    plotly.graph_objects.Figure
        One line a quantity, and a dotted one at 1.

    Raises
    ------
    ValueError
        If sparsities do not ascend, or a number is missing or not positive.
    """
    ascending = len(sparsities) >= 2 and all(np.diff(sparsities) > 0)
    require(ascending, "sparsities", list(sparsities), "at least two numbers, ascending")
    require(len(multiples) > 0, "multiples", dict(multiples), "at least one quantity")
    for name, values in multiples.items():
        known = len(values) == len(sparsities) and min(values) > 0
        require(known, f"multiples[{name!r}]", list(values), f"{len(sparsities)} positive numbers")
    figure = new_figure("At equal FLOPs", "multiples of the dense model, over the sparsity", 380)
    figure.update_layout(**_axes(sparsities, multiples))
    x = np.array(sparsities, dtype=np.int32)
    lines = {name: (x, np.array(line, dtype=np.float64)) for name, line in multiples.items()}
    add_lines(figure, lines, "%{y:.3g} times dense<br>at sparsity %{x}")
    figure.add_shape(
        **{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1},
        line={"color": LIGHT.ink, "width": 1, "dash": "dot"},
    )
    encoding = f"Lines over the sparsity: {', '.join(multiples)}; dotted, the dense model."
    return explain(figure, _finding(sparsities, multiples), encoding)


def _axes(sparsities: Sequence[int], multiples: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return two logarithmic axes that hold all values and 1."""
    joined = [value for values in multiples.values() for value in values]
    low, high = min(0.8, min(joined) / 1.2), max(1.25, max(joined) * 1.2)
    marks = [n for n in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= n <= high]
    x = {"tickvals": list(sparsities), "ticktext": [str(n) for n in sparsities]}
    y = {"tickvals": marks, "ticktext": [f"{n:g}\N{NO-BREAK SPACE}times" for n in marks]}
    across, up = value_axis("sparsity", log=True), value_axis("", log=True)
    return {
        "xaxis": {**across, **x, "range": np.log10([sparsities[0], sparsities[-1]])},
        "yaxis": {**up, **y, "range": np.log10([low, high])},
    }


def _finding(sparsities: Sequence[int], multiples: Mapping[str, Sequence[float]]) -> str:
    """Name the largest multiple of every quantity and where it is."""
    said = []
    for name, values in multiples.items():
        best = int(np.argmax(values))
        said.append(f"{name} up to {values[best]:.3g} times (sparsity {sparsities[best]})")
    return f"With the FLOPs of the dense model: {', '.join(said)}."
