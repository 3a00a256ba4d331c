"""From a model and a text to a routing trace, through the activation cache of its layers."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.attention import SparseAttention
from mosa_edu.checks import require
from mosa_edu.model import TransformerLM
from mosa_edu.modes import evaluating
from mosa_edu.records import RoutingTrace, Token, provenance, write_atomic
from mosa_edu.records.history import RoutingHistory
from mosa_edu.records.trace import N_NEXT
from mosa_edu.selection import ActivationCache, ExpertChoice, Selection
from mosa_edu.selection.expert_choice import rank_of_each


class Spans(Protocol):
    """A tokenizer that says which characters each token stands for."""

    def spans(self, text: str) -> Sequence[tuple[int, str, int, int]]:
        """Encode a text to (id, text, start, end), start and end in code points."""


def spans_of(tokenizer: Any, text: str) -> list[Token]:
    """Cut a text with anybody's tokenizer.

    Parameters
    ----------
    tokenizer : object
        One of ours, with ``spans``; a fast tokenizer of Hugging Face; a `tokenizers.Tokenizer`;
        or the vocabulary as a list of strings, of which the longest that fits is taken.
    text : str
        To be cut; no special tokens are added.

    Returns
    -------
    list of Token
        They follow one another without a gap: what a tokenizer drops, such as spaces, belongs to
        the token behind it. Of a character in several tokens the last one has the text.

    Raises
    ------
    ValueError
        If the tokenizer is of another kind, or its vocabulary lacks a character.

    Examples
    --------
    >>> [token.text for token in spans_of(["a", "b", "ab"], "abba")]
    ['ab', 'b', 'a']
    """
    if hasattr(tokenizer, "spans"):
        return [Token(*span) for span in tokenizer.spans(text)]
    if isinstance(tokenizer, Sequence) and not isinstance(tokenizer, str):
        return _longest_first(tokenizer, text)
    if getattr(tokenizer, "is_fast", False):  # of Hugging Face
        found = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
        ids, offsets = found["input_ids"], found["offset_mapping"]
    else:
        try:
            encoding = tokenizer.encode(text, add_special_tokens=False)
            ids, offsets = encoding.ids, encoding.offsets
        except (AttributeError, TypeError):
            kinds = "one with offsets: a fast one of Hugging Face, a tokenizers.Tokenizer, a list"
            raise ValueError(
                f"tokenizer must be {kinds} of strings, or have spans(text), got "
                f"{type(tokenizer).__name__}"
            ) from None
    tokens, end = [], 0
    for number, (token, (start, stop)) in enumerate(zip(ids, offsets, strict=True)):
        last = number + 1 == len(ids)
        shared = not last and offsets[number + 1][0] < stop
        stop = len(text) if last else max(end, start if shared else stop)
        tokens.append(Token(int(token), text[end:stop], end, stop))
        end = stop
    return tokens


def _longest_first(vocabulary: Sequence[str], text: str) -> list[Token]:
    """Cut a text into entries of a vocabulary, at each place the longest one."""
    known = {entry: number for number, entry in enumerate(vocabulary) if entry}
    longest, tokens, start = max(map(len, known), default=0), [], 0
    while start < len(text):
        sizes = range(min(longest, len(text) - start), 0, -1)
        size = next((n for n in sizes if text[start : start + n] in known), 0)
        require(size > 0, "text", text[start], "made of the tokenizer's entries")
        piece = text[start : start + size]
        tokens.append(Token(known[piece], piece, start, start + size))
        start += size
    return tokens


@contextmanager
def recording(model: nn.Module, cache: ActivationCache) -> Iterator[list[SparseAttention]]:
    """Let every sparse layer of any model tell a cache what it does inside a `with` block.

    Layers are numbered in the order in which they are first called; the block gets them as a list.
    """
    called: list[SparseAttention] = []

    def hand_over(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        assert isinstance(layer, SparseAttention)
        if layer not in called:
            called.append(layer)
        cache.layer = called.index(layer)
        if len(args) < 3:
            return args, {**kwargs, "record": cache}
        return (*args[:2], cache, *args[3:]), kwargs

    layers = [layer for layer in model.modules() if isinstance(layer, SparseAttention)]
    handles = [
        layer.register_forward_pre_hook(hand_over, with_kwargs=True, prepend=True)
        for layer in layers
    ]
    try:
        yield called
    finally:
        for handle in handles:
            handle.remove()


def logits_of(model: nn.Module, ids: Tensor) -> Tensor:
    """Run any language model on ids (B, T) and return its logits (B, T, V).

    They may come in a tuple, a dictionary or an object with ``logits``. A model that gives all of
    them only with ``targets``, as nanoGPT does, gets its own input as targets.
    """
    B, T = ids.shape
    found = _logits_in(model(ids))
    if found is not None and found.shape[:2] == (B, 1) and T > 1:
        found = _logits_in(model(ids, targets=ids))
    shape = None if found is None else tuple(found.shape)
    whole = found is not None and found.dim() == 3 and found.shape[:2] == (B, T)
    require(whole, "model", shape, f"one that returns logits (B={B}, T={T}, V)")
    assert found is not None
    return found


def _logits_in(output: Any) -> Tensor | None:
    if isinstance(output, Mapping):
        output = output.get("logits")
    elif isinstance(output, tuple | list):
        output = next(
            (part for part in output if isinstance(part, Tensor) and part.dim() == 3), None
        )
    return output if isinstance(output, Tensor) else getattr(output, "logits", None)


def longest_text(model: nn.Module) -> int | None:
    """Return how many tokens a model reads at most, if its config says so."""
    config = getattr(model, "config", None)
    for name in ("max_seq_len", "block_size", "max_position_embeddings", "n_positions"):
        if isinstance(limit := getattr(config, name, None), int):
            return limit
    return None


def trace(
    model: nn.Module,
    tokenizer: Any,
    text: str,
    *,
    name: str = "model",
    sha256: str | None = None,
    source: dict[str, Any] | None = None,
) -> RoutingTrace:
    """Run a model on a text and write down its routing, attention and predictions.

    Parameters
    ----------
    model : nn.Module
        Any language model that contains `SparseAttention` layers, alone or in hybrids, and maps
        ids (B, T) to logits (B, T, V); see `logits_of`. It is left in the mode it was in.
    tokenizer : object
        Its own tokenizer, or anybody's; see `spans_of`.
    text : str
        At least one token, at most as many as the model reads.
    name, sha256 : str, optional
        What the trace calls the model; hash of its weights file.
    source : dict, optional
        Provenance as plain JSON values, found out if it is not given.

    Notes
    -----
    The trace holds loss and rank of every token that really follows. Heads that the text fills say
    in `counts` how many tokens they keep, and k is the largest of these counts. Clusters of routing
    heads are no selection, and are refused.
    """
    require(text != "", "text", text, "at least one character long")
    tokens = spans_of(tokenizer, text)
    limit = longest_text(model)
    allowed = f"at most {limit} tokens long, the model's max_seq_len"
    require(limit is None or len(tokens) <= limit, "text", f"{len(tokens)} tokens", allowed)
    ids = torch.tensor([token.id for token in tokens])
    cache = ActivationCache()
    device = next(model.parameters()).device
    with evaluating(model), torch.no_grad(), recording(model, cache) as layers:
        logits = logits_of(model, ids[None].to(device))[0].float().cpu()  # (T, V)
    require(len(layers) > 0, "model", "one without any", "one with heads that select tokens")
    heads = {layer.n_heads for layer in layers}
    require(len(heads) == 1, "model", f"layers of {sorted(heads)} sparse heads", "of equally many")
    require(bool(logits.isfinite().all()), "logits", "NaN or inf", "finite: the weights are broken")
    if source is None:
        gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
        source = provenance(torch.__version__, gpu)
    arrays: dict[str, Any] = _routing(cache, len(tokens)) | _predictions(logits, ids)
    return RoutingTrace(
        model={"name": name, "sha256": sha256},
        tokens=tokens,
        sparsity=int(getattr(layers[0].selector, "sparsity", 0)) or 1,
        provenance=source,
        **arrays,
    )


def _routing(cache: ActivationCache, T: int) -> dict[str, Any]:
    """Arrays of all layers, each (L, H, ...), from what the sparse heads recorded."""
    layers = sorted(layer for layer, kind in cache.tensors if kind == "sparse")
    rows = [_layer_routing(cache, layer, T) for layer in layers]
    widest = max(indices.shape[-1] for _, _, indices, _, _ in rows)
    rows = [_widened(row, widest) for row in rows]
    scores, order, indices, attention, counts = (
        np.stack(column) for column in zip(*rows, strict=True)
    )
    k = max(int(counts.max()), 1)
    variable = bool((counts < k).any())
    i, j = np.tril_indices(k)
    return {
        "scores": np.round(65535 * scores).astype(np.uint16),
        "order": order.astype(np.uint8 if T <= 256 else np.uint16),
        "indices": indices[..., :k].astype(np.uint16),
        "attention": np.round(255 * attention[..., i, j]).astype(np.uint8),
        "counts": counts.astype(np.uint16) if variable else None,
    }


def _widened(row: tuple[np.ndarray, ...], k: int) -> tuple[np.ndarray, ...]:
    """Give a layer that keeps fewer tokens as many places as the others have."""
    scores, order, indices, attention, counts = row
    more = k - indices.shape[-1]
    indices = np.pad(indices, ((0, 0), (0, more)))
    return scores, order, indices, np.pad(attention, ((0, 0), (0, more), (0, more))), counts


def _layer_routing(cache: ActivationCache, layer: int, T: int) -> tuple[np.ndarray, ...]:
    """Scores (H, T), order (H, T), indices (H, k), attention (H, k, k) and counts (H,)."""
    sparse = cache.tensors[layer, "sparse"]
    indices = sparse["indices"][0].numpy()  # (H, k)
    valid = sparse["valid"][0].numpy() if "valid" in sparse else np.ones(indices.shape, dtype=bool)
    used = valid[:, :, None] & valid[:, None, :]
    attention = sparse["attention_weights"][0].double().numpy() * used
    router = cache.tensors.get((layer, "router"))
    if router is not None:
        logits = router["router_logits"][0]
    else:
        picked = torch.zeros(len(indices), T + 1, dtype=torch.float64)
        picked.scatter_(1, torch.from_numpy(np.where(valid, indices, T)), 1.0)
        logits = torch.where(picked[:, :T] > 0, torch.inf, -torch.inf)
    require(not bool(logits.isnan().any()), "router_logits", "NaN", "numbers")
    order = rank_of_each(logits).sort(dim=-1).indices  # ties as the selectors see them
    scores = logits.double().sigmoid().numpy()
    return scores, order.numpy(), indices, attention, valid.sum(axis=1)


def _predictions(logits: Tensor, ids: Tensor) -> dict[str, Any]:
    """Find the likeliest next tokens (T, 5), and how the true ones (T - 1,) fared."""
    vocab_size = logits.shape[-1]
    known = N_NEXT <= vocab_size <= 65536
    require(known, "vocab_size", vocab_size, f"in [{N_NEXT}, 65536]")
    log_probabilities = logits.log_softmax(dim=-1)
    best = logits.sort(dim=-1, descending=True, stable=True).indices[:, :N_NEXT]
    probabilities = log_probabilities.gather(-1, best).exp().double().numpy()
    truth = ids[1:, None]
    true_logits = logits[:-1].gather(-1, truth)  # (T - 1, 1)
    before = torch.arange(vocab_size) < truth
    likelier = (logits[:-1] > true_logits) | ((logits[:-1] == true_logits) & before)
    return {
        "next_ids": best.numpy().astype(np.uint16),
        "next_probabilities": np.round(65535 * probabilities).astype(np.uint16),
        "true_loss": -log_probabilities[:-1].gather(-1, truth)[:, 0].numpy(),
        "true_rank": likelier.sum(dim=-1).numpy().astype(np.uint16),
    }


class Tracer:
    """Trace texts with one model, with its own k or with another; see `trace`.

    >>> from mosa_edu import load_pretrained
    >>> tracer = Tracer(*load_pretrained())
    >>> text = "The clock said that the night was young."
    >>> tracer(text).k, tracer(text, k=5).k, tracer(text).k
    (2, 5, 2)
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        *,
        name: str = "model",
        sha256: str | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.sha256 = sha256

    def __repr__(self) -> str:
        return f"Tracer({self.name!r})"

    def __call__(self, text: str, k: int | None = None) -> RoutingTrace:
        """Run the model on a text."""
        if k is not None:
            T = len(spans_of(self.tokenizer, text))
            require(min(2, T) <= k <= T, "k", k, f"in [{min(2, T)}, {T}], T = {T}")
        with nullcontext() if k is None else keeping(self.model, k):
            return trace(self.model, self.tokenizer, text, name=self.name, sha256=self.sha256)


Choose = Callable[[ExpertChoice, Tensor, Selection], Selection]
"""From a selector, its router logits (B, H, T) and its own selection to another one."""


def keeping(model: nn.Module, k: int) -> AbstractContextManager[None]:
    """Let every sparse head keep its k best tokens, whatever the length of the text."""
    return selecting(mosa_selectors(model), lambda own, logits, _: own.best(logits, k))


def mosa_selectors(model: nn.Module) -> list[ExpertChoice]:
    """Return the selectors of all layers with sparse heads, refusing any but expert choice."""
    layers = [layer for layer in model.modules() if isinstance(layer, SparseAttention)]
    selectors = [layer.selector for layer in layers if isinstance(layer.selector, ExpertChoice)]
    known = 0 < len(selectors) == len(layers)
    allowed = "one whose heads keep their k best tokens"
    require(known, "model", "one with another rule of selection", allowed)
    return selectors


@contextmanager
def selecting(selectors: Iterable[ExpertChoice], choose: Choose) -> Iterator[None]:
    """Let somebody else choose in place of some selectors inside a `with` block.

    The router still scores: whoever chooses takes gates from its logits, and a cache sees them.
    """

    def hook(selector: nn.Module, given: tuple[Any, ...], own: Selection) -> Selection:
        assert isinstance(selector, ExpertChoice)
        return choose(selector, selector.router(given[0]), own)

    handles = [selector.register_forward_hook(hook) for selector in selectors]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class RoutingLog:
    """A trainer's `on_step` that records the routing of fixed texts.

    Each call writes one small file named by its step, so a run that resumes and calls again for
    the same step with the same weights writes the same file.
    """

    def __init__(self, tokenizer: Spans, texts: Mapping[str, str], folder: Path | str) -> None:
        self.folder = Path(folder)
        self.spans = {name: tokenizer.spans(text) for name, text in texts.items()}

    def __call__(self, step: int, model: torch.nn.Module) -> None:
        """Record the routing of all texts; `model` is in evaluation mode, without gradients."""
        entries = {name: _probe(model, spans) for name, spans in self.spans.items()}
        write_atomic(self.folder / f"{step:08d}.json", json.dumps({"step": step, "texts": entries}))

    def histories(
        self, run: str, tokens_at: Mapping[int, int], provenance: Mapping[str, Any]
    ) -> dict[str, RoutingHistory]:
        """Join the files of all recorded steps."""
        found = [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]
        found = [entry for entry in found if entry["step"] in tokens_at]
        steps = [entry["step"] for entry in found]
        return {
            name: RoutingHistory(
                name=run,
                pieces=[span[1] for span in spans],
                steps=steps,
                tokens_seen=[tokens_at[step] for step in steps],
                losses=[entry["texts"][name]["loss"] for entry in found],
                indices=np.array(
                    [entry["texts"][name]["indices"] for entry in found],
                    dtype=np.uint8 if len(spans) <= 256 else np.uint16,
                ),
                provenance=dict(provenance),
            )
            for name, spans in self.spans.items()
        }


def _probe(model: torch.nn.Module, spans: Any) -> dict[str, Any]:
    """Mean loss and picks, (L, H, k), of one text."""
    assert isinstance(model, TransformerLM)
    ids = torch.tensor([[span[0] for span in spans]], device=next(model.parameters()).device)
    cache = ActivationCache()
    logits = model(ids, record=cache).float()
    loss = F.cross_entropy(logits[0, :-1], ids[0, 1:])
    layers = sorted(layer for layer, kind in cache.tensors if kind == "sparse")
    indices = [cache.tensors[layer, "sparse"]["indices"][0].tolist() for layer in layers]
    return {"loss": round(float(loss), 4), "indices": indices}
