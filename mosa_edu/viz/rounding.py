"""Numbers as pages and notebooks store them: six significant digits.

More of them are of no use to a reader, and the last ones depend on the processor's logarithm.
"""

import base64
from typing import Any

import numpy as np

DIGITS = 6


def rounded(value: Any) -> Any:
    """Round every float in plain JSON values, those in Plotly's binary arrays included.

    Examples
    --------
    >>> rounded({"x": [1.777321508289949, 2, 0.1 + 0.2], "y": 123456789.0})
    {'x': [1.77732, 2, 0.3], 'y': 123457000.0}
    """
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        if value.get("dtype") in ("f4", "f8") and isinstance(value.get("bdata"), str):
            numbers = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
            short = np.array([float(f"{x:.{DIGITS}g}") for x in numbers], value["dtype"])
            return {**value, "bdata": base64.b64encode(short.tobytes()).decode("ascii")}
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value
