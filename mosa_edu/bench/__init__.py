"""Benchmarks: paired, with the machine's state shared by both sides."""

from mosa_edu.bench.layer import BAR, LayerCase, bench_layer
from mosa_edu.bench.naive import NaiveMosa
from mosa_edu.bench.paired import Timing, time_in_turns
from mosa_edu.bench.steps import STEPS, step_by_step

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
