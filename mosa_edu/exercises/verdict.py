"""What a check says about a reader's function, and how it comes to say it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

NOT_TRIED = "not tried yet"


@dataclass(frozen=True)
class Verdict:
    """The answer of a check; notebooks show it as one line.

    Attributes
    ----------
    tried : bool
        Whether there was a function to check.
    passed : bool
        Whether every property held.
    message : str
        The line that the reader sees.
    """

    tried: bool
    passed: bool
    message: str

    def __repr__(self) -> str:
        return self.message

    def __bool__(self) -> bool:
        return self.passed


Property = tuple[str, Callable[[Callable[..., Any]], str | None]]
"""A property's name, and a test of it: None if it holds, otherwise the mistake in words."""


def examine(function: Callable[..., Any] | None, properties: Sequence[Property]) -> Verdict:
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


class _NotTriedError(BaseException):
    """The reader's function is still the empty one of the exercise."""


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = function(*args, **kwargs)
        except NotImplementedError:
            raise _NotTriedError from None
        if answer is None or answer is ...:
            raise _NotTriedError
        return answer

    return call
