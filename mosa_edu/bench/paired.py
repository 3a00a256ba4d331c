"""Paired timing: everything in one process, in turns, judged by the ratio within each round."""

import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from mosa_edu.checks import require
from mosa_edu.progress import track


@dataclass(frozen=True)
class Timing:
    """Seconds of every call, by name and round."""

    seconds: dict[str, list[float]]

    def median(self, name: str) -> float:
        """Median seconds of one call."""
        return statistics.median(self.seconds[name])

    def ratio(self, baseline: str, name: str) -> tuple[float, float, float]:
        """How many times faster `name` is than `baseline`, round by round.

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

    Ratios of separate runs mix in whatever else changed between them: clock rate, caches, other
    processes. Neighbours in time share it.
    """
    require(rounds >= 3, "rounds", rounds, "at least 3")
    require(threads >= 1, "threads", threads, "at least 1")
    clock = time.process_time if threads == 1 else time.perf_counter
    with torch_threads(threads):
        return Timing(take_turns(calls, rounds, clock, warmups))


def take_turns(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float],
    warmups: int = 2,
) -> dict[str, list[float]]:
    """Return the seconds of every call, a number a round; the order turns round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in track(range(-warmups, rounds), "timing", "rounds"):
        for name in list(calls)[:: 1 if turn % 2 == 0 else -1]:
            start = clock()
            calls[name]()
            if turn >= 0:
                seconds[name].append(clock() - start)
    return seconds


@contextlib.contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch use so many threads, and as many as before when it is over."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def peak_bytes(call: Callable[[], object], device: torch.device) -> int:
    """Measure how far a call raises what torch has allocated."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return int(torch.cuda.max_memory_allocated(device) - before)
    with _quiet(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        call()
    held = highest = 0
    for change in _changes(profiled):
        held += change
        highest = max(highest, held)
    return highest


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the profiler's own lines, one at every start and stop, from the terminal."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _changes(profiled: profile) -> list[int]:
    """Bytes of every allocation, and of every release with a minus, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiled.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    memory = [event for event in events if event.get("name") == "[memory]"]
    return [event["args"]["Bytes"] for event in sorted(memory, key=lambda event: event["ts"])]
