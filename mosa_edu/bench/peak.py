"""The bytes that are held at most while something is computed."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile


def peak_bytes(call: Callable[[], object], device: torch.device) -> int:
    """Measure how far a call raises what torch has allocated.

    Parameters
    ----------
    call : callable
        Takes nothing; call it once before, so that what stays is there already.
    device : torch.device
        Where it computes.

    Returns
    -------
    int
        Bytes above those held before the call, at their highest. On a CPU it is the sum over all
        allocations and releases, the same in every run; what other libraries hold is not in it.
    """
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
