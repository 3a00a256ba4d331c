"""Ask a trained model cloze questions, and count how often it prefers the right ending.

A model reads a beginning and nothing after it: routers that rank a whole text see no future here,
and their k follows the beginning.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from mosa_edu.checks import require
from mosa_edu.data.cloze import KINDS, Cloze, ask
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.modes import evaluating
from mosa_edu.probes import record_of_run
from mosa_edu.progress import track
from mosa_edu.records.probe import ProbeRecord

N_ASKED = 100
"""Of each kind at each distance."""


class Encoded(NamedTuple):
    """A question in tokens: two beginnings, equally long, and two endings of one token each."""

    beginnings: tuple[list[int], list[int]]
    endings: tuple[int, int]

    @property
    def distance(self) -> int:
        """How many tokens back from the ending the cue is; 1 is the token just before."""
        first, second = map(np.array, self.beginnings)
        return len(first) - int(np.flatnonzero(first != second)[-1])


def encode(question: Cloze, tokenizer: Tokenizer) -> Encoded | None:
    """Encode a question whose endings are one token each.

    Returns
    -------
    Encoded or None
        None if this tokenizer splits an ending, joins it to a beginning, or makes the beginnings
        of different lengths.
    """
    first, second = (tokenizer.encode(text) for text in question.beginnings)
    if len(first) != len(second):
        return None
    ends = []
    for ending in question.endings:
        for text, tokens in zip(question.beginnings, (first, second), strict=True):
            *before, last = tokenizer.encode(text + ending)
            if before != tokens:
                return None
        ends.append(last)
    return Encoded((first, second), (ends[0], ends[1]))


@torch.no_grad()
def answers(
    model: TransformerLM, questions: Sequence[Encoded], batch_tokens: int = 8192
) -> np.ndarray:
    """Let a model choose between the two endings, after either beginning."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for number, question in enumerate(questions):
        by_length[len(question.beginnings[0])].append(number)
    right = np.empty(len(questions))
    with evaluating(model):
        for length, numbers in by_length.items():
            step = max(batch_tokens // (2 * length), 1)
            for start in range(0, len(numbers), step):
                some = numbers[start : start + step]
                right[some] = _right(model, [questions[number] for number in some])
    return right


def _right(model: TransformerLM, questions: Sequence[Encoded]) -> np.ndarray:
    """Answer questions of one length: shares, (N,)."""
    device = model.embedding.weight.device
    texts = torch.tensor(
        [text for question in questions for text in question.beginnings], device=device
    )
    ends = torch.tensor([question.endings for question in questions], device=device)  # (N, 2)
    logits = model(texts)[:, -1].view(len(questions), 2, -1)  # (N, beginning, V)
    first, second = logits.gather(2, ends[:, None].expand(-1, 2, -1)).unbind(2)  # (N, beginning)
    preferred = torch.sign(first - second) * torch.tensor([1, -1], device=device)
    return ((1 + preferred) / 2).mean(1).double().cpu().numpy()


def ask_model(
    model: TransformerLM, tokenizer: Tokenizer, count: int = N_ASKED
) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    """Ask a model questions of every kind, at every distance.

    Returns
    -------
    rows : list of dict
        ``task``, ``distance`` in its ``unit``, ``tokens`` (the same in tokens, mean), ``asked``
        and ``right``, a share. What the tokenizer cannot ask, or is longer than the model's
        longest text, is left out, and rows without any.
    series : dict
        The single answers, by ``task-distance``; see `answers`.
    """
    rows, series, longest = [], {}, model.config.max_seq_len
    cells = [(name, distance) for name, kind in KINDS.items() for distance in kind.distances]
    for name, distance in track(cells, "cloze questions", "kinds"):
        encoded = [encode(question, tokenizer) for question in ask(name, distance, count)]
        questions = [q for q in encoded if q and len(q.beginnings[0]) <= longest]
        if not questions:
            continue
        found = answers(model, questions)
        row = {"task": name, "distance": distance, "unit": KINDS[name].unit}
        row["tokens"] = round(float(np.mean([q.distance for q in questions])), 1)
        rows.append({**row, "asked": len(questions), "right": round(float(found.mean()), 5)})
        series[f"{name}-{distance}"] = found.tolist()
    return rows, series


def cloze_record(
    model: TransformerLM, tokenizer: Tokenizer, run: str, command: str | None = None
) -> ProbeRecord:
    """Record the answers of a run, see `ask_model`."""
    rows, series = ask_model(model, tokenizer, N_ASKED)
    require(len(rows) > 0, "model", run, "one whose tokenizer has the endings as tokens")
    return record_of_run("cloze", run, {"items": N_ASKED}, rows, series, command)
