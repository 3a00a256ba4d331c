"""SplitMix64: a small generator of integers that is the same on every Python, for ever."""

from collections.abc import Sequence
from typing import TypeVar

from mosa_edu.checks import require

T = TypeVar("T")

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15


class SplitMix64:
    """Integers, choices and orders from a seed.

    `random.Random` promises the same floats from one Python to the next, but not the same choices
    or shuffles; text that is checked by its hash needs both.

    Parameters
    ----------
    seed : int
        Any integer; its lowest 64 bits count.

    Examples
    --------
    >>> rng = SplitMix64(0)
    >>> hex(rng.next())
    '0xe220a8397b1dcdaf'
    """

    def __init__(self, seed: int):
        self._state = seed & _MASK

    @classmethod
    def for_item(cls, seed: int, item: int) -> "SplitMix64":
        """Return the generator of one item of a series, independent of the items before it."""
        return cls(cls(seed).next() ^ cls(~item).next())

    def next(self) -> int:
        """Return an integer in 0 .. 2**64 - 1."""
        self._state = (self._state + _GAMMA) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, bound: int) -> int:
        """Return an integer in 0 .. bound - 1."""
        require(bound >= 1, "bound", bound, "at least 1")
        # Multiply-shift: the bias, bound / 2**64, is far below anything a text can show.
        return (self.next() * bound) >> 64

    def one_in(self, chances: int) -> bool:
        """Return True once in `chances` times."""
        return self.below(chances) == 0

    def choice(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Return `count` different items in random order."""
        require(0 <= count <= len(items), "count", count, f"in 0..{len(items)}")
        pool = list(items)
        for place in range(count):
            other = place + self.below(len(pool) - place)
            pool[place], pool[other] = pool[other], pool[place]
        return pool[:count]
