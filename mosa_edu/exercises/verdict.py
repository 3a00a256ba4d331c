"""What a check says about a reader's function, and how it comes to say it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NOT_TRIED = "not tried yet"


@dataclass(frozen=True)
class Verdict:
    """The answer of a check; notebooks show it as one line."""

    tried: bool  # whether there was a function to check
    passed: bool  # whether every property held
    message: str

    def __repr__(self) -> str:
        return self.message

    def __bool__(self) -> bool:
        return self.passed


Answer = Callable[..., Any]
"""A reader's function."""

Mistake = str | None
"""What is wrong, in words; None if nothing is."""

Property = tuple[str, Callable[[Answer], Mistake]]
"""A property's name, and a test of it."""


def examine(function: Answer | None, properties: Sequence[Property]) -> Verdict:
    """Test a reader's function against properties, in order, up to the first that fails.

    >>> doubles = ("doubles", lambda f: None if f(3) == 6 else "You added; the task is to double.")
    >>> examine(lambda x: x + x, [doubles])
    passed: doubles
    >>> examine(lambda x: x + 2, [doubles])
    not yet: You added; the task is to double.
    >>> examine(None, [doubles])
    not tried yet
    """
    if function is None or function is ...:
        return Verdict(False, False, NOT_TRIED)
    for name, test in properties:
        try:
            mistake = test(_guarded(function))
        except _NotTriedError:
            return Verdict(False, False, NOT_TRIED)
        except Exception as error:  # the reader's code may raise anything
            mistake = f"{name}: your function raised {type(error).__name__}: {error}"
        if mistake is not None:
            return Verdict(True, False, f"not yet: {mistake}")
    return Verdict(True, True, "passed: " + ", ".join(name for name, _ in properties))


def near(found: Any, wanted: Any, atol: float = 1e-5, rtol: float = 1e-5) -> bool:
    """Return whether numbers, arrays or tensors have one shape, and values as near as that."""
    ours, theirs = (
        np.asarray(value.detach() if hasattr(value, "detach") else value)
        for value in (found, wanted)
    )
    return ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=rtol, atol=atol)


def named(
    found: Any,
    right: Any,
    otherwise: str,
    mistakes: Iterable[tuple[Any, str]] = (),
    *,
    atol: float = 1e-5,
    rtol: float = 1e-5,
) -> Mistake:
    """Name the first mistake whose result was found; None if the right one was.

    >>> named(5, 6, "Double it.", [(5, "You added; the task is to double.")])
    'You added; the task is to double.'
    >>> named(7, 6, "Double it."), named(6, 6, "Double it.")
    ('Double it.', None)
    """
    for wrong, words in mistakes:
        if near(found, wrong, atol, rtol):
            return words
    return None if near(found, right, atol, rtol) else otherwise


def misshapen(found: Any, shape: Sequence[int], of: str = "") -> Mistake:
    """Say what shape a tensor should have had, if it has another."""
    have, want = tuple(found.shape), tuple(shape)
    return None if have == want else f"The shape is {have}, not {of}{want}."


class _NotTriedError(BaseException):
    """The reader's function is still the empty one of the exercise."""


def _guarded(function: Answer) -> Answer:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = function(*args, **kwargs)
        except NotImplementedError:
            raise _NotTriedError from None
        if answer is None or answer is ...:
            raise _NotTriedError
        return answer

    return call
