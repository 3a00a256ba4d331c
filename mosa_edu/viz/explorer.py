"""What the routing explorer is given to draw: examples, the model behind them, a first frame."""

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.finding import specialists
from mosa_edu.viz.page_model import PageModel

WEIGHTS_URL = "_static/models/explorer/model.safetensors"
CAUSAL_URL = "_static/models/causal/model.safetensors"
"""Where the built book keeps the shipped model, from its root."""
LINKS = ("leak", "budget", "selftest")


def explorer_data(
    examples: Mapping[str, RoutingTrace],
    model: PageModel | None,
    *,
    start: Mapping[str, int],
    weights_url: str | None = WEIGHTS_URL,
    fetched: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Collect what the component needs, as plain JSON values.

    Parameters
    ----------
    examples : mapping of str to RoutingTrace
        Traces of one model by title; the first one is drawn first.
    model : PageModel, optional
        The model that made them; without it readers cannot run their own text.
    start : mapping
        `layer`, `head` and `token` of the first frame; token -1 is the last pick.
    weights_url : str, optional
        Where a page finds the model file, from the root of its book.
    fetched : mapping of str to str, optional
        Addresses of examples, by title, that a page fetches when they are asked for.
    links : mapping of str to str, optional
        Addresses of explanations, by names of `LINKS`.

    Returns
    -------
    dict
        The component's `data`.

    Raises
    ------
    ValueError
        If the examples are of different models, or of another one than `model`.
    """
    fetched, links = fetched or {}, links or {}
    first = next(iter(examples.values()))
    _check_examples(examples, model, fetched)
    unknown = sorted(set(links) - set(LINKS))
    require(not unknown, "links", unknown, f"addresses by the names {LINKS}")
    weights: dict[str, Any] = {"url": None, "sha256": None, "bytes": 0}
    if model is not None:
        weights = model.weights(weights_url)
    rows = [
        {
            "name": slug(title),
            "title": title,
            "url": fetched.get(title),
            "trace": None if title in fetched else json.loads(trace.to_json()),
        }
        for title, trace in examples.items()
    ]
    return {
        "examples": rows,
        "config": _config(first, model),
        "vocabulary": _vocabulary(examples, model),
        "weights": weights,
        "kernel": False,
        "start": {"example": rows[0]["name"], **start},
        "links": {name: links.get(name) for name in LINKS},
        "model": first.model["name"],
        "about": about(first, model),
    }


def slug(title: str) -> str:
    """Turn a title into a name for links.

    Examples
    --------
    >>> slug("Night on the road")
    'night-on-the-road'
    """
    words = "".join(c if c.isalnum() and c.isascii() else " " for c in title.lower()).split()
    return "-".join(words) or "example"


def first_head(trace: RoutingTrace) -> tuple[int, int]:
    """Choose a head for the first frame: one that keeps a kind of token and looks around.

    Returns
    -------
    tuple of int
        Layer and head: of the heads that keep one kind most purely, the first whose tokens give
        half of their attention to others; else the first of them; else the last layer's first.
    """
    found = [(specialist.layer, specialist.head) for specialist in specialists(trace)]
    curious = [at for at in found if _own_weight(trace, *at) < 0.5]
    return (curious or found or [(trace.layers - 1, 0)])[0]


def first_token(trace: RoutingTrace, layer: int, head: int) -> int:
    """Choose a token for the first frame: the pick that looks around most and is followed by one.

    Returns
    -------
    int
        A position, -1 if the head keeps no token before the last.
    """
    picks = trace.picks(layer, head)
    own = np.diag(trace.attention_matrix(layer, head))
    usable = [i for i, position in enumerate(picks) if position < trace.T - 1]
    return int(picks[min(usable, key=lambda i: (own[i], -i))]) if usable else -1


def _own_weight(trace: RoutingTrace, layer: int, head: int) -> float:
    """Return the mean attention of a head's tokens to themselves; the first can do nothing else."""
    own = np.diag(trace.attention_matrix(layer, head))[1:]
    return float(own.mean()) if own.size else 1.0


def about(trace: RoutingTrace, model: PageModel | None) -> str:
    """Say in a sentence what was traced."""
    if model is None:
        name = trace.model["name"]
        return f"Model {name}: {trace.layers} layers with {trace.heads} sparse heads each."
    config = model.config
    dense, local = config["n_dense_heads"], config["n_local_heads"]
    kinds = {"dense": dense, "local": local, config["sparse"]: config["n_sparse_heads"]}
    heads = " + ".join(f"{number} {_kind(kind)}" for kind, number in kinds.items() if number)
    others = config["n_layers"] * (dense + local)
    also = f"; the {others} other heads are not drawn" if others else ""
    if others and not local:
        also = f"; the {others} dense heads pick every token and are not drawn"
    return (
        f"Trained model: {config['n_layers']} layers, {heads} heads, d = {config['d_model']}{also}."
    )


def recorded_model(trace: RoutingTrace) -> PageModel | None:
    """Return the shipped model if the trace is of it."""
    path = Path(str(resources.files("mosa_edu") / "recorded" / "explorer" / "model.safetensors"))
    if not path.is_file():
        return None
    model = PageModel.read(path)
    return model if model.sha256 == trace.model["sha256"] else None


def _kind(kind: str) -> str:
    return "MoSA" if kind == "mosa" else kind


def _check_examples(
    examples: Mapping[str, RoutingTrace], model: PageModel | None, fetched: Mapping[str, str]
) -> None:
    titles = list(examples)
    first = examples[titles[0]]
    for title, trace in examples.items():
        same = (trace.model, trace.layers, trace.heads) == (first.model, first.layers, first.heads)
        require(same, "examples", title, f"traces of one model, {first.model}")
    names = {slug(title) for title in titles}
    require(len(names) == len(titles), "examples", titles, "titles that differ in their words")
    known = set(fetched) <= set(titles[1:])
    require(known, "fetched", sorted(fetched), f"addresses of {titles[1:]}")
    if model is not None:
        same = first.model["sha256"] == model.sha256
        require(same, "model", model.sha256, f"the traced model, {first.model['sha256']}")


def _config(trace: RoutingTrace, model: PageModel | None) -> dict[str, Any]:
    if model is not None:
        return model.config
    return {
        "n_layers": trace.layers,
        "n_sparse_heads": trace.heads,
        "sparsity": trace.sparsity,
        "sparse": "mosa",
        "include_first": False,
        "max_seq_len": trace.T,
        "d_model": None,
        "d_head": None,
    }


def _vocabulary(examples: Mapping[str, RoutingTrace], model: PageModel | None) -> dict[str, str]:
    """Return the text of every entry that an example predicts."""
    texts = {token.id: token.text for trace in examples.values() for token in trace.tokens}
    if model is not None:
        ids = {int(i) for trace in examples.values() for i in trace.next_ids.ravel()}
        texts |= {i: model.entries[i] for i in ids}
    return {str(i): texts[i] for i in sorted(texts)}
