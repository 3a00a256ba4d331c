"""The shipped models: one file that PyTorch and the page both read, weights rounded to fp16.

The rounded weights are the model. Its config, the merges of its tokenizer, where it comes from and
a few values that PyTorch computed with it travel in the header of the same safetensors file, so
that one checksum covers them all. Nothing in it is code.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn import functional as F

from mosa_edu.checks import require
from mosa_edu.config import ModelConfig
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.head_kinds import HEAD_KINDS, kinds
from mosa_edu.model import TransformerLM
from mosa_edu.records import recorded_path, write_atomic
from mosa_edu.selection import ActivationCache, kept
from mosa_edu.texts import PROBES

__all__ = [
    "PAGE_KINDS",
    "PRETRAINED",
    "load_page_model",
    "load_pretrained",
    "pretrained_path",
    "read_metadata",
    "save_page_model",
]


def merges_of(tokenizer: Tokenizer) -> str:
    """Write a tokenizer as its merges."""
    content = json.loads(tokenizer.to_json())["model"]
    merges = "\n".join(" ".join(pair) for pair in content["merges"])
    same = json.loads(tokenizer_of(merges).to_json())["model"] == content
    require(same, "tokenizer", "another vocabulary", "one that its merges alone describe")
    return merges


def tokenizer_of(merges: str) -> Tokenizer:
    """Rebuild a tokenizer from its merges."""
    return Tokenizer.from_merges(map(str.split, merges.splitlines()))


PRETRAINED = ("explorer", "causal")
METADATA = {"name", "config", "merges", "thresholds", "provenance", "reference"}


def load_pretrained(name: str = "explorer") -> tuple[TransformerLM, Tokenizer]:
    """Load one of the `PRETRAINED` models, in evaluation mode, float32, and its tokenizer."""
    return load_page_model(pretrained_path(name))


def pretrained_path(name: str = "explorer") -> Path:
    """Return where the file of a shipped model lies."""
    require(name in PRETRAINED, "name", name, f"one of {PRETRAINED}")
    return recorded_path(name, "model.safetensors")


def load_page_model(path: str | Path) -> tuple[TransformerLM, Tokenizer]:
    """Load a model from the file that `save_page_model` wrote."""
    metadata = read_metadata(path)
    model = TransformerLM(ModelConfig.from_json(metadata["config"]))
    try:
        model.load_state_dict(load_file(path))
    except RuntimeError as error:
        require(False, "path", str(path), f"a file whose weights fit its config ({error})")
    return model.eval(), tokenizer_of(metadata["merges"])


def read_metadata(path: str | Path) -> dict[str, str]:
    """Read what a model file says about itself, without its weights."""
    require(Path(path).is_file(), "path", str(path), "an existing model file")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"path must be a safetensors file, got {str(path)!r} ({error})") from None
    missing = sorted(METADATA - metadata.keys())
    require(not missing, "path", f"a file without {missing}", "a file of save_page_model")
    return dict(metadata)


PAGE_KINDS = kinds(sparse=True, in_page=True)
REFERENCE_TOKENS = 64


def save_page_model(
    model: TransformerLM,
    tokenizer: Tokenizer,
    path: str | Path,
    provenance: dict[str, Any],
    name: str = "explorer",
) -> str:
    """Round a model to fp16 and write it for the page and for PyTorch."""
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


def _run(model: TransformerLM, ids: list[int]) -> tuple[Tensor, ActivationCache]:
    """Return the logits (T, V) of a text and what its layers recorded."""
    cache = ActivationCache()
    with torch.no_grad():
        return model(torch.tensor([ids]), record=cache)[0], cache


def _reference(model: TransformerLM, tokenizer: Tokenizer) -> dict[str, Any]:
    """Compute what a page checks itself against: tokens, picks (L, H, k), losses (T - 1,)."""
    limit = min(REFERENCE_TOKENS, model.config.max_seq_len)
    ids = tokenizer.encode(PROBES["clocks"])[:limit]
    logits, cache = _run(model, ids)
    losses = F.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    return {
        "ids": ids,
        "picks": [cache.selected(layer) for layer in range(model.config.n_layers)],
        "losses": [round(loss, 6) for loss in losses.tolist()],
    }


def _thresholds(model: TransformerLM, tokenizer: Tokenizer) -> list[list[float]]:
    """Return the logits (L, H) above which the causal rule "threshold" takes a token.

    Heads that were trained with thresholds have their own. For others it is the mean, over a few
    texts, of the k-th best logit, so that a page can run them under this rule.
    """
    config = model.config
    if config.n_sparse_heads == 0 or not HEAD_KINDS[config.sparse].routed:
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
    data = save(weights, metadata)
    end = 8 + int.from_bytes(data[:8], "little")
    header = {**json.loads(data[8:end]), "__metadata__": metadata}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]
