"""Model files that a page can load, and what a page is told of them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from mosa_edu.checks import require
from mosa_edu.head_kinds import HEAD_KINDS
from mosa_edu.records import recorded_path
from mosa_edu.texts import PROBES

WEIGHTS_URL = "_static/models/explorer/model.safetensors"
CAUSAL_URL = "_static/models/causal/model.safetensors"
"""Where the built book keeps the shipped models, from its root."""
NO_WEIGHTS: Mapping[str, Any] = {"url": None, "sha256": None, "bytes": 0}
_PRINTABLE = {*range(33, 127), *range(161, 173), *range(174, 256)}


@dataclass(frozen=True)
class PageModel:
    """A model file that a page can load: its hash and size, and what its header says.

    `entries` is the vocabulary as text: hexadecimal digits, in angle quotes, where an entry is no
    whole character.
    """

    path: Path
    name: str
    sha256: str
    size: int
    config: dict[str, Any]
    entries: tuple[str, ...]

    @classmethod
    def read(cls, path: str | Path) -> "PageModel":
        """Read a file that `mosa_edu.pretrained.save_page_model` wrote."""
        path = Path(path)
        require(path.is_file(), "model", str(path), "an existing model file")
        try:
            with safe_open(path, "numpy") as file:
                metadata, whole = file.metadata() or {}, len(file.keys()) > 0
        except SafetensorError:
            metadata, whole = {}, False
        require(whole, "model", str(path), "a whole safetensors file")
        missing = sorted({"name", "config", "merges"} - metadata.keys())
        require(not missing, "model", f"a file without {missing}", "a file of save_page_model")
        data = path.read_bytes()
        return cls(
            path=path,
            name=metadata["name"],
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            config=json.loads(metadata["config"]),
            entries=tuple(vocabulary_texts(metadata["merges"])),
        )

    def weights(self, url: str | None) -> dict[str, Any]:
        """Return what a figure needs to fetch the file from `url` and to check what came."""
        return {"url": url, "sha256": self.sha256, "bytes": self.size}


def vocabulary_texts(merges: str) -> list[str]:
    r"""Spell out the vocabulary that merges make.

    >>> vocabulary_texts("t h\nĠ th")[-2:]
    ['th', ' th']
    >>> vocabulary_texts("")[-1]
    '<ad>'
    """
    byte_of = _bytes_by_character()
    pairs = [line.split(" ") for line in merges.splitlines() if line]
    made = dict.fromkeys([*sorted(byte_of), *(left + right for left, right in pairs)])
    return [
        "",
        *(_written(bytes(byte_of[character] for character in entry)) for entry in made),
    ]


def _bytes_by_character() -> dict[str, int]:
    """Return the byte that each printable character of a byte-level vocabulary stands for."""
    spare = iter(range(256, 512))
    return {chr(byte if byte in _PRINTABLE else next(spare)): byte for byte in range(256)}


def _written(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"<{data.hex(' ')}>"


def shipped(name: str, sha256: str | None = None) -> PageModel | None:
    """Return the model of this name that comes with the package, if its hash is this one."""
    path = recorded_path(name, "model.safetensors")
    model = PageModel.read(path) if path.is_file() else None
    return model if model is not None and sha256 in (None, model.sha256) else None


def traced_model(model: str | Path | None, sha256: str | None) -> PageModel | None:
    """Return the model in a file; without one the shipped model, if that is what was traced."""
    if model is not None:
        return PageModel.read(model)
    return None if sha256 is None else shipped("explorer", sha256)


def slug(title: str) -> str:
    """Turn a title into a name for links.

    >>> slug("Night on the road")
    'night-on-the-road'
    """
    words = "".join(c if c.isalnum() and c.isascii() else " " for c in title.lower()).split()
    return "-".join(words) or "example"


def about(name: str, config: Mapping[str, Any]) -> str:
    """Say which model a figure draws.

    >>> about("small", {"n_layers": 4, "n_dense_heads": 2, "n_sparse_heads": 16, "sparse": "mosa"})
    'Trained model small: 4 layers of 2 dense + 16 MoSA heads; the MoSA heads are drawn.'
    """
    sparse = HEAD_KINDS[config.get("sparse", "mosa")].label
    counts = {"dense": config.get("n_dense_heads"), "local": config.get("n_local_heads")}
    heads = " + ".join(f"{n} {kind}" for kind, n in counts.items() if n)
    width = f", d = {config['d_model']}" if "d_model" in config else ""
    drawn = f"; the {sparse} heads are drawn" if heads else ""
    heads = f"{heads} + " if heads else ""
    return (
        f"Trained model {name}: {config['n_layers']} layers of {heads}{config['n_sparse_heads']} "
        f"{sparse} heads{width}{drawn}."
    )


def live_data(
    record: Any,
    texts: Mapping[str, str] | None,
    model: PageModel | None,
    weights_url: str | None,
    shape: Mapping[str, int],
) -> dict[str, Any]:
    """Collect what a figure needs that runs a model on texts, the record's own first."""
    named = PROBES if texts is None else texts
    own = [title for title, text in named.items() if text == record.text]
    if texts is None and not own:
        named, own = {"Stored example": record.text, **named}, ["Stored example"]
    require(len(own) > 0, "texts", list(named), "texts that include the record's own")
    rows = [(own[0], record.text), *((t, text) for t, text in named.items() if t != own[0])]
    if model is not None:
        same = model.sha256 == record.model["sha256"]
        require(same, "model", model.sha256, f"the recorded model, {record.model['sha256']}")
        kind = model.config["sparse"]
        require(kind == "mosa", "model", kind, "a model of MoSA heads, whose choice can be changed")
    config = dict(shape) if model is None else model.config
    return {
        "texts": [{"name": slug(title), "title": title, "text": text} for title, text in rows],
        "config": config,
        "weights": NO_WEIGHTS if model is None else model.weights(weights_url),
        "model": record.model["name"],
        "about": about(record.model["name"], config),
    }
