"""What this machine computes with, in one sentence."""

import os

import torch

from mosa_edu.training.precision import resolve_dtype


def device_sentence() -> str:
    """Say what device was found and in which format a model would train on it.

    Returns
    -------
    str
        One sentence.

    Examples
    --------
    >>> import torch
    >>> torch.cuda.is_available() or device_sentence().startswith("No GPU found")
    True
    """
    if not torch.cuda.is_available():
        cores = os.cpu_count() or 1
        return f"No GPU found: this notebook computes on the processor ({cores} cores), in float32."
    device = torch.device("cuda", torch.cuda.current_device())
    dtype = str(resolve_dtype("auto", device)).removeprefix("torch.")
    memory = torch.cuda.get_device_properties(device).total_memory / 1e9
    name = torch.cuda.get_device_name(device)
    return f"Found a {name} with {memory:.0f} GB: models train on it in {dtype}."
