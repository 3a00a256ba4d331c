"""Which number format a device computes its matrix products in."""

from __future__ import annotations

import contextlib

import torch

from mosa_edu.checks import require


def resolve_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """Return the format that `dtype` means on `device`.

    Parameters
    ----------
    dtype : {"auto", "float32", "bfloat16", "float16"}
        "auto" is float32 on a CPU, bfloat16 on CUDA devices of compute capability 8.0 or later
        (Ampere), float16 with loss scaling on older ones (a T4 has no fast bfloat16).
    device : torch.device
        Where the model lives.

    Returns
    -------
    torch.dtype
        Of autocast; float32 stands for no autocast.
    """
    if dtype == "auto":
        if device.type != "cuda":
            return torch.float32
        capable = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if capable else torch.float16
    require(
        dtype != "float16" or device.type == "cuda",
        "dtype",
        dtype,
        f"float32 or bfloat16 on {device.type}",
    )
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[dtype]


def autocast(dtype: torch.dtype, device: torch.device) -> contextlib.AbstractContextManager[None]:
    """Return the context of a forward pass in `dtype`; float32 leaves the model's own dtype."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)
