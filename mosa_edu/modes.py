"""A model looks at a text without learning from it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model in evaluation mode inside a `with` block, and back in its own after it.

    Selectors that keep running statistics must not learn from a text that is only looked at.
    """
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
