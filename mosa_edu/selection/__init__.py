"""Selectors: the rules that say which tokens sit in a head."""

from mosa_edu.selection.expert_choice import ExpertChoice
from mosa_edu.selection.recorder import Recorder
from mosa_edu.selection.router import Router
from mosa_edu.selection.selection import Selection, kept
from mosa_edu.selection.strided import Strided

__all__ = ["ExpertChoice", "Recorder", "Router", "Selection", "Strided", "kept"]
