"""When a few seeds say something, and when they do not yet: one rule for all claims on runs."""

from collections.abc import Sequence

from mosa_edu.results.intervals import NEEDED_SEEDS, seed_interval

RULE = (
    f"95 % Student interval over paired seeds, at least {NEEDED_SEEDS}; "
    "an interval that holds zero decides nothing"
)


def sign(gains: Sequence[float]) -> int | None:
    """Say whether seeds agree that a gain is above or below zero.

    Parameters
    ----------
    gains : sequence of float
        One difference a seed.

    Returns
    -------
    int or None
        1 or -1 if the interval lies on one side of zero, 0 if it holds zero, None while there
        are fewer seeds than `NEEDED_SEEDS`.

    Examples
    --------
    >>> sign([0.1, 0.11, 0.12]), sign([0.1, -0.1, 0.0]), sign([0.1, 0.1])
    (1, 0, None)
    """
    if len(gains) < NEEDED_SEEDS:
        return None
    found = seed_interval(gains)
    return int(found.low > 0) - int(found.high < 0)


def in_words(gains: Sequence[float], unit: str = "nats") -> str:
    """Write a gain with its interval and the number of seeds behind it.

    Parameters
    ----------
    gains : sequence of float
        One difference a seed.
    unit : str
        Of the differences.

    Returns
    -------
    str
        The interval only from `NEEDED_SEEDS` on: from fewer it would be a guess.

    Examples
    --------
    >>> in_words([]), in_words([0.1])
    ('no seed yet', '+0.100 nats (1 seed)')
    >>> in_words([0.1, 0.2, 0.3])
    '+0.200 [-0.048, +0.448] nats (3 seeds)'
    """
    if not gains:
        return "no seed yet"
    found = seed_interval(gains)
    seeds = f"{len(gains)} seed" + "s" * (len(gains) > 1)
    if len(gains) < NEEDED_SEEDS:
        return f"{found.mean:+.3f} {unit} ({seeds})"
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}] {unit} ({seeds})"
