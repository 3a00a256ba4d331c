"""Give a text another future and write down what that does to its past, head by head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mosa_edu.checks import require
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.modes import evaluating
from mosa_edu.probes.causality import MODEL_TOLERANCE
from mosa_edu.records import provenance
from mosa_edu.records.codec import Piece
from mosa_edu.records.leak import Forecast, LeakExample
from mosa_edu.tracing import ActivationCache

_WORD = (1 << 32) - 1


def roll_future(seed: int, count: int, vocab_size: int) -> list[int]:
    """Draw tokens as the page draws them, so that both can show the same future.

    >>> roll_future(1, 4, 2048)
    [1119, 941, 506, 1064]
    """
    state = seed * 0x9E3779B1 & _WORD
    drawn = []
    for _ in range(count):
        state = state + 0x6D2B79F5 & _WORD
        mixed = (state ^ state >> 15) * (state | 1) & _WORD
        mixed ^= mixed + ((mixed ^ mixed >> 7) * (mixed | 61) & _WORD) & _WORD
        drawn.append(1 + ((mixed ^ mixed >> 14) * (vocab_size - 1) >> 32))
    return drawn


@torch.no_grad()
def reroll_future(
    model: TransformerLM,
    tokenizer: Tokenizer,
    text: str,
    cut: int,
    *,
    seed: int = 1,
    name: str = "explorer",
    sha256: str | None = None,
    source: dict[str, Any] | None = None,
) -> LeakExample:
    """Run a model on a text and on the same text with a random future."""
    spans = tokenizer.spans(text)
    T, limit = len(spans), model.config.max_seq_len
    require(2 <= T <= limit, "text", f"{T} tokens", f"2 to {limit} tokens long")
    require(1 <= cut < T, "cut", cut, f"in [1, {T})")
    ids = [span.id for span in spans]
    drawn = roll_future(seed, T - cut, model.config.vocab_size)
    with evaluating(model):
        before, logits = _run(model, ids)
        after, other = _run(model, ids[:cut] + drawn)
    require(len(before) > 0, "model", "a model without them", "one with sparse heads")
    heads = model.config.n_sparse_heads
    return LeakExample(
        model={"name": name, "sha256": sha256},
        tokens=[Piece(span.id, span.text) for span in spans],
        future=[Piece(i, _piece(tokenizer, i)) for i in drawn],
        cut=cut,
        seed=seed,
        layers=len(before) // heads,
        heads=heads,
        before=before,
        after=after,
        **_moved(logits[:cut], other[:cut], tokenizer),
        provenance=provenance(torch.__version__, None) if source is None else source,
    )


@torch.no_grad()
def count_rewritten(
    model: TransformerLM, ids: Sequence[int], other: Sequence[int], cut: int
) -> tuple[int, int, int]:
    """Count what differs in the past that two texts have in common."""
    same = list(ids[:cut]) == list(other[:cut])
    shared = cut >= 1 and same and min(len(ids), len(other)) >= cut
    require(shared, "cut", cut, "at least 1, with the same tokens before it in both texts")
    with evaluating(model):
        before, logits = _run(model, list(ids))
        after, others = _run(model, list(other))
    pairs = [
        [{t for t in row if t < cut} for row in rows] for rows in zip(before, after, strict=True)
    ]
    changed = _changed(logits[:cut], others[:cut])
    new, lost = (sum(len(pair[i] - pair[1 - i]) for pair in pairs) for i in (1, 0))
    return new, lost, int(changed.sum())


def _run(model: TransformerLM, ids: list[int]) -> tuple[list[list[int]], Tensor]:
    """Return what every sparse head selects, and the logits (T, V)."""
    cache = ActivationCache()
    logits = model(torch.tensor([ids]), record=cache)[0].float()
    return [row for n in range(model.config.n_layers) for row in cache.selected(n)], logits


def _changed(logits: Tensor, other: Tensor) -> Tensor:
    """Return where a logit moved by more than rounding would explain, bool (cut,)."""
    largest = (logits - other).abs().amax(dim=-1)
    return largest > MODEL_TOLERANCE * logits.std(correction=0)


def _moved(logits: Tensor, other: Tensor, tokenizer: Tokenizer) -> dict[str, Any]:
    """Compare two forecasts, each (cut, V)."""
    forecast, changed_forecast = logits.double().log_softmax(-1), other.double().log_softmax(-1)
    divergence = (forecast.exp() * (forecast - changed_forecast)).sum(-1).clamp(min=0)
    best, best_other = (values.max(dim=-1) for values in (forecast.exp(), changed_forecast.exp()))
    rows = zip(best.indices, best.values, best_other.indices, best_other.values, strict=True)
    return {
        "divergence": [round(float(value), 5) for value in divergence],
        "changed": _changed(logits, other).tolist(),
        "forecasts": [
            Forecast(
                _piece(tokenizer, int(i)),
                round(float(p), 4),
                _piece(tokenizer, int(j)),
                round(float(q), 4),
            )
            for i, p, j, q in rows
        ],
    }


def _piece(tokenizer: Tokenizer, token: int) -> str:
    """Return the text of a token, or nothing where it is no whole character."""
    text = tokenizer.decode([token])
    return "" if "\N{REPLACEMENT CHARACTER}" in text else text
