"""Selectors: the rules that say which tokens sit in a head."""

from mosa_edu.head_kinds import kept_tokens as kept
from mosa_edu.selection.causal import (
    Predictor,
    PrefixTopK,
    Threshold,
    TokenChoice,
    VariableCapacity,
)
from mosa_edu.selection.controls import GatedRandom, RandomChoice, Strided
from mosa_edu.selection.expert_choice import ExpertChoice, Router
from mosa_edu.selection.selection import ActivationCache, OnlineSelector, Selection, Selector

__all__ = [
    "ActivationCache",
    "ExpertChoice",
    "GatedRandom",
    "OnlineSelector",
    "Predictor",
    "PrefixTopK",
    "RandomChoice",
    "Router",
    "Selection",
    "Selector",
    "Strided",
    "Threshold",
    "TokenChoice",
    "VariableCapacity",
    "kept",
]
