"""Where PyTorch comes from: the small CPU build where no NVIDIA device could use the large one."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 3.0


def pinned(constraints: str) -> str:
    """Return the line of a constraints text that pins torch."""
    match = re.search(r"^torch==\S+", constraints, flags=re.MULTILINE)
    if match is None:
        raise SystemExit("constraints.txt pins no torch")
    return match.group(0)


def has_nvidia_device(device: Path = Path("/dev")) -> bool:
    """Tell whether the kernel shows an NVIDIA device."""
    return any(device.glob("nvidia[0-9]*")) or (device / "nvidiactl").exists()


def pip_sources(config_list: str) -> list[str]:
    """Return the settings of ``pip config list`` that say where packages come from."""
    keys = ("find-links", "index-url", "extra-index-url", "no-index")
    found = re.findall(r"^[^.\n]*\.([a-z-]+)=", config_list, flags=re.MULTILINE)
    return sorted({key for key in found if key in keys})


def answers(url: str, seconds: float = PROBE_SECONDS) -> bool:
    """Tell whether an address answers within the given time, name look-up included."""
    outcome: list[bool] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=seconds) as response:
                outcome.append(response.status == 200)
        except (OSError, ValueError):
            outcome.append(False)

    # A name look-up knows no time limit; a daemon thread can be left behind.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds + 0.5)
    return bool(outcome and outcome[0])


def choose(python: Path, torch: str) -> tuple[list[str], str]:
    """Return pip's arguments for a first, separate installation of torch, and the reason.

    No arguments mean: let the ordinary installation bring torch along.
    """
    if sys.platform != "linux":
        return [], "PyTorch: the usual build of this platform"
    if has_nvidia_device():
        return [], "PyTorch: the CUDA build, since this machine has an NVIDIA device"
    command = [str(python), "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    sources = pip_sources(listing)
    if sources:
        return [], f"PyTorch: from pip's own sources (this machine sets {', '.join(sources)})"
    if not answers(f"{CPU_INDEX}/torch/"):
        return [], f"PyTorch: pip's default build, since {CPU_INDEX} does not answer"
    # The index holds other packages too, in versions of its own: take torch alone from it.
    arguments = ["--no-deps", "--index-url", CPU_INDEX, torch]
    return arguments, f"PyTorch: the CPU build from {CPU_INDEX}, since no NVIDIA device is here"
