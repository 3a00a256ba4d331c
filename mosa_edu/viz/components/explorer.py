"""What the routing explorer is given to draw: examples, the model behind them, a first frame."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace, recorded_path
from mosa_edu.texts import PROBES
from mosa_edu.viz.components.finding import finding, specialists, token_labels
from mosa_edu.viz.style import LIGHT, MONO, SANS

_PRINTABLE = {*range(33, 127), *range(161, 173), *range(174, 256)}


@dataclass(frozen=True)
class PageModel:
    """A model file that a page can load.

    Attributes
    ----------
    path : Path
        The safetensors file.
    name, sha256 : str
        What the model is called; hash of the whole file.
    size : int
        Bytes of the file.
    config : dict
        Fields of `ModelConfig`.
    provenance : dict
        Where the model comes from.
    entries : tuple of str
        The vocabulary as text: hexadecimal digits, in angle quotes, where an entry
        is no whole character.
    """

    path: Path
    name: str
    sha256: str
    size: int
    config: dict[str, Any]
    provenance: dict[str, Any]
    entries: tuple[str, ...]

    @classmethod
    def read(cls, path: str | Path) -> "PageModel":
        """Read a file that `mosa_edu.pretrained.save_page_model` wrote."""
        path = Path(path)
        require(path.is_file(), "model", str(path), "an existing model file")
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = _header(data[8 : 8 + length])
        ends = [entry["data_offsets"][1] for entry in header.values() if "data_offsets" in entry]
        whole = bool(ends) and 8 + length + max(ends) == len(data)
        require(whole, "model", str(path), "a whole safetensors file")
        metadata = header.get("__metadata__", {})
        missing = sorted({"name", "config", "merges"} - metadata.keys())
        require(not missing, "model", f"a file without {missing}", "a file of save_page_model")
        return cls(
            path=path,
            name=metadata["name"],
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            config=json.loads(metadata["config"]),
            provenance=json.loads(metadata.get("provenance", "{}")),
            entries=tuple(vocabulary_texts(metadata["merges"])),
        )

    def weights(self, url: str | None) -> dict[str, Any]:
        """Return what a figure needs to fetch the file from `url` and to check what came."""
        return {"url": url, "sha256": self.sha256, "bytes": self.size}


def _header(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data)
    except ValueError:  # also bytes that are no text
        return {}
    return header if isinstance(header, dict) else {}


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
        *(_text_page_model(bytes(byte_of[character] for character in entry)) for entry in made),
    ]


def _bytes_by_character() -> dict[str, int]:
    """Return the byte that each printable character of a byte-level vocabulary stands for."""
    spare = iter(range(256, 512))
    return {chr(byte if byte in _PRINTABLE else next(spare)): byte for byte in range(256)}


def _text_page_model(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"<{data.hex(' ')}>"


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
    """Collect what the component needs, as plain JSON values."""
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

    >>> slug("Night on the road")
    'night-on-the-road'
    """
    words = "".join(c if c.isalnum() and c.isascii() else " " for c in title.lower()).split()
    return "-".join(words) or "example"


def first_head(trace: RoutingTrace) -> tuple[int, int]:
    """Choose a head for the first frame: one that keeps a kind of token and looks around."""
    found = [(specialist.layer, specialist.head) for specialist in specialists(trace)]
    curious = [at for at in found if _own_weight(trace, *at) < 0.5]
    return (curious or found or [(trace.layers - 1, 0)])[0]


def first_token(trace: RoutingTrace, layer: int, head: int) -> int:
    """Choose a token for the first frame: the pick that looks around most and has a follower."""
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
    model = _shipped("explorer")
    return model if model and model.sha256 == trace.model["sha256"] else None


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


WIDTH = 726
_LINE = 26
_CELL = 8.4  # width of a 14 px monospaced character
_CHART = 110
_HEADINGS = ("Rank", "Position", "Token", "Score", "Margin to cut", "Picked", "Heads")


def fallback_html(trace: RoutingTrace, layer: int, head: int) -> str:
    """Return what a reader without scripts sees of a head."""
    found = finding(trace, layer, head)
    caption = f"<b>{escape(found.sentence)}</b> {escape(found.detail)}"
    return (
        f"<figure>\n<figcaption>{caption}</figcaption>\n"
        f"{_picture(trace, layer, head, found.sentence)}\n"
        f"<details><summary>All tokens as a table</summary>\n{_table(trace, layer, head)}\n"
        "</details>\n</figure>"
    )


def _colour(name: str) -> str:
    """Return a colour that follows the page's theme where the page has one."""
    return f"var(--mosa-{name.replace('_', '-')},{getattr(LIGHT, name)})"


def _picture(trace: RoutingTrace, layer: int, head: int, sentence: str) -> str:
    text, height = _text(trace, layer, head)
    chart = _chart(trace, layer, head, height + 12)
    total = height + 12 + _CHART
    return (
        f'<svg viewBox="0 0 {WIDTH} {total}" width="100%" role="img" '
        f'aria-label="{escape(sentence)}" style="max-width:{WIDTH}px">\n'
        f"<g font-family='{MONO}' font-size='14'>{text}</g>\n"
        f"<g font-family='{SANS}' font-size='11'>{chart}</g>\n</svg>"
    )


def _text(trace: RoutingTrace, layer: int, head: int) -> tuple[str, int]:
    """Lay the tokens out in lines, picks in reverse; return the marks and their height."""
    kept = set(trace.picks(layer, head).tolist())
    labels = token_labels([token.text for token in trace.tokens])
    x, y, parts = 0.0, 0, []
    for position, token in enumerate(trace.tokens):
        body = token.text.strip() or labels[position]
        lead = _CELL if token.text.startswith(" ") and x else 0.0
        width = _CELL * len(body)
        x, y = (0.0, y + _LINE) if x + lead + width > WIDTH else (x + lead, y)
        ink = "ink"
        if position in kept:
            ink = "pick_ink"
            box = f'x="{x - 2:.1f}" y="{y + 3}" width="{width + 4:.1f}" height="20" rx="4"'
            parts.append(f'<rect {box} style="fill:{_colour("pick")}"/>')
        place = f'x="{x:.1f}" y="{y + 18}" textLength="{width:.1f}"'
        parts.append(f'<text {place} style="fill:{_colour(ink)}">{escape(body)}</text>')
        x += width
        if "\n" in token.text:
            x, y = 0.0, y + _LINE
    return "".join(parts), y + _LINE


def _chart(trace: RoutingTrace, layer: int, head: int, top: int) -> str:
    """Draw one dot a token by its score, and the score of the last token in."""
    scores = trace.router_scores()[layer, head]
    kept = set(trace.picks(layer, head).tolist())
    bottom, highest = top + _CHART - 8, max(float(scores.max()), 1e-6)
    step = min((WIDTH - 106) / trace.T, 24)

    def level(score: float) -> float:
        return bottom - (_CHART - 24) * score / highest

    parts = []
    for position, score in enumerate(scores.tolist()):
        fill = "pick" if position in kept else "ground"
        stroke = "pick" if position in kept else "quiet"
        radius = 3.5 if position in kept else 2
        x = 58 + (position + 0.5) * step
        style = f"fill:{_colour(fill)};stroke:{_colour(stroke)}"
        parts.append(f'<circle cx="{x:.1f}" cy="{level(score):.1f}" r="{radius}" style="{style}"/>')
    cut = float(min(scores[position] for position in kept)) if kept else 0.0
    end, y = 58 + trace.T * step, level(cut)
    parts.append(f'<path d="M58 {y:.1f}H{end:.1f}" style="stroke:{_colour("ink")}"/>')
    label = f"{cut:.3f}".removeprefix("0")
    parts.append(
        f'<text x="{end + 6:.1f}" y="{y + 4:.1f}" style="fill:{_colour("ink")}">{label}</text>'
    )
    return "".join(parts)


def _table(trace: RoutingTrace, layer: int, head: int) -> str:
    """List every token in order of its score."""
    scores = trace.router_scores()[layer, head]
    kept = set(trace.picks(layer, head).tolist())
    cut = min((float(scores[position]) for position in kept), default=0.0)
    labels = token_labels([token.text for token in trace.tokens])
    heads = trace.heads_per_token()
    rows = []
    for rank, position in enumerate(trace.order[layer, head].tolist(), start=1):
        score = float(scores[position])
        picked = "yes" if position in kept else "no"
        label = escape(labels[position])
        cells = (rank, position, label, f"{score:.3f}", f"{score - cut:+.3f}", picked)
        line = "".join(f"<td>{cell}</td>" for cell in (*cells, heads[position]))
        rows.append(f"<tr>{line}</tr>")
    names = "".join(f'<th scope="col">{name}</th>' for name in _HEADINGS)
    caption = f"Layer {layer}, head {head}: every token, in order of the router's score"
    return (
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{names}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody>\n</table>"
    )


def shipped_model(sha256: str | None) -> PageModel | None:
    """Return the shipped model, if it is the one with this hash."""
    model = _shipped("explorer")
    return model if model is not None and model.sha256 == sha256 else None


def shipped_causal() -> PageModel | None:
    """Return the shipped model that a causal rule trained, if there is one."""
    return _shipped("causal")


def _shipped(name: str) -> PageModel | None:
    path = recorded_path(name, "model.safetensors")
    return PageModel.read(path) if path.is_file() else None


def causal_data(
    causal: PageModel | None, model: PageModel | None, weights_url: str | None
) -> dict[str, Any] | None:
    """Collect weights and words on a second model that a causal rule trained."""
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
    """Collect texts, weights and words on the model, as plain JSON values."""
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
