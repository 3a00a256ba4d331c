"""What a figure is given so that its reader can run the model in the page: texts and weights."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.texts import PROBES
from mosa_edu.viz.explorer import slug
from mosa_edu.viz.page_model import PageModel


def shipped_model(sha256: str | None) -> PageModel | None:
    """Return the shipped model, if it is the one with this hash."""
    model = _shipped("explorer")
    return model if model is not None and model.sha256 == sha256 else None


def shipped_causal() -> PageModel | None:
    """Return the shipped model that a causal rule trained, if there is one."""
    return _shipped("causal")


def _shipped(name: str) -> PageModel | None:
    path = Path(str(resources.files("mosa_edu") / "recorded" / name / "model.safetensors"))
    return PageModel.read(path) if path.is_file() else None


def causal_data(
    causal: PageModel | None, model: PageModel | None, weights_url: str | None
) -> dict[str, Any] | None:
    """Collect weights and words on a second model that a causal rule trained.

    Parameters
    ----------
    causal, model : PageModel, optional
        The second model and the first.
    weights_url : str, optional
        Where a built page finds the second one's file, from its root.

    Returns
    -------
    dict or None
        `config`, `weights`, `model` and `about`; None without a second model.

    Raises
    ------
    ValueError
        If the second model was trained by another rule, or if the two cut texts otherwise.
    """
    if causal is None:
        return None
    kind = causal.config["sparse"]
    require(kind == "prefix", "causal", kind, "a model that prefix top-k trained")
    ways = [(m.entries, m.config["max_seq_len"]) for m in (causal, model or causal)]
    require(ways[0] == ways[1], "causal", causal.name, "a model that cuts texts as the first does")
    return {
        "config": causal.config,
        "weights": causal.weights(weights_url),
        "model": causal.name,
        "about": _about(causal.name, causal.config, "which prefix top-k trained"),
    }


def _about(name: str, config: Mapping[str, Any], trained: str = "") -> str:
    layers, heads = config["n_layers"], config["n_sparse_heads"]
    kind = "MoSA" if config.get("sparse", "mosa") == "mosa" else "sparse"
    return (
        f"Model {name}{trained and f', {trained}'}: {layers} layer{'' if layers == 1 else 's'} "
        f"with {heads} {kind} head{'' if heads == 1 else 's'} each."
    )


def live_data(
    record_model: Mapping[str, Any],
    text: str,
    texts: Mapping[str, str] | None,
    model: PageModel | None,
    weights_url: str | None,
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """Collect texts, weights and words on the model, as plain JSON values.

    Parameters
    ----------
    record_model : mapping
        `name` and `sha256` of the model that the figure's record is of.
    text : str
        The record's own; it comes first.
    texts : mapping of str to str, optional
        Texts by title that readers may choose; the book's six if they are not given.
    model : PageModel, optional
        The model's file.
    weights_url : str, optional
        Where a built page finds it, from its root.
    config : mapping
        What is known of the model's shape without its file.

    Returns
    -------
    dict
        `texts`, `config`, `weights`, `kernel`, `model` and `about` of a component's data.

    Raises
    ------
    ValueError
        If the file is of another model, or of heads whose choice cannot be changed; or if the
        text is not one of the texts.
    """
    named = PROBES if texts is None else texts
    own = [title for title, other in named.items() if other == text]
    if texts is None and not own:
        named, own = {"Stored example": text, **named}, ["Stored example"]
    require(len(own) > 0, "texts", list(named), "texts that include the record's own")
    rows = [(own[0], text), *((t, other) for t, other in named.items() if t != own[0])]
    weights: dict[str, Any] = {"url": None, "sha256": None, "bytes": 0}
    if model is not None:
        same = model.sha256 == record_model["sha256"]
        require(same, "model", model.sha256, f"the recorded model, {record_model['sha256']}")
        kind = model.config["sparse"]
        require(kind == "mosa", "model", kind, "a model of MoSA heads, whose choice can be changed")
        weights = model.weights(weights_url)
        config = model.config
    return {
        "texts": [{"name": slug(title), "title": title, "text": own} for title, own in rows],
        "config": dict(config),
        "weights": weights,
        "kernel": False,
        "model": record_model["name"],
        "about": _about(record_model["name"], config),
    }
