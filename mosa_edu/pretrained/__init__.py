"""The shipped models: one file that PyTorch and the page both read, weights rounded to fp16.

The rounded weights are the model. Its config, the merges of its tokenizer, where it comes from and
a few values that PyTorch computed with it travel in the header of the same safetensors file, so
that one checksum covers them all. Nothing in it is code.
"""

from mosa_edu.pretrained.load import (
    PRETRAINED,
    load_page_model,
    load_pretrained,
    pretrained_path,
    read_metadata,
)
from mosa_edu.pretrained.save import PAGE_KINDS, save_page_model

__all__ = [
    "PAGE_KINDS",
    "PRETRAINED",
    "load_page_model",
    "load_pretrained",
    "pretrained_path",
    "read_metadata",
    "save_page_model",
]
