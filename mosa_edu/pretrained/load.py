"""Read model files."""

from importlib import resources
from pathlib import Path

from safetensors import SafetensorError, safe_open

from mosa_edu.checks import require
from mosa_edu.config import ModelConfig
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.pretrained.merges import tokenizer_of

PRETRAINED = ("explorer", "causal")
METADATA = {"name", "config", "merges", "thresholds", "provenance", "reference"}


def load_pretrained(name: str = "explorer") -> tuple[TransformerLM, Tokenizer]:
    """Load a model that comes with the package.

    Parameters
    ----------
    name : str
        One of `PRETRAINED`.

    Returns
    -------
    model : TransformerLM
        In evaluation mode, float32, on the CPU.
    tokenizer : Tokenizer
        Its own.

    Raises
    ------
    ValueError
        If there is no such model.
    """
    return load_page_model(pretrained_path(name))


def pretrained_path(name: str = "explorer") -> Path:
    """Return where the file of a shipped model lies.

    Parameters
    ----------
    name : str
        One of `PRETRAINED`.

    Returns
    -------
    pathlib.Path
        A safetensors file.
    """
    require(name in PRETRAINED, "name", name, f"one of {PRETRAINED}")
    return Path(str(resources.files("mosa_edu") / "recorded" / name / "model.safetensors"))


def load_page_model(path: str | Path) -> tuple[TransformerLM, Tokenizer]:
    """Load a model from the file that `save_page_model` wrote.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    model : TransformerLM
        In evaluation mode, float32, on the CPU.
    tokenizer : Tokenizer
        Its own.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not one of these.
    """
    metadata = read_metadata(path)
    with safe_open(str(path), framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    model = TransformerLM(ModelConfig.from_json(metadata["config"]))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        require(False, "path", str(path), f"a file whose weights fit its config ({error})")
    return model.eval(), tokenizer_of(metadata["merges"])


def read_metadata(path: str | Path) -> dict[str, str]:
    """Read what a model file says about itself, without its weights.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    dict
        `name`, `merges`, and as JSON: `config`, `thresholds`, `provenance`, `reference`.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not one of these.
    """
    require(Path(path).is_file(), "path", str(path), "an existing model file")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"path must be a safetensors file, got {str(path)!r} ({error})") from None
    missing = sorted(METADATA - metadata.keys())
    require(not missing, "path", f"a file without {missing}", "a file of save_page_model")
    return dict(metadata)
