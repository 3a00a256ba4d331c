"""Benchmarks: paired, with the machine's state shared by both sides."""

from mosa_edu.bench.layer import BAR, STEPS, LayerCase, NaiveMosa, bench_layer, step_by_step
from mosa_edu.bench.paired import Timing, time_in_turns

__all__ = [
    "BAR",
    "STEPS",
    "LayerCase",
    "NaiveMosa",
    "Timing",
    "bench_layer",
    "step_by_step",
    "time_in_turns",
]
