"""What is written down: the only bridge between the mathematics and the pictures.

A model never learns that plots exist, a plot never learns that a model exists; both know these
records. They are frozen dataclasses of numpy arrays and plain values, with JSON in and out.
"""

from importlib import resources
from pathlib import Path

from mosa_edu.records.codec import write_atomic
from mosa_edu.records.history import RoutingHistory
from mosa_edu.records.origin import provenance
from mosa_edu.records.run import Comparison, RunRecord
from mosa_edu.records.trace import RoutingTrace, Token

__all__ = [
    "Comparison",
    "RoutingHistory",
    "RoutingTrace",
    "RunRecord",
    "Token",
    "provenance",
    "recorded_path",
    "write_atomic",
]


def recorded_path(*parts: str) -> Path:
    """Return where something lies among the models and records that ship with the package."""
    return Path(str(resources.files("mosa_edu")), "recorded", *parts)
