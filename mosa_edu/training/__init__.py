"""Training: a trainer that knows no layer, its checkpoints and its evaluation."""

from mosa_edu.training.config import TrainingConfig
from mosa_edu.training.trainer import Trainer

__all__ = ["Trainer", "TrainingConfig"]
