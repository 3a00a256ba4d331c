"""Paired timing: everything in one process, in turns, judged by the ratio within each round."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

from mosa_edu.checks import require


@dataclass(frozen=True)
class Timing:
    """Seconds of every call, round by round.

    Attributes
    ----------
    seconds : dict of str to list of float
        By name; all lists have one entry a round.
    """

    seconds: dict[str, list[float]]

    def median(self, name: str) -> float:
        """Median seconds of one call."""
        return statistics.median(self.seconds[name])

    def ratio(self, baseline: str, name: str) -> tuple[float, float, float]:
        """How many times faster `name` is than `baseline`, round by round.

        Parameters
        ----------
        baseline, name : str
            Two of the calls.

        Returns
        -------
        lower, median, upper : float
            Quartiles of the per-round ratio baseline / name; above 1, `name` is faster.

        Examples
        --------
        >>> Timing({"a": [2.0, 4.0, 9.0], "b": [1.0, 2.0, 3.0]}).ratio("a", "b")
        (2.0, 2.0, 3.0)
        """
        pairs = zip(self.seconds[baseline], self.seconds[name], strict=True)
        ratios = [slow / fast for slow, fast in pairs]
        lower, median, upper = statistics.quantiles(ratios, n=4)
        return lower, median, upper


def time_in_turns(
    calls: Mapping[str, Callable[[], object]], rounds: int, threads: int, warmups: int = 2
) -> Timing:
    """Call everything in turns, reversing the order every second round.

    Parameters
    ----------
    calls : mapping of str to callable
        What to time, by name.
    rounds : int
        Rounds to time, at least 3.
    threads : int
        Threads of torch. With one thread the clock is the process's own CPU time, which other
        processes do not stretch; with more it is the clock on the wall.
    warmups : int
        Untimed rounds at the start.

    Returns
    -------
    Timing
        Seconds of every call.

    Notes
    -----
    Ratios of separate runs mix in whatever else changed between them: clock rate, caches, other
    processes. Neighbours in time share it.
    """
    require(rounds >= 3, "rounds", rounds, "at least 3")
    require(threads >= 1, "threads", threads, "at least 1")
    clock = time.process_time if threads == 1 else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    with torch_threads(threads):
        for turn in range(-warmups, rounds):
            for name in list(calls) if turn % 2 == 0 else list(calls)[::-1]:
                start = clock()
                calls[name]()
                if turn >= 0:
                    seconds[name].append(clock() - start)
    return Timing(seconds)


@contextlib.contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch use so many threads, and as many as before when it is over."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
