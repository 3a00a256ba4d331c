"""From prompts to texts."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from mosa_edu.checks import require
from mosa_edu.generation.decoder import Decoder
from mosa_edu.generation.sampling import Sampler
from mosa_edu.model import TransformerLM


def generate(
    model: TransformerLM,
    prompts: Sequence[Sequence[int]],
    n_tokens: int,
    *,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    reselect: bool = False,
) -> list[list[int]]:
    """Continue texts.

    Parameters
    ----------
    model : TransformerLM
        Left in the mode it was in.
    prompts : sequence of sequences of int
        Token ids; lengths may differ, and no row's continuation depends on another row.
    n_tokens : int
        Tokens to write for each.
    temperature, top_p, seed
        See `Sampler`.
    reselect : bool
        Run the whole model on the whole text for each token, instead of keeping a cache; needed
        for selectors that are not causal. See the notes.

    Returns
    -------
    list of list of int
        The continuations, without the prompts.

    Raises
    ------
    ValueError
        If a prompt is empty or does not leave room for `n_tokens` in the model's longest text, if
        a token or a setting is out of range, or if the model is not causal and `reselect` is False.

    Notes
    -----
    Expert choice picks the k best tokens of the *whole* text. While a text is written there is no
    whole text, and picking again at each step changes the past: a new token takes the place of an
    earlier one, whose output in that layer becomes 0, so that all layers above would have computed
    other keys and values for it. A cache would hold those of a selection that no longer stands:
    they are stale. Computing everything again, as `reselect` does, keeps them fresh at the cost of
    a whole forward pass a token; but what was written before was drawn from forecasts that the
    model, asked again, would not repeat, and each was made with a k that grew with the text. The
    loss that training and evaluation report is of none of these forecasts: there, the selection
    knew the words to come.
    """
    texts: list[list[int]] = [[] for _ in prompts]
    sampler = Sampler(temperature, top_p, seed)
    for row, token in stream(model, prompts, n_tokens, sampler, reselect=reselect):
        texts[row].append(token)
    return texts


def stream(
    model: TransformerLM,
    prompts: Sequence[Sequence[int]],
    n_tokens: int,
    sampler: Sampler,
    *,
    reselect: bool = False,
) -> Iterator[tuple[int, int]]:
    """Continue texts and yield each token as soon as it is chosen.

    Parameters
    ----------
    model, prompts, n_tokens, reselect
        See `generate`.
    sampler : Sampler
        Chooses.

    Yields
    ------
    row, token : int
        Which text goes on, and with what.
    """
    _check(model, prompts, n_tokens)
    was_training = model.training
    model.eval()
    try:
        texts = [list(prompt) for prompt in prompts]
        forecasts = _recomputed(model, texts) if reselect else _decoded(model, texts)
        ends = [len(prompt) + n_tokens for prompt in prompts]
        while any(len(text) < end for text, end in zip(texts, ends, strict=True)):
            rows, logits = next(forecasts)
            going_on = [i for i, row in enumerate(rows) if len(texts[row]) < ends[row]]
            if not going_on:
                continue
            rows = [rows[i] for i in going_on]
            for row, token in zip(rows, sampler.pick(logits[going_on], rows), strict=True):
                texts[row].append(token)
                yield row, token
    finally:
        model.train(was_training)


def _check(model: TransformerLM, prompts: Sequence[Sequence[int]], n_tokens: int) -> None:
    require(len(prompts) > 0, "prompts", list(prompts), "at least one text")
    limit = model.config.max_seq_len
    require(n_tokens >= 0, "n_tokens", n_tokens, "at least 0")
    for prompt in prompts:
        require(len(prompt) > 0, "prompt", list(prompt), "at least one token long")
        allowed = f"at most max_seq_len={limit} tokens long"
        require(len(prompt) <= limit, "prompt", f"{len(prompt)} tokens", allowed)
        room = limit - len(prompt)
        allowed = f"at most {room}: a prompt of {len(prompt)} tokens leaves no more of {limit}"
        require(n_tokens <= room, "n_tokens", n_tokens, allowed)
        known = min(prompt) >= 0 and max(prompt) < model.config.vocab_size
        require(known, "prompt", list(prompt), f"ids in [0, {model.config.vocab_size})")


def _decoded(model: TransformerLM, texts: list[list[int]]) -> Iterator[tuple[list[int], Tensor]]:
    """Yield forecasts from a cache, of the rows whose last token has just been read.

    All rows stand at the same position: while one is still in its prompt, another, with a shorter
    one, goes on writing. A row that is finished reads zeros that nobody looks at.
    """
    decoder = Decoder(model, len(texts))
    device = model.embedding.weight.device
    while True:
        position = decoder.position
        tokens = [text[position] if position < len(text) else 0 for text in texts]
        logits = decoder.step(torch.tensor(tokens, device=device))
        rows = [row for row, text in enumerate(texts) if len(text) == position + 1]
        yield rows, logits[rows]


@torch.no_grad()
def _recomputed(model: TransformerLM, texts: list[list[int]]) -> Iterator[tuple[list[int], Tensor]]:
    """Yield forecasts of all rows, each from a forward pass over its whole text."""
    device = model.embedding.weight.device
    limit = model.config.max_seq_len
    while True:
        rows = [row for row, text in enumerate(texts) if len(text) < limit]
        logits = [model(torch.tensor([texts[row]], device=device))[0, -1] for row in rows]
        yield rows, torch.stack(logits)
