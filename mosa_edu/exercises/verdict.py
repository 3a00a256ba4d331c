"""What a check says about a reader's function, and how it comes to say it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

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
"""A reader's function, which gets copies of its arguments and whose result was read."""

Mistake = str | None
"""What is wrong, in words; None if nothing is."""

Property = tuple[str, Callable[[Answer], Mistake]]
"""A property's name, and a test of it."""


def tensor_of(answer: Any) -> Tensor:
    """Read a tensor, whatever it came as: float64, a NumPy array, (nested) lists, a number.

    >>> tensor_of([[1.5, np.float64(2)], torch.ones(2, dtype=torch.float64)])
    tensor([[1.5000, 2.0000],
            [1.0000, 1.0000]])
    """
    if isinstance(answer, list | tuple) and not all(isinstance(part, int) for part in answer):
        found = torch.stack([tensor_of(part) for part in answer])
    elif isinstance(answer, Tensor):
        found = answer.detach().cpu()
    else:
        found = torch.from_numpy(np.array(answer))
    return found.float() if found.is_floating_point() else found


def number_of(answer: Any) -> float:
    """Read one number, whatever it came as, in full precision."""
    value = answer.detach().item() if isinstance(answer, Tensor) else np.asarray(answer).item()
    if not isinstance(value, int | float):
        raise TypeError(type(value).__name__)
    return value


def truth_of(answer: Any) -> bool:
    """Read True or False, whatever it came as."""
    value = number_of(answer)
    if value not in (0, 1):
        raise ValueError(value)
    return bool(value)


def examine(
    function: Answer | None,
    properties: Sequence[Property],
    read: Callable[[Any], Any] = tensor_of,
    wanted: str = "a tensor, an array or a list of numbers",
) -> Verdict:
    """Test a reader's function against properties, in order, up to the first that fails.

    `read` turns a result into what the properties compare, and raises where it is not `wanted`.

    >>> doubles = ("doubles", lambda f: None if f(3) == 6 else "You added; the task is to double.")
    >>> examine(lambda x: x + x, [doubles])
    passed: doubles
    >>> examine(lambda x: x + 2, [doubles])
    not yet: You added; the task is to double.
    >>> examine(lambda x: {x}, [doubles])
    not yet: Return a tensor, an array or a list of numbers, not a set.
    >>> examine(None, [doubles])
    not tried yet
    """
    if function is None or function is ...:
        return Verdict(False, False, NOT_TRIED)
    for name, test in properties:
        try:
            mistake = test(_guarded(function, read, wanted))
        except _NotTriedError:
            return Verdict(False, False, NOT_TRIED)
        except _AnswerError as error:
            mistake = error.args[0].format(name=name)
        except Exception as error:  # a result of a shape that nobody foresaw
            mistake = f"{name}: your result could not be compared: {error}"
        if mistake is not None:
            return Verdict(True, False, f"not yet: {mistake}")
    return Verdict(True, True, "passed: " + ", ".join(name for name, _ in properties))


def near(found: Any, wanted: Any, atol: float = 1e-5, rtol: float = 1e-5) -> bool:
    """Return whether numbers, arrays or tensors have one shape, and values as near as that."""
    ours, theirs = _array(found), _array(wanted)
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

    What has no name is shown where it is most wrong.

    >>> named(5, 6, "Double it.", [(5, "You added; the task is to double.")])
    'You added; the task is to double.'
    >>> named(7, 6, "Double it."), named(6, 6, "Double it.")
    ('Double it. You return 7, not 6.', None)
    >>> named(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 2.5]), "Halve.")
    'Halve. At [1] you return 3, not 2.5.'
    """
    if near(found, right, atol, rtol):
        return None
    for wrong, words in mistakes:
        if near(found, wrong, atol, rtol):
            return words
    ours, theirs = _array(found), _array(right)
    if mistake := misshapen(ours, theirs.shape):
        return mistake
    off = np.abs(np.nan_to_num(ours.astype(float), nan=np.inf) - theirs)
    where = np.unravel_index(off.argmax(), off.shape)
    at = f"At [{', '.join(map(str, where))}] you" if where else "You"
    return f"{otherwise} {at} return {ours[where]:.4g}, not {theirs[where]:.4g}."


def misshapen(found: Any, shape: Sequence[int], of: str = "") -> Mistake:
    """Say what shape a tensor should have had, if it has another."""
    have, want = tuple(found.shape), tuple(shape)
    return None if have == want else f"The shape is {have}, not {of}{want}."


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.detach() if isinstance(value, Tensor) else value)


class _NotTriedError(BaseException):
    """The reader's function is still the empty one of the exercise."""


class _AnswerError(Exception):
    """The reader's function raised, or returned what cannot be read."""


def _guarded(function: Answer, read: Callable[[Any], Any], wanted: str) -> Answer:
    """Wrap a reader's function: it may change what it is given, and its result is read."""

    def call(*args: Any) -> Any:
        try:
            answer = function(*map(_copied, args))
        except NotImplementedError:
            raise _NotTriedError from None
        except Exception as error:  # the reader's code may raise anything
            words = f"{type(error).__name__}: {error}".replace("{", "{{").replace("}", "}}")
            raise _AnswerError(f"{{name}}: your function raised {words}") from error
        if answer is None or answer is ...:
            raise _NotTriedError
        try:
            return read(answer)
        except Exception as error:
            kind = type(answer).__name__
            article = "an" if kind[0] in "aeiou" else "a"
            raise _AnswerError(f"Return {wanted}, not {article} {kind}.") from error

    return call


def _copied(argument: Any) -> Any:
    """Copy an argument, so that an answer may work in place."""
    if isinstance(argument, Tensor):
        return argument.detach().clone()
    if isinstance(argument, np.ndarray):
        return argument.copy()
    return dict(argument) if isinstance(argument, Mapping) else argument
