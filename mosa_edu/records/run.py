"""One training run, finished or not: what was asked, what it cost, what came out."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records.codec import JsonRecord, check_fields, is_count, plain

STATUSES = ("finished", "diverged", "stopped")
MATCHES = ("flops", "parameters", "loss", "none")


@dataclass(frozen=True)
class Comparison:
    """What a run is compared by, as the plan that asked for it knew.

    Parameters
    ----------
    plan : str
        Name of the plan.
    kind : str
        The plan's word for the model: a kind of heads, or a variant such as ``mosa_only``.
    match : {"flops", "parameters", "loss", "none"}
        What is equal to the baseline's.
    sparsity : int or None
        T / k of the sparse heads; None without any.
    baseline : str
        Kind of the model that costs are matched with.
    recipe : str
        What two runs must share to be compared, see `recipe_name`; empty until there is a record.
    """

    plan: str
    kind: str
    match: str
    sparsity: int | None
    baseline: str = "dense"
    recipe: str = ""

    def __post_init__(self) -> None:
        require(self.match in MATCHES, "Comparison.match", self.match, f"one of {MATCHES}")

    @classmethod
    def read(cls, values: dict[str, Any]) -> "Comparison":
        """Read what JSON gives back."""
        check_fields(values, {field.name for field in fields(cls)}, set(), "Comparison")
        return cls(**values)


def recipe_name(training: Mapping[str, Any], data: Mapping[str, Any], d_model: int) -> str:
    """Name training, text and width, the seed aside: equal names, equal recipes.

    Text is told by its fingerprint, so that a corpus may be called by another name.

    >>> recipe_name({"steps": 9, "seed": 1}, {"corpus": "tales"}, 64)
    'd64-ee63f788'
    """
    schedule = {name: value for name, value in training.items() if name != "seed"}
    shared = [schedule, data.get("fingerprint", data), d_model]
    digest = hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:8]
    return f"d{d_model}-{digest}"


@dataclass(frozen=True)
class RunRecord(JsonRecord):
    """A training run with its provenance.

    Numbers that are not finite (the loss of a run that diverged) are kept as None, since JSON
    has no word for them.

    Parameters
    ----------
    name : str
        What tables and legends call the run.
    command : str
        The command that runs it again.
    commit : str or None
        Commit of the code; None outside a checkout.
    seed : int
        Seed of weights and data order.
    model, training, data : dict
        The configurations and the corpus, as plain JSON values.
    n_parameters : int
        Trainable parameters.
    hardware : str
        Processor or accelerator, without the name of the machine.
    wall_seconds : float
        Time from the first to the last step.
    tokens_seen : int
        Tokens trained on.
    train_curve : sequence of (step, tokens, loss)
        Training loss in nats per token.
    validation : dict
        Sequence length, as text, to `{"loss": nats per token, "stderr": float, ...}`.
    status : {"finished", "diverged", "stopped"}
        How the run ended.
    comparison : Comparison, optional
        What the run is compared by; None for one that no plan asked for.
    flops_per_token : float, optional
        Forward FLOPs for a token, as `mosa_edu.costs` counts them.
    extra : dict
        Anything else, as plain JSON values.
    version : int
        Version of this format. Version 1 had no comparison.

    Raises
    ------
    ValueError
        Naming the field that is wrong.
    """

    name: str
    command: str
    commit: str | None
    seed: int
    model: dict[str, Any]
    training: dict[str, Any]
    data: dict[str, Any]
    n_parameters: int
    hardware: str
    wall_seconds: float
    tokens_seen: int
    train_curve: Sequence[Sequence[float | None]]
    validation: dict[str, dict[str, Any]]
    status: str
    comparison: Comparison | None = None
    flops_per_token: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    version: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.status in STATUSES, "RunRecord.status", self.status, f"one of {STATUSES}")
        for name in ("n_parameters", "tokens_seen"):
            value = getattr(self, name)
            require(is_count(value), f"RunRecord.{name}", value, "an integer >= 0")
        for name in ("name", "command", "hardware"):
            value = getattr(self, name)
            require(isinstance(value, str), f"RunRecord.{name}", value, "text")
        for length, scores in self.validation.items():
            known = str(length).isdigit() and isinstance(scores, dict) and "loss" in scores
            require(known, "RunRecord.validation", {length: scores}, "{length: {'loss': ...}}")
        self.settle(
            train_curve=lambda points: plain(points, "RunRecord.train_curve"),
            comparison=lambda found: Comparison.read(found) if isinstance(found, dict) else found,
        )
        for point in self.train_curve:
            known = isinstance(point, list) and len(point) == 3
            require(known, "RunRecord.train_curve", point, "a list of [step, tokens, loss]")

    @property
    def curve(self) -> np.ndarray:
        """The training curve as numbers: float64 (points, 3) of step, tokens, loss (or NaN)."""
        return np.array(self.train_curve, dtype=np.float64).reshape(-1, 3)

    def validation_loss(self, length: int) -> float:
        """Return the validation loss in nats per token at a length; NaN if the run diverged."""
        known = sorted(int(text) for text in self.validation)
        require(length in known, "length", length, f"one of {known}")
        loss = self.validation[str(length)]["loss"]
        return math.nan if loss is None else float(loss)

    @classmethod
    def arguments(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Read version 1, which had no comparison, as well."""
        if values.get("version") == 1:
            values = values | {"version": 2}
        return super().arguments(values)
