"""One training run, finished or not: what was asked, what it cost, what came out."""

import hashlib
import json
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from mosa_edu.checks import require
from mosa_edu.records.codec import JsonRecord, check_fields, is_count, plain, read_object

STATUSES = ("finished", "diverged", "stopped")
MATCHES = ("flops", "parameters", "loss", "none")
VERSION = 2


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
    version: int = VERSION

    def __post_init__(self) -> None:
        require(self.version == VERSION, "RunRecord.version", self.version, f"{VERSION}")
        require(self.status in STATUSES, "RunRecord.status", self.status, f"one of {STATUSES}")
        for name in ("n_parameters", "tokens_seen"):
            value = getattr(self, name)
            require(is_count(value), f"RunRecord.{name}", value, "an integer >= 0")
        for name in ("name", "command", "hardware"):
            value = getattr(self, name)
            require(isinstance(value, str), f"RunRecord.{name}", value, "text")
        for name in ("model", "training", "data", "validation", "extra"):
            value = getattr(self, name)
            require(isinstance(value, Mapping), f"RunRecord.{name}", value, "an object")
            object.__setattr__(self, name, plain(value, f"RunRecord.{name}"))
        for length, scores in self.validation.items():
            known = str(length).isdigit() and isinstance(scores, dict) and "loss" in scores
            require(known, "RunRecord.validation", {length: scores}, "{length: {'loss': ...}}")
        object.__setattr__(self, "train_curve", plain(self.train_curve, "RunRecord.train_curve"))
        if isinstance(self.comparison, Mapping):
            found = dict(self.comparison)
            check_fields(found, {f.name for f in fields(Comparison)}, set(), "Comparison")
            object.__setattr__(self, "comparison", Comparison(**found))
        for point in self.train_curve:
            known = isinstance(point, list) and len(point) == 3
            require(known, "RunRecord.train_curve", point, "a list of [step, tokens, loss]")

    @property
    def curve(self) -> np.ndarray:
        """The training curve as numbers: float64 (points, 3) of step, tokens, loss (or NaN)."""
        return np.array(self.train_curve, dtype=np.float64).reshape(-1, 3)

    def validation_loss(self, length: int) -> float:
        """Return the validation loss in nats per token at a length; NaN if the run diverged.

        Raises
        ------
        ValueError
            If the run was not validated at this length.
        """
        known = sorted(int(text) for text in self.validation)
        require(length in known, "length", length, f"one of {known}")
        loss = self.validation[str(length)]["loss"]
        return math.nan if loss is None else float(loss)

    def to_json(self) -> str:
        """Return the record as JSON text: one field a line, the same bytes every time."""
        values = asdict(self)
        names = ["version", *(f.name for f in fields(self) if f.name != "version")]
        lines = (f"{json.dumps(n)}: {json.dumps(values[n], allow_nan=False)}" for n in names)
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> "RunRecord":
        """Read a record back."""
        values = read_object(text, "RunRecord")
        if values.get("version") == 1:
            values |= {"version": VERSION, "comparison": None}
        version = values.get("version")
        require(version == VERSION, "RunRecord.version", version, f"1 or {VERSION}")
        optional = {"flops_per_token", "extra"}
        check_fields(values, {f.name for f in fields(cls)} - optional, optional, "RunRecord")
        return cls(**values)


PACKAGE = Path(__file__).resolve().parents[1]


def provenance(
    torch_version: str | None = None, hardware: str | None = None, command: str | None = None
) -> dict[str, Any]:
    """Describe the code, the command and the machine behind a record."""
    return {
        "commit": commit(),
        "command": command or command_line(sys.argv),
        "package": package_version(),
        "python": platform.python_version(),
        "torch": torch_version,
        "hardware": hardware or processor(),
    }


@cache
def commit() -> str | None:
    """Return the commit of this package's own checkout, with `+changes` if files differ from it.

    A copy installed inside somebody else's repository must not report their commit, so git
    is first asked whether it knows this package's files. Asked once: what runs is what was
    there when the process began.
    """
    if _git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    head = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!recorded")
    return f"{head}+changes" if head and changed else head


def package_version() -> str | None:
    """Return the version of the installed package; None when run from a bare folder."""
    try:
        return metadata.version(PACKAGE.name)
    except metadata.PackageNotFoundError:
        return None


def command_line(arguments: Sequence[str]) -> str:
    """Return a command as one would type it, with absolute paths cut to their last part.

    >>> command_line(["/home/ada/bin/mosa-edu", "train", "--out=/home/ada/runs/a b", "--seed", "1"])
    "mosa-edu train '--out=a b' --seed 1"
    """
    return shlex.join(_without_folders(argument) for argument in arguments)


def processor() -> str:
    """Return the processor's model and the number of cores this process may use."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # not Linux
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return f"{model}, {cores} {'core' if cores == 1 else 'cores'}"


def _without_folders(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    path = value if equals else argument
    return option + equals + (Path(path).name if os.path.isabs(path) else path)


def _git(*arguments: str) -> str | None:
    """Output of a git command in the package's folder; None if there is no git or it refuses."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=PACKAGE, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
