"""Benchmarks: paired, with the machine's state shared by both sides."""

from mosa_edu.bench.layer import BAR, LayerCase, bench_layer
from mosa_edu.bench.naive import NaiveMosa
from mosa_edu.bench.paired import Timing, time_in_turns

__all__ = ["BAR", "LayerCase", "NaiveMosa", "Timing", "bench_layer", "time_in_turns"]
