"""From a model and a text to a routing trace, through the recorder that layers are handed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from mosa_edu.checks import require
from mosa_edu.model import TransformerLM
from mosa_edu.records import RoutingTrace, Token, provenance
from mosa_edu.records.trace_checks import N_NEXT


class Spans(Protocol):
    """The one thing that tracing asks of a tokenizer."""

    def spans(self, text: str) -> Sequence[tuple[int, str, int, int]]:
        """Encode a text to (id, text, start, end), start and end in code points."""


class Recording:
    """A recorder that keeps what the layers of one forward pass hand it.

    Attributes
    ----------
    layer : int
        The layer at work; a model sets it before each block.
    tensors : dict
        By (layer, kind): the tensors of that stage by name, detached, on the CPU.

    Examples
    --------
    >>> from mosa_edu.attention import MosaAttention
    >>> recording = Recording()
    >>> layer = MosaAttention(d_model=16, d_head=4, n_heads=3, sparsity=4)
    >>> output = layer(torch.randn(1, 12, 16), record=recording)
    >>> recording.tensors[0, "sparse"]["attention_weights"].shape
    torch.Size([1, 3, 3, 3])
    """

    def __init__(self) -> None:
        self.layer = 0
        self.tensors: dict[tuple[int, str], dict[str, Tensor]] = {}

    def record(self, kind: str, **tensors: Tensor | None) -> None:
        """Keep the tensors of one stage; those that are None are left out."""
        kept = {name: t.detach().cpu() for name, t in tensors.items() if t is not None}
        self.tensors[self.layer, kind] = kept


def trace(
    model: TransformerLM,
    tokenizer: Spans,
    text: str,
    *,
    name: str = "model",
    sha256: str | None = None,
    source: dict[str, Any] | None = None,
) -> RoutingTrace:
    """Run a model on a text and write down its routing, attention and predictions.

    Parameters
    ----------
    model : TransformerLM
        A model with sparse heads; its mode (training or not) is left as it was.
    tokenizer : Tokenizer
        The model's own.
    text : str
        At least one token, at most the model's `max_seq_len`.
    name, sha256 : str, optional
        What the trace calls the model; hash of its weights file.
    source : dict, optional
        Provenance as plain JSON values; described by `mosa_edu.records.provenance` if not given.

    Returns
    -------
    RoutingTrace
        With the loss and rank of every token that really follows. Heads of ragged selectors
        say in `counts` how many tokens they keep, and k is the largest of these counts.

    Raises
    ------
    ValueError
        If the text has no token or too many, if no head of the model selects tokens (clusters
        of routing heads are no selection), or if its scores are NaN.
    """
    require(text != "", "text", text, "at least one character long")
    tokens = [Token(*span) for span in tokenizer.spans(text)]
    limit = model.config.max_seq_len
    allowed = f"at most {limit} tokens long, the model's max_seq_len"
    require(len(tokens) <= limit, "text", f"{len(tokens)} tokens", allowed)
    ids = torch.tensor([token.id for token in tokens])
    recording = Recording()
    device = next(model.parameters()).device
    with _evaluating(model), torch.no_grad():
        logits = model(ids[None].to(device), record=recording)[0].float().cpu()  # (T, V)
    require(bool(logits.isfinite().all()), "logits", "NaN or inf", "finite: the weights are broken")
    if source is None:
        source = provenance(torch.__version__, _accelerator(device))
    arrays: dict[str, Any] = _routing(recording, len(tokens)) | _predictions(logits, ids)
    return RoutingTrace(
        model={"name": name, "sha256": sha256},
        tokens=tokens,
        sparsity=model.config.sparsity,
        provenance=source,
        **arrays,
    )


@contextmanager
def _evaluating(model: TransformerLM) -> Iterator[None]:
    """Selectors that keep running statistics must not learn from the text that is looked at."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _routing(recording: Recording, T: int) -> dict[str, Any]:
    """Arrays of all layers, each (L, H, ...), from what the sparse heads recorded."""
    layers = sorted(layer for layer, kind in recording.tensors if kind == "sparse")
    require(len(layers) > 0, "model", "a model with none", "one with heads that select tokens")
    rows = [_layer_routing(recording, layer, T) for layer in layers]
    scores, order, indices, attention, counts = (
        np.stack(column) for column in zip(*rows, strict=True)
    )
    k = max(int(counts.max()), 1)
    ragged = bool((counts < k).any())
    i, j = np.tril_indices(k)
    return {
        "scores": np.round(65535 * scores).astype(np.uint16),
        "order": order.astype(np.uint8 if T <= 256 else np.uint16),
        "indices": indices[..., :k].astype(np.uint16),
        "attention": np.round(255 * attention[..., i, j]).astype(np.uint8),
        "counts": counts.astype(np.uint16) if ragged else None,
    }


def _layer_routing(recording: Recording, layer: int, T: int) -> tuple[np.ndarray, ...]:
    """Scores (H, T), order (H, T), indices (H, k), attention (H, k, k) and counts (H,)."""
    sparse = recording.tensors[layer, "sparse"]
    indices = sparse["indices"][0].numpy()  # (H, k)
    valid = sparse["valid"][0].numpy() if "valid" in sparse else np.ones(indices.shape, dtype=bool)
    used = valid[:, :, None] & valid[:, None, :]
    attention = sparse["attention_weights"][0].double().numpy() * used
    router = recording.tensors.get((layer, "router"))
    if router is not None:
        logits = router["router_logits"][0].double()
    else:
        picked = torch.zeros(len(indices), T + 1, dtype=torch.float64)
        picked.scatter_(1, torch.from_numpy(np.where(valid, indices, T)), 1.0)
        logits = torch.where(picked[:, :T] > 0, torch.inf, -torch.inf)
    require(not bool(logits.isnan().any()), "router_logits", "NaN", "numbers")
    order = logits.sort(dim=-1, descending=True, stable=True).indices
    return logits.sigmoid().numpy(), order.numpy(), indices, attention, valid.sum(axis=1)


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


def _accelerator(device: torch.device) -> str | None:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None
