"""What a command found, in one sentence: the last thing that it says before what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from mosa_edu.analysis.probes import CoinFlipRow
from mosa_edu.analysis.statistics import text_interval
from mosa_edu.records import RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import SWAPPED_SUFFIX, TRUNCATED, ScoreRecord


def listed(words: Iterable[Any], none: str = "none") -> str:
    """Join words as a sentence does.

    >>> listed(["mosa", "routing", "token"]), listed([])
    ('mosa, routing and token', 'none')
    """
    *first, last = [str(word) for word in dict.fromkeys(words)] or [none]
    return f"{', '.join(first)} and {last}" if first else last


def run_finding(record: RunRecord) -> str:
    """Say what a finished run reached on text that it was not trained on."""
    length = max(record.validation, key=int)
    score = record.validation[length]
    return (
        f"{record.name} reaches {score['loss']:.3f} nats a token, {score['bits_per_byte']:.3f} "
        f"bits a byte, on text held out from {record.data['corpus']}; the frequencies of its "
        f"tokens alone reach {record.extra['unigram_loss']:.3f} nats."
    )


def score_finding(record: ScoreRecord) -> str:
    """Say what it costs a model that the future is hidden from it."""
    said = []
    for evaluation, how in ((TRUNCATED, "cut off"), (SWAPPED_SUFFIX, "replaced")):
        gap = record.per_window(evaluation) - record.per_window("full")
        if np.abs(gap).max() < 1e-4:
            said.append(f"nothing where the future is {how}")
        else:
            said.append(f"{text_interval(gap, record.books)} nats a token where it is {how}")
    both = said[0].startswith("nothing") and said[1].startswith("nothing")
    costs = "nothing, cut off or replaced" if both else listed(said)
    return f"Hiding the future costs {record.name} {costs}."


def coin_flip_finding(rows: Sequence[CoinFlipRow]) -> str:
    """Say which kinds of heads predict what nobody can."""
    seen = listed((row.kind for row in rows if row.sees_the_future), "no kind of heads")
    blind = listed((row.kind for row in rows if not row.sees_the_future), "no other")
    return f"Better than guessing at coins: {seen}; not told apart from guessing: {blind}."


def finding(record: ProbeRecord) -> str:
    """Say what a probe or a benchmark found."""
    return FINDINGS[record.probe](record)


def _moved(record: ProbeRecord, column: str, what: str) -> str:
    """Tell the kinds that later tokens move from those that they do not."""
    shares: dict[str, float] = {}
    for row in record.rows:
        shares[row["kind"]] = max(shares.get(row["kind"], 0.0), row[column])
    moved = listed(f"{kind} (up to {share:.0%})" for kind, share in shares.items() if share > 0)
    still = listed(kind for kind, share in shares.items() if share == 0)
    return f"Other tokens later change {what} of {moved}, and nothing in {still}."


def _jacobian(record: ProbeRecord) -> str:
    blind = [row for row in record.rows if row["future"] == 0]
    leaks = listed(row["kind"] for row in blind if row["prefix_differs"])
    return (
        f"Derivatives by later tokens are 0 in {len(blind)} of {len(record.rows)} layers, yet in "
        f"those of {leaks} later tokens decide what came before."
    )


def _selection(record: ProbeRecord) -> str:
    kept, dropped = np.mean(record.column("selected")), record.column("refused")
    least, most = min(record.column("least")), max(record.column("most"))
    some = [share for share in dropped if share is not None]
    lost = f"; {np.mean(some):.1%} of those it wants find no slot" if some else ""
    return (
        f"A head of {record.settings['run']} keeps {kept:.1%} of the tokens ({least:.1%} to "
        f"{most:.1%}){lost}."
    )


def _predictor(record: ProbeRecord) -> str:
    rows = [row for row in record.rows if row["cut"] == "rate"]
    cost = np.mean(record.series["rate"]) - np.mean(record.series["full"])
    return (
        f"From the token alone one guesses {np.mean([row['recall'] for row in rows]):.0%} of what "
        f"the heads of {record.settings['run']} keep; with guesses in place of their choices its "
        f"loss changes by {cost:+.3f} nats a token."
    )


def _cloze(record: ProbeRecord) -> str:
    asked = np.array(record.column("asked"))
    right = np.array(record.column("right"))
    tasks = list(dict.fromkeys(record.column("task")))
    by_task = {
        task: float(np.average(right[own], weights=asked[own]))
        for task in tasks
        for own in [np.array(record.column("task")) == task]
    }
    best, worst = max(by_task, key=lambda t: by_task[t]), min(by_task, key=lambda t: by_task[t])
    return (
        f"{record.settings['run']} is right in {np.average(right, weights=asked):.0%} of "
        f"{asked.sum():,} questions, a coin in 50%: best at {best} ({by_task[best]:.0%}), worst at "
        f"{worst} ({by_task[worst]:.0%})."
    )


def _decoding(record: ProbeRecord) -> str:
    longest = max(record.column("T"))
    rows = [row for row in record.rows if row["T"] == longest and row["kind"] != "dense"]
    best = max(rows, key=lambda row: row["ratio"])
    return (
        f"At token {longest:,} attention takes {best['milliseconds']:.2f} ms with {best['kind']} "
        f"heads of sparsity {best['sparsity']}, {best['ratio']:.1f} times less than dense."
    )


def _steps(record: ProbeRecord) -> str:
    found = [row["ratio"] for row in record.rows if row["step"] == "package"]
    return (
        f"The package's layer is {min(found):.2f} to {max(found):.2f} times faster than the "
        "straight way, over all sizes and passes."
    )


def _lengths(record: ProbeRecord) -> str:
    rows = [row for row in record.rows if row["layer"] == "same heads"]
    faster = [row["T"] for row in rows if row["ratio"] > 1]
    last = max(rows, key=lambda row: row["T"])
    since = f"from {min(faster):,} tokens on" if faster else "at no length"
    return (
        f"As many MoSA heads are faster than dense ones {since}: {last['ratio']:.1f} times at "
        f"{last['T']:,} tokens."
    )


def _roofline(record: ProbeRecord) -> str:
    rows = [row for row in record.rows if row["group"] == "operation"]
    slow = max(rows, key=lambda row: row["milliseconds"] - row["roof"])
    return (
        f"Most is lost in {slow['name']!r}: {slow['milliseconds']:.2f} ms, where the machine's "
        f"peaks allow {slow['roof']:.2f}."
    )


def _models(record: ProbeRecord) -> str:
    longest = max((row.get("T", 0) for row in record.rows), default=0)
    rows = [row for row in record.rows if row.get("T", 0) == longest]
    times = listed(f"{row['model']} {row['time']:.2f}" for row in rows[1:])
    at = f" at {longest:,} tokens" if longest else ""
    return f"A training step{at} takes, in steps of {rows[0]['model']}: {times}."


def _page(record: ProbeRecord) -> str:
    aims = [row for row in record.rows if row["bar"] is not None]
    missed = [row["what"] for row in aims if row["median"] > row["bar"]]
    return f"{len(aims) - len(missed)} of {len(aims)} bars are reached; missed: {listed(missed)}."


FINDINGS: dict[str, Callable[[ProbeRecord], str]] = {
    "perturbation-layer": lambda r: _moved(r, "trials_changed", "earlier outputs"),
    "perturbation-model": lambda r: _moved(r, "rows_changed", "earlier forecasts"),
    "jacobian": _jacobian,
    "selection": _selection,
    "predictor": _predictor,
    "cloze": _cloze,
    "decoding": _decoding,
    "bench-steps": _steps,
    "bench-lengths": _lengths,
    "bench-roofline": _roofline,
    "bench-long-context": _models,
    "bench-rules": _models,
    "bench-page": _page,
}
"""By the name of the probe."""
