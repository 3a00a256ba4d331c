"""Write model files."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mosa_edu.checks import require
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.pretrained.merges import merges_of
from mosa_edu.records import write_atomic
from mosa_edu.selection import kept
from mosa_edu.texts import PROBES
from mosa_edu.tracing import Recording

PAGE_KINDS = ("mosa", "fixed", "prefix", "threshold")
REFERENCE_TOKENS = 64
_DTYPES = {torch.float16: "F16", torch.int64: "I64"}


def save_page_model(
    model: TransformerLM,
    tokenizer: Tokenizer,
    path: str | Path,
    provenance: dict[str, Any],
    name: str = "explorer",
) -> str:
    """Round a model to fp16 and write it for the page and for PyTorch.

    Parameters
    ----------
    model : TransformerLM
        With heads of the kinds that the page computes; not changed.
    tokenizer : Tokenizer
        Its own.
    path : str or pathlib.Path
        The file to write, whole or not at all.
    provenance : dict
        Where the model comes from, as plain JSON values.
    name : str
        What pages call it.

    Returns
    -------
    str
        SHA-256 of the file; the same model gives the same file.

    Raises
    ------
    ValueError
        If a weight does not fit in fp16, if the tokenizer is not one of ours, or if the page
        cannot compute the model's heads.
    """
    config = model.config
    computed = config.sparse in PAGE_KINDS or config.n_sparse_heads == 0
    require(computed, "model.config.sparse", config.sparse, f"one of {PAGE_KINDS}")
    fits = tokenizer.vocab_size <= config.vocab_size <= 65536
    allowed = f"in [{tokenizer.vocab_size}, 65536], the tokenizer's entries and what 16 bits hold"
    require(fits, "model.config.vocab_size", config.vocab_size, allowed)
    weights = {key: _rounded(key, tensor) for key, tensor in sorted(model.state_dict().items())}
    rounded = TransformerLM(config)
    rounded.load_state_dict(weights)
    rounded.eval()
    metadata = {
        "name": name,
        "config": config.to_json(),
        "merges": merges_of(tokenizer),
        "thresholds": json.dumps(_thresholds(rounded, tokenizer)),
        "provenance": json.dumps(provenance, sort_keys=True, allow_nan=False),
        "reference": json.dumps(_reference(rounded, tokenizer), separators=(",", ":")),
    }
    data = _serialise(weights, metadata)
    write_atomic(path, data)
    return hashlib.sha256(data).hexdigest()


def _rounded(key: str, tensor: Tensor) -> Tensor:
    own = tensor.detach().cpu().contiguous()
    if not own.is_floating_point():
        return own
    half = own.to(torch.float16)
    require(bool(half.isfinite().all()), key, "a weight beyond 65504", "within the range of fp16")
    return half


def _run(model: TransformerLM, ids: list[int]) -> tuple[Tensor, Recording]:
    """Return the logits (T, V) of a text and what its layers recorded."""
    recording = Recording()
    with torch.no_grad():
        return model(torch.tensor([ids]), record=recording)[0], recording


def _reference(model: TransformerLM, tokenizer: Tokenizer) -> dict[str, Any]:
    """Compute what a page checks itself against: tokens, picks (L, H, k), losses (T - 1,)."""
    limit = min(REFERENCE_TOKENS, model.config.max_seq_len)
    ids = tokenizer.encode(PROBES["clocks"])[:limit]
    logits, recording = _run(model, ids)
    losses = F.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    return {
        "ids": ids,
        "picks": [_picks(recording, layer) for layer in range(model.config.n_layers)],
        "losses": [round(loss, 6) for loss in losses.tolist()],
    }


def _picks(recording: Recording, layer: int) -> list[list[int]]:
    """Return the kept positions of every head, without unused slots."""
    sparse = recording.tensors.get((layer, "sparse"))
    if sparse is None:
        return []
    indices = sparse["indices"][0]
    valid = sparse.get("valid", torch.ones(1, *indices.shape, dtype=torch.bool))[0]
    return [row[used].tolist() for row, used in zip(indices, valid, strict=True)]


def _thresholds(model: TransformerLM, tokenizer: Tokenizer) -> list[list[float]]:
    """Return the logits (L, H) above which the causal rule "threshold" takes a token.

    Heads that were trained with thresholds have their own. For others it is the mean, over a few
    texts, of the k-th best logit, so that a page can run them under this rule.
    """
    config = model.config
    if config.n_sparse_heads == 0 or config.sparse == "fixed":
        return []
    if config.sparse == "threshold":
        states = model.state_dict()
        heads = "blocks.{}.attention.sparse.selector.threshold"
        names = [heads.format(layer) for layer in range(config.n_layers)]
        return [states[name].tolist() for name in names]
    cuts = []
    for text in PROBES.values():
        ids = tokenizer.encode(text)[: config.max_seq_len]
        tensors = _run(model, ids)[1].tensors
        logits = [tensors[layer, "router"]["router_logits"][0] for layer in range(config.n_layers)]
        ranked = torch.stack(logits).sort(descending=True).values  # (L, H, T)
        cuts.append(ranked[..., kept(len(ids), config.sparsity) - 1])
    means = torch.stack(cuts).double().mean(dim=0)
    return [[round(cut, 4) for cut in row] for row in means.tolist()]


def _serialise(weights: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    """Lay out a safetensors file; the library orders its metadata anew each time, this does not."""
    header: dict[str, Any] = {"__metadata__": metadata}
    parts, offset = [], 0
    for key, tensor in weights.items():
        array = tensor.numpy()
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        offsets, dtype = [offset, offset + len(data)], _DTYPES[tensor.dtype]
        header[key] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        parts.append(data)
        offset += len(data)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])
