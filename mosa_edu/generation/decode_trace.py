"""Decode a text and write down, step by step, who was selected and what the cache held."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from mosa_edu.checks import require
from mosa_edu.data.tokenizer import END_OF_TEXT_ID, Tokenizer
from mosa_edu.generation.cache import SparseHeads
from mosa_edu.generation.decoder import Decoder, Sampler
from mosa_edu.head_kinds import kinds
from mosa_edu.model import TransformerLM
from mosa_edu.records import provenance
from mosa_edu.records.codec import Piece
from mosa_edu.records.decode_trace import DecodingTrace

RULES = kinds(capacity="variable")


def under_rule(
    model: TransformerLM, rule: str, thresholds: Sequence[Sequence[float]] | None = None
) -> TransformerLM:
    """Give the weights of a model another rule of selection, one that can be decoded."""
    require(rule in RULES, "rule", rule, f"one of {RULES}")
    needed = rule != "threshold" or thresholds is not None
    require(needed, "thresholds", thresholds, "given with the rule 'threshold'")
    weights = model.state_dict()
    routed = any("selector.router" in name for name in weights)
    require(routed, "model", "one without routers", "a model whose heads score tokens")
    other = TransformerLM(replace(model.config, sparse=rule))
    own = other.state_dict()
    weights = {name: tensor for name, tensor in weights.items() if name in own}
    for layer in range(model.config.n_layers):
        at = f"blocks.{layer}.attention.sparse.selector."
        buffers = {name: own[name] for name in own if name.startswith(at) and name not in weights}
        if rule == "threshold" and thresholds is not None:
            buffers[f"{at}threshold"] = torch.tensor(thresholds[layer], dtype=torch.float32)
        weights |= buffers
    other.load_state_dict(weights)
    return other.to(model.embedding.weight.device).eval()


def trace_decoding(
    model: TransformerLM,
    tokenizer: Tokenizer,
    prompt: str,
    n_tokens: int,
    *,
    trained_rule: str = "mosa",
    temperature: float = 0.8,
    top_p: float = 0.95,
    seed: int = 0,
    name: str = "explorer",
    sha256: str | None = None,
    source: dict[str, Any] | None = None,
) -> DecodingTrace:
    """Continue a text and record every step, those of the prompt included."""
    config = model.config
    read = tokenizer.encode(prompt)
    most = config.max_seq_len
    require(len(read) >= 1, "prompt", prompt, "at least one token long")
    allowed = f"at most {most} tokens with the prompt's {len(read)}"
    require(n_tokens >= 0 and len(read) + n_tokens <= most, "n_tokens", n_tokens, allowed)
    sampler = Sampler(temperature, top_p, seed, tokenizer.vocab_size)
    tokens, steps = _decode(model, read, n_tokens, sampler)
    return DecodingTrace(
        model={"name": name, "sha256": sha256},
        rule=config.sparse,
        trained_rule=trained_rule,
        tokens=_pieces(tokenizer, tokens),
        prompt=len(read),
        layers=config.n_layers,
        heads=config.n_sparse_heads,
        dense_heads=config.n_dense_heads,
        d_head=config.d_head,
        bytes_per_element=model.embedding.weight.element_size(),
        **steps,
        provenance=provenance(torch.__version__, None) if source is None else source,
    )


def _decode(
    model: TransformerLM, prompt: list[int], n_tokens: int, sampler: Sampler
) -> tuple[list[int], dict[str, Any]]:
    """Read a prompt, write on, and return the tokens read and what happened at each of them."""
    decoder = Decoder(model)
    layers = [heads for heads in decoder.cache.heads if isinstance(heads, SparseHeads)]
    require(len(layers) > 0, "model", "one without them", "a model with sparse heads")
    tokens, taken, refused, held = list(prompt), [], [], []
    for position in range(len(prompt) + n_tokens):
        full = [own.slots.full(0, head) for own in layers for head in range(own.layer.n_heads)]
        logits = decoder.step(torch.tensor(tokens[position : position + 1]))
        flags = [flag for own in layers for flag in own.wanted[0].tolist()]
        wanted = [row for row, flag in enumerate(flags) if flag]
        taken.append([row for row in wanted if not full[row]])
        refused.append([row for row in wanted if full[row]])
        held.append(decoder.cache.bytes())
        if position + 1 == len(tokens):
            tokens += sampler.pick(logits, [0])
            if tokens[-1] == END_OF_TEXT_ID:
                break
    steps = {"limit": layers[0].slots.limit, "taken": taken, "refused": refused, "bytes": held}
    return tokens[: len(taken)], steps


def _pieces(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[Piece]:
    """Spell out tokens, without text where one is no whole character."""
    texts = [tokenizer.decode([token]) for token in tokens]
    broken = "\N{REPLACEMENT CHARACTER}"
    return [Piece(i, "" if broken in text else text) for i, text in zip(tokens, texts, strict=True)]
