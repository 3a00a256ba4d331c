"""From the folder of a run to its model, ready to use."""

from __future__ import annotations

from pathlib import Path

from mosa_edu.checks import require
from mosa_edu.cli import runs
from mosa_edu.config import ModelConfig
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.training.checkpoint import load_weights


def find_run(name: str) -> Path:
    """Return the folder of a run given by its path or its name, which a sweep's run has, too."""
    if Path(name).is_dir():
        return Path(name)
    folder = runs.run_folder(name)
    of_sweeps = sorted(runs.runs_folder().glob(f"*/{folder.name}/config.json"))
    return of_sweeps[-1].parent if of_sweeps and not folder.exists() else folder


def load_run(folder: Path) -> tuple[TransformerLM, Tokenizer]:
    """Load the newest weights of a run, finished or not.

    Parameters
    ----------
    folder : pathlib.Path
        The run's folder.

    Returns
    -------
    model : TransformerLM
        In evaluation mode, on the CPU.
    tokenizer : Tokenizer
        Its own.

    Raises
    ------
    ValueError
        If the folder holds no run, no whole checkpoint, or one of another config.
    """
    settings = runs.read_settings(folder)
    model = TransformerLM(ModelConfig.from_dict(settings["model"]))
    _, weights = load_weights(folder / "checkpoints")
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    other = sorted(dict(expected.items() ^ found.items()))
    allowed = "weights of the model in config.json"
    require(not other, "checkpoint", f"one that differs in {', '.join(other[:3])}", allowed)
    model.load_state_dict(weights)
    return model.eval(), Tokenizer.load(folder / "tokenizer.json")
