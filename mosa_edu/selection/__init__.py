"""Selectors: the rules that say which tokens sit in a head."""

from mosa_edu.selection.causal import Predictor, PrefixTopK, RaggedSelector, Threshold, TokenChoice
from mosa_edu.selection.controls import RandomChoice, Strided
from mosa_edu.selection.expert_choice import ExpertChoice, Router
from mosa_edu.selection.selection import Recorder, Selection, kept

__all__ = [
    "ExpertChoice",
    "Predictor",
    "PrefixTopK",
    "RaggedSelector",
    "RandomChoice",
    "Recorder",
    "Router",
    "Selection",
    "Strided",
    "Threshold",
    "TokenChoice",
    "kept",
]
