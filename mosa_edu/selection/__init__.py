"""Selectors: the rules that say which tokens sit in a head."""

from mosa_edu.selection.expert_choice import ExpertChoice
from mosa_edu.selection.predictor import Predictor
from mosa_edu.selection.prefix_top_k import PrefixTopK
from mosa_edu.selection.ragged import RaggedSelector
from mosa_edu.selection.random_choice import RandomChoice
from mosa_edu.selection.recorder import Recorder
from mosa_edu.selection.router import Router
from mosa_edu.selection.selection import Selection, kept
from mosa_edu.selection.strided import Strided
from mosa_edu.selection.threshold import Threshold
from mosa_edu.selection.token_choice import TokenChoice

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
