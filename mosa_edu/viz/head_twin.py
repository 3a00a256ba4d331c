"""What the static twin of the head browser draws: one byte a score, one a rank."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mosa_edu.records import RoutingTrace
from mosa_edu.records.arrays import encode
from mosa_edu.viz.finding import ranked_picks
from mosa_edu.viz.what_if import k_bounds, keeps_its_best


def twin_state(
    texts: Mapping[str, RoutingTrace], text: str, layer: int, head: int, k: int
) -> dict[str, Any]:
    """Collect what the twin needs, as plain JSON values.

    Parameters
    ----------
    texts : mapping of str to RoutingTrace
        By title; all of one number of layers and heads.
    text : str
        Title of the first frame.
    layer, head, k : int
        Head and k of the first frame.

    Returns
    -------
    dict
        The component's state, about 3 KB for each 1,000 pairs of a head and a token.
    """
    shown = {"text": list(texts).index(text), "layer": layer, "head": head, "k": k}
    return {"texts": [_text(*item) for item in texts.items()], **shown}


def _text(title: str, trace: RoutingTrace) -> dict[str, Any]:
    rows = list(np.ndindex(trace.layers, trace.heads))
    picks = [trace.picks(*row).tolist() for row in rows]
    return {
        "title": title,
        "tokens": [token.text for token in trace.tokens],
        "layers": trace.layers,
        "heads": trace.heads,
        "k": trace.k,
        "bounds": k_bounds(trace, live=False),
        "scores": encode(np.round(trace.scores / 257).astype(np.uint8)),
        "order": encode(trace.order),
        "picks": None if keeps_its_best(trace) else picks,
        "level": [place for place, row in enumerate(rows) if not ranked_picks(trace, *row)],
    }
