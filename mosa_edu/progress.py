"""One way to say how far long work is: what, how many of how many, and the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

SECONDS = 1.0
"""Work that is over before has no bar."""
LOG_SECONDS = 30.0
"""Between two lines in a log, which shows no bar."""
in_logs = False
"""Whether to write such lines: the command line does, a notebook does not."""


class Progress:
    """A bar on a terminal, a line now and then in a log, nothing elsewhere.

    Bars go to standard error and leave nothing behind: results and errors are all that stays.
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        unit: str = "",
        done: int = 0,
        hidden: bool = False,
    ) -> None:
        self.what, self.total, self.unit, self.done = what, total, unit, done
        self.values: dict[str, str] = {}
        self._bar = tqdm(
            desc=what,
            total=total,
            initial=done,
            unit=f" {unit}" if unit else "",
            delay=SECONDS,
            leave=False,
            dynamic_ncols=True,
            disable=True if hidden else None,  # None: drawn on a terminal only
        )
        self._logs = in_logs and not hidden and not sys.stderr.isatty()
        self._first, self._began = done, time.monotonic()
        self._said = self._began

    def say(self, **values: str) -> None:
        """Show values beside the numbers, such as a loss."""
        self.values = values
        self._bar.set_postfix(values, refresh=False)

    def update(self) -> None:
        """Count one more."""
        self.done += 1
        self._bar.update()
        now = time.monotonic()
        if self._logs and now - self._said >= LOG_SECONDS:
            self._said = now
            print(self.line(now - self._began), file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """Say how far it is after so many seconds.

        >>> Progress("scores of first", 24, "positions").line(60.0)
        'scores of first: 0 of 24 positions'
        """
        of = "" if self.total is None else f" of {self.total:,}"
        said = f"{self.what}: {self.done:,}{of} {self.unit}".rstrip()
        if self.total is not None and self.done > self._first:
            left = seconds * (self.total - self.done) / (self.done - self._first)
            said += f", {tqdm.format_interval(left)} left"
        return said + "".join(f", {name} {value}" for name, value in self.values.items())

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._bar.close()


def track(
    items: Iterable[Item], what: str, unit: str = "", total: int | None = None
) -> Iterator[Item]:
    """Yield items, and say how many of them are done.

    >>> list(track("abc", "letters"))
    ['a', 'b', 'c']
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Progress(what, total, unit) as progress:
        for item in items:
            yield item
            progress.update()
