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
    path = Path(str(resources.files("mosa_edu") / "recorded" / "explorer" / "model.safetensors"))
    if not path.is_file():
        return None
    model = PageModel.read(path)
    return model if model.sha256 == sha256 else None


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
    named = {name.capitalize(): own for name, own in PROBES.items()} if texts is None else texts
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
        weights = {"url": weights_url, "sha256": model.sha256, "bytes": model.size}
        config = model.config
    layers, heads = config["n_layers"], config["n_sparse_heads"]
    return {
        "texts": [{"name": slug(title), "title": title, "text": own} for title, own in rows],
        "config": dict(config),
        "weights": weights,
        "kernel": False,
        "model": record_model["name"],
        "about": f"Model {record_model['name']}: {layers} layer{'' if layers == 1 else 's'} with "
        f"{heads} MoSA head{'' if heads == 1 else 's'} each.",
    }
