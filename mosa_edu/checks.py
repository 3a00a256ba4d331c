"""One way to refuse an argument: its name, the value it had, the values it may have."""


def require(condition: bool, argument: str, value: object, allowed: str) -> None:
    """Raise a `ValueError` that a user can act on, unless `condition` holds.

    >>> require(3 <= 2, "k", 3, "at most T=2")
    Traceback (most recent call last):
        ...
    ValueError: k must be at most T=2, got 3
    """
    if not condition:
        raise ValueError(f"{argument} must be {allowed}, got {value!r}")


def require_integer(argument: str, value: object, least: int) -> None:
    """Refuse anything but an integer of at least `least`; a bool is not one."""
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
    require(fits, argument, value, f"an integer of at least {least}")
