"""Is a language model causal? Change what comes later, and look whether what came before moves.

Every row of a batch is a trial of its own: a text, a prefix of it that stays, and something else
behind the prefix. Between two forwards only tokens behind the prefix differ, so that a causal model
computes the same numbers up to there, bit by bit. Where they differ, rounding and reading the
future are told apart by float64: rounding shrinks a billion times, what was read stays.
"""

import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mosa_edu.checks import require, require_integer
from mosa_edu.modes import unchanged
from mosa_edu.probes.black_box import BlackBox, Forward, Refused, filled, name_of, vocabulary_of
from mosa_edu.probes.module_prints import choices_made, first_to_move, module_prints
from mosa_edu.probes.prefix_trials import Texts, Trial, movement, scale_of

SIDES = ("left", "right")
_MOST_ROWS, _MOST_TOKENS, _MOST_LOGITS = 32, 2**13, 2**26


@dataclass(frozen=True)
class Leak:
    """One way in which outputs depend on what they should not see.

    Attributes
    ----------
    kind : str
        ``"future"``: later tokens; ``"length"``: how many of them there are; ``"batch"``: other
        rows; ``"left padding"`` or ``"right padding"``: what stands at padded places.
    module : str or None
        The first module whose output moves while its inputs do not: its name and class.
    position : int
        First position that moved, over all trials.
    prefix : int
        Length of the shortest prefix whose outputs moved.
    reach : int
        Tokens between a position that moved and the first change, at most: the leak reaches at
        least so far.
    moved, trials : int
        Trials that moved something, of all of this kind.
    nats, largest_nats : float
        By how much the log-probability of the token that comes next moved: mean over the
        positions that moved, and maximum.
    example : str
        A trial that shows it.
    """

    kind: str
    module: str | None
    position: int
    prefix: int
    reach: int
    moved: int
    trials: int
    nats: float
    largest_nats: float
    example: str


@dataclass(frozen=True)
class CausalityReport:
    """What `check_causality` found; its text is for people, its truth value is `causal`.

    Attributes
    ----------
    model : str
        Class of the model.
    causal : bool
        Whether nothing that was looked for was found.
    leaks : tuple of Leak
    trials, forwards, rows, seq_len : int
        Prefixes that were followed by something else; calls of the model, with so many rows each.
    precision : str
        Type of the logits.
    rounding : float
        Largest movement of a logit in rows that did not change; in a deterministic model 0.
    tolerance : float
        Movements below count as rounding where float64 cannot tell.
    filled : tuple of str
        Weights that are zero throughout and were filled for the check.
    notes : tuple of str
        What was seen besides, and is no leak.
    unseen : tuple of str
        What the check could not see.
    seconds : float
    """

    model: str
    causal: bool
    leaks: tuple[Leak, ...]
    trials: int
    forwards: int
    rows: int
    seq_len: int
    precision: str
    rounding: float
    tolerance: float
    filled: tuple[str, ...]
    notes: tuple[str, ...]
    unseen: tuple[str, ...]
    seconds: float

    def __bool__(self) -> bool:
        return self.causal

    def __str__(self) -> str:
        verdict = "causal, as far as was looked" if self.causal else "NOT causal"
        lines = [f"{self.model}: {verdict}"]
        for leak in self.leaks:
            lines += [f"  {line}" for line in _leak_lines(leak)]
        if self.filled:
            lines.append(f"  filled for the check, since zero hides: {_some(self.filled)}")
        lines.append(
            f"  looked: {self.trials} trials in {self.forwards} forwards of up to {self.rows} rows "
            f"of {self.seq_len} tokens, {self.precision}, {self.seconds:.1f} s"
        )
        lines.append(f"  rounding: {self.rounding:.1g} in rows that did not change")
        lines += [f"  note: {note}" for note in self.notes]
        lines.append("  not seen:")
        lines += [f"    - {line}" for line in self.unseen]
        return "\n".join(map(_wrapped, lines))


def _wrapped(line: str) -> str:
    """Break a long line, and indent what follows."""
    deeper = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(line, 78, subsequent_indent=deeper, break_long_words=False)


_READS = {
    "future": "outputs depend on later tokens",
    "length": "outputs depend on how many tokens follow",
    "batch": "rows meet: outputs depend on other texts of the batch",
    "left padding": "outputs depend on what stands at the pads on the left",
    "right padding": "outputs depend on what stands at the pads on the right",
}


def _leak_lines(leak: Leak) -> Iterator[str]:
    yield _READS[leak.kind]
    yield f"  where: {leak.module or 'not named, the model is no nn.Module or was run once'}"
    if leak.kind in ("future", "length"):
        yield (
            f"  from position {leak.position} on, after a prefix of {leak.prefix} tokens or more, "
            f"at least {leak.reach} token{'s' * (leak.reach > 1)} ahead"
        )
    yield (
        f"  size: {leak.nats:.2g} nats where it moved, {leak.largest_nats:.2g} at most "
        "(log-probability of the next token)"
    )
    yield f"  in {leak.moved} of {leak.trials} trials, as in: {leak.example}"


def _some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def check_causality(
    model: Forward,
    vocab_size: int | None = None,
    seq_len: int = 64,
    *,
    forwards: int = 8,
    rows: int | None = None,
    tokens: Tensor | Sequence[int] | None = None,
    avoid: Sequence[int] = (),
    batch: bool = False,
    padding: str | Sequence[str] = (),
    mask_argument: str = "attention_mask",
    forward: Forward | None = None,
    training: bool = False,
    seed: int = 0,
) -> CausalityReport:
    """Look for ways in which a language model sees tokens that come later.

    Parameters
    ----------
    model : nn.Module or function
        ``model(tokens)`` takes ids (B, T), int64, and returns logits (B, T, V), or a tuple, a
        dictionary or an object with them. A model that returns all logits only when it gets
        ``targets`` gets zeros as targets. It is left as it was: flags, buffers, caches, generators.
    vocab_size : int, optional
        Ids below it are tried. By default the model's ``config.vocab_size`` or ``vocab_size``, or
        the size of its first embedding.
    seq_len : int
        Tokens of a text, T, at least 2.
    forwards : int
        Calls of the model, at least 2; requests below take more.
    rows : int, optional
        Texts of a call. 32 by default, fewer if texts or the vocabulary are long.
    tokens : Tensor or list of int, optional
        A text of your own, T ids or more, whose windows are the prefixes; random ids by default.
    avoid : list of int
        Ids that are never used.
    batch : bool
        Whether rows that meet count as a leak; one more call.
    padding : str or list of str
        ``"left"``, ``"right"`` or both: whether what stands at pads changes other places. The model
        is called with a mask (B, T), bool, True for real tokens; two more calls a side.
    mask_argument : str
        Its name in the model's ``forward``.
    forward : function, optional
        ``forward(model, tokens)`` or ``forward(model, tokens, mask)``, where calling the model is
        not enough; returns what `model` may return.
    training : bool
        Whether to check the model as it trains, dropout included, instead of in evaluation mode.
    seed : int
        Of the texts.

    Returns
    -------
    CausalityReport
        True if nothing was found. ``print`` it.

    Raises
    ------
    ValueError
        If an argument is out of range, or the model refuses the tokens, returns no logits of all
        positions, or ignores its tokens.

    Notes
    -----
    The first call computes the texts; later calls the same texts with other tokens behind
    prefixes of many lengths, two rows excepted, which show the model's own rounding; one call a
    text half as long. The last two calls repeat the trial that moved most, alone in its batch,
    with hooks on every module; a small movement is repeated with a copy of the model in float64.

    Examples
    --------
    >>> from mosa_edu import ModelConfig, TransformerLM
    >>> shape = dict(vocab_size=64, d_model=32, n_layers=1, d_head=8, max_seq_len=64)
    >>> bool(check_causality(TransformerLM(ModelConfig(**shape, n_dense_heads=4))))
    True
    >>> report = check_causality(TransformerLM(ModelConfig(**shape, n_sparse_heads=8)))
    >>> bool(report), report.leaks[0].module
    (False, 'blocks.0.attention.sparse (SparseAttention)')
    """
    module = model if isinstance(model, nn.Module) else None
    require(callable(model), "model", type(model).__name__, "a module or a function of tokens")
    require_integer("seq_len", seq_len, 2)
    require_integer("forwards", forwards, 2)
    sides = (padding,) if isinstance(padding, str) else tuple(padding)
    require(all(side in SIDES for side in sides), "padding", padding, "'left', 'right' or both")
    V = vocabulary_of(model, vocab_size)
    size = rows or max(4, min(_MOST_ROWS, _MOST_TOKENS // seq_len, _MOST_LOGITS // (seq_len * V)))
    require_integer("rows", size, 1)
    begun = time.perf_counter()
    weight = next(module.parameters(), None) if module else None
    device = torch.device("cpu") if weight is None else weight.device
    with unchanged(module, device, seed) as begin, filled(module, seed) as opened:
        run = BlackBox(model, module, begin, device, forward, mask_argument, training)
        texts = Texts(V, seq_len, size, tokens, avoid, module, seed)
        search = _Search(run, texts, forwards)
        search.look_ahead()
        if batch:
            search.mix_rows()
        for side in sides:
            search.pad(side)
        search.say_what_was_not_seen(batch, sides, training)
    return CausalityReport(
        model=name_of(model),
        causal=not search.leaks,
        leaks=tuple(search.leaks),
        trials=len(search.trials),
        forwards=search.calls,
        rows=size,
        seq_len=seq_len,
        precision=str(search.first.dtype).removeprefix("torch."),
        rounding=search.rounding,
        tolerance=search.tolerance,
        filled=opened,
        notes=tuple(search.notes),
        unseen=tuple(search.unseen),
        seconds=time.perf_counter() - begun,
    )


def assert_causal(model: Forward, *args: Any, **kwargs: Any) -> CausalityReport:
    """Raise an `AssertionError` with the report unless `check_causality` finds nothing.

    Takes what `check_causality` takes, and returns its report.
    """
    report = check_causality(model, *args, **kwargs)
    if not report:
        raise AssertionError(str(report))
    return report


class _Search:
    """The calls in their order, and what follows from them."""

    def __init__(self, run: BlackBox, texts: Texts, budget: int) -> None:
        self.run, self.texts, self.budget = run, texts, budget
        self.alone = budget >= 4  # two calls are kept for a trial alone in its batch
        self.leaks: list[Leak] = []
        self.unseen: list[str] = []
        self.notes: list[str] = []
        self.trials: list[Trial] = []
        self.copied_calls, self.rounding, self.answers, self.fixed = 0, 0.0, False, False
        self.rows = list(range(len(texts.base)))
        with choices_made(run.module, texts.T, len(self.rows)) as self.choices:
            try:
                self.first = run(texts.base)
            except Refused:
                if len(self.rows) == 1:
                    raise
                self.rows = [0]
                self.first = run(texts.base[:1])
                self.notes.append("the model takes one row at a time, so that trials are few")
        weights = [] if run.module is None else list(run.module.parameters())
        types = {weight.dtype for weight in weights if weight.is_floating_point()}
        self.eps = max(torch.finfo(kind).eps for kind in types | {self.first.dtype})
        self.scale = scale_of(self.first)

    @property
    def calls(self) -> int:
        """Calls of the model and of its copies."""
        return self.run.calls + self.copied_calls

    @property
    def tolerance(self) -> float:
        """Movements of a logit that rounding may explain."""
        return max(8 * self.rounding, 64 * self.eps * self.scale)

    def look_ahead(self) -> None:
        """Let something else follow, or nothing; then see alone what moved."""
        T, left = self.texts.T, self.budget - 2 * self.alone
        halves: list[Trial] = []
        cut_off = self.budget >= 6 and T >= 4
        planned = (left - 1 - cut_off) * max(len(self.rows) - 2, 1)
        while self.calls < left or not self.trials:
            if len(self.rows) < 4 and not self.trials and self.calls + 1 < left:
                again = self.run(self.texts.base[self.rows])
                self.rounding = float(movement(self.first, again).max())
            self._follow_otherwise(planned)
            if self.rounding > 64 * self.eps * self.scale and len(self.rows) >= 4:
                self._part_rows()
            if cut_off:
                cut_off, halves = False, self._cut_off(T // 2)
        require(self.answers, "model", name_of(self.run.model), "one that answers to its tokens")
        if any(trial.size for trial in self.trials):
            self._settle("future", self.trials)
        if not self.leaks and any(trial.size > self.tolerance for trial in halves):
            self._settle("length", halves)
        if not self.leaks and self.alone and self.calls <= self.budget - 2:
            last = self.texts.trial(self.rows[0], len(self.trials), planned)
            self.trials.append(last)
            self._settle("future", [last])

    def _follow_otherwise(self, planned: int) -> None:
        """Change every row behind a prefix, save two rows that show the rounding."""
        base = self.texts.base[self.rows]
        still = [0, len(base) - 1] if len(base) >= 4 else []
        moving = [place for place in range(len(base)) if place not in still]
        made = {
            place: self.texts.trial(self.rows[place], len(self.trials) + number, planned)
            for number, place in enumerate(moving)
        }
        for place, trial in made.items():
            base[place] = trial.after[0]
        logits = self.run(base)
        self.trials += [
            trial.compare(self.first[place], logits[place]) for place, trial in made.items()
        ]
        for place, trial in made.items():
            behind = len(trial.places)
            same = torch.equal(self.first[place, behind:], logits[place, behind:])
            self.answers = self.answers or not same
        for place in still:
            moved = float(movement(self.first[place], logits[place]).max())
            self.rounding = max(self.rounding, moved)

    def _part_rows(self) -> None:
        """Find out why rows that stayed the same moved; go on with one row where rows meet."""
        moved = self.rounding
        again = self.run(self.texts.base[self.rows])
        self.rounding = float(movement(self.first, again).max())
        if 8 * self.rounding < moved:
            self.notes.append(
                f"rows meet in a batch: one that stayed the same moved by {moved:.2g}"
            )
            self.rows, self.trials = self.rows[1:2], []
            self.first = self.run(self.texts.base[self.rows])
        else:
            self.rounding = moved
            self.notes.append(f"the same tokens give other logits, by up to {moved:.2g}")

    def _cut_off(self, T: int) -> list[Trial]:
        """End every row early: what came before must be as it was."""
        base = self.texts.base[self.rows]
        try:
            logits = self.run(base[:, :T])
        except Refused:
            self.fixed = True
            return []
        places = torch.arange(T)
        return [
            Trial(row[None], row[None, :T], places, "nothing").compare(self.first[place], cut)
            for place, (row, cut) in enumerate(zip(base, logits, strict=True))
        ]

    def mix_rows(self) -> None:
        """Put other texts beside every third row, which must stay as it was."""
        base = self.texts.base
        require(len(self.first) > 1 or len(base) > 1, "batch", True, "left out for one row")
        changed = base.clone()
        rows = range(0, len(base), 3)
        for place, row in enumerate(base):
            if place not in rows:
                change = ("random tokens", "one id repeated", "extreme ids")[place % 3]
                changed[place] = self.texts.other(change, row[:1], self.texts.T, place, place)
        one, other = self.run(base), self.run(changed)
        places = torch.arange(self.texts.T)
        order = [torch.arange(len(base)).roll(-place) for place in rows]
        made = [
            Trial(base[turn], changed[turn], places, "other rows").compare(one[place], other[place])
            for place, turn in zip(rows, order, strict=True)
        ]
        self._settle("batch", made)

    def pad(self, side: str) -> None:
        """Let something else stand at pads, and pads be fewer."""
        T, base = self.texts.T, self.texts.base
        rows, half = len(base), max(T // 2, 1)
        real = [half if row % 2 else 1 + row * (T - 2) // max(rows - 1, 1) for row in range(rows)]
        place = torch.arange(T)
        mask = torch.stack([place < n if side == "right" else place >= T - n for n in real])
        changed = base.clone()
        for row, own in enumerate(mask):
            change = ("random tokens", "one id repeated", "extreme ids")[row % 3]
            n = int((~own).sum())
            changed[row, ~own] = self.texts.other(change, base[row, :1], n, row, row)
        try:
            one, other = self.run(base, mask), self.run(changed, mask)
        except Refused as error:
            allowed = f"left out, or the model one that takes a mask by {self.run.mask_argument!r}"
            raise ValueError(f"padding must be {allowed}: {error}") from error
        made = [
            Trial(base[[row]], changed[[row]], place[own], "at the pads", mask[[row]]).compare(
                one[row], other[row]
            )
            for row, own in enumerate(mask)
        ]
        self._settle(f"{side} padding", made)

    def _settle(self, kind: str, trials: list[Trial]) -> None:
        """Repeat the trial that moved most, alone; add a leak if it moves again.

        What is large is repeated as it was, what may be rounding in float64.
        """
        worst = max(trials, key=lambda trial: trial.size)
        if not self.alone:
            if worst.size > self.tolerance:
                self.leaks.append(self._leak(kind, None, trials, worst))
            return
        new = not len(worst.moved)
        if not new and not worst.size:
            return
        large = max(8 * self.rounding, min(1024 * self.eps, 0.1) * self.scale)
        found = None
        if not new and worst.size <= large:
            with self.run.in_double() as double:
                if double is not None:
                    with suppress(Refused):
                        found = self._again(worst, double, 1e5 * torch.finfo(torch.float64).eps)
                    self.copied_calls += double.calls
            if found is None and worst.size <= self.tolerance:
                self.unseen.append(f"movements below {self.tolerance:.1g}: float64 was no help")
                return
        if found is None:
            found = self._again(worst, self.run, self.tolerance / self.scale)
        again, module = found
        if again is not None:
            self.leaks.append(self._leak(kind, module, [worst] if new else trials, again))
        elif worst.size > large:
            self.notes.append(f"logits moved by {worst.size:.2g}, but not alone: rows meet")
        elif worst.size > 0 and not new:
            self.notes.append(f"logits moved by {worst.size:.1g}, in float64 not: rounding")

    def _again(self, trial: Trial, run: BlackBox, level: float) -> tuple[Trial | None, str | None]:
        """Run a trial by itself: what moved, if it was above a share of the scale, and where."""
        rows, places = len(trial.before), trial.places
        with module_prints(run.module, trial.before.shape[1], rows) as calls:
            one = run(trial.before, trial.mask)
        mask = trial.mask if trial.after.shape == trial.before.shape else None
        with module_prints(run.module, trial.after.shape[1], rows) as others:
            other = run(trial.after, mask)
        again = replace(trial).compare(one[0], other[0])
        if not len(trial.moved):
            trial.moved, trial.nats = again.moved, again.nats
        if again.size <= level * scale_of(one):
            return None, None
        module = first_to_move(calls, others, places, level)
        return again, module or first_to_move(calls, others, places, 0.0)

    def _leak(self, kind: str, module: str | None, trials: list[Trial], again: Trial) -> Leak:
        """Sum up the trials that moved; a movement like rounding is measured by its repetition."""
        small = max(trial.size for trial in trials) <= self.tolerance
        least = 8 * self.rounding if small else self.tolerance
        moved = [trial for trial in trials if trial.size > least]
        places = [trial.places[trial.moved > least] for trial in moved]
        nats = [again.nats] if small else [t.nats[t.moved > least] for t in moved]
        found = torch.cat(nats)
        position = int(again.places[int(again.moved.argmax())])
        return Leak(
            kind=kind,
            module=module,
            position=min(int(own.min()) for own in places),
            prefix=min(len(trial.places) for trial in moved),
            reach=max(len(t.places) - int(own.min()) for t, own in zip(moved, places, strict=True)),
            moved=len(moved),
            trials=len(trials),
            nats=float(found.mean()),
            largest_nats=float(found.max()),
            example=f"{again.change} behind {len(again.places)} tokens moved position {position}",
        )

    def say_what_was_not_seen(self, batch: bool, sides: Sequence[str], training: bool) -> None:
        """List the limits of these calls."""
        T, V = self.texts.T, self.texts.V
        lengths = f"lengths other than {T}"
        lengths += ": the model refuses them" if self.fixed else ""
        self.unseen.append(lengths)
        prefixes = {len(trial.places) for trial in self.trials}
        if len(prefixes) < T - 1:
            self.unseen.append(f"prefixes: {len(prefixes)} of {T - 1} lengths were tried")
        ids = torch.cat([trial.after[0, len(trial.places) :] for trial in self.trials]).unique()
        if len(ids) < V:
            self.unseen.append(f"ids: {len(ids)} of {V} stood behind a prefix")
        if self.choices and not self.leaks:
            chosen = _some(list(self.choices))
            self.unseen.append(f"choices by content that no trial moved: {chosen}")
        asked = {
            "rows that meet": batch,
            "pads": len(sides) == 2,
            "the model in training": training,
        }
        missing = [name for name, given in asked.items() if not given]
        if missing:
            self.unseen.append(f"what was not asked for: {', '.join(missing)}")
        self.unseen.append("branches that these texts and weights do not take")
