"""Pieces of the sentences that users read: counts and lists."""

from collections.abc import Iterable
from typing import Final

_AGES: Final = (("year", 31_557_600), ("day", 86_400), ("hour", 3_600), ("minute", 60))
_LEAST_UNITS: Final = 2


def counted(n: int, noun: str) -> str:
    """Return a count with its noun: ``1 value``, ``5 values``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def age_in_words(seconds: int) -> str:
    """Return a time span in the largest unit that it has two of: ``15 years``, ``36 hours``."""
    name, size = next((unit for unit in _AGES if seconds >= _LEAST_UNITS * unit[1]), ("second", 1))
    return counted(seconds // size, name)


def too_few(n: int, noun: str) -> str:
    """Return that a count is too few: ``1 value is too few``, ``5 values are too few``."""
    return f"{counted(n, noun)} {'is' if n == 1 else 'are'} too few"


def available(names: Iterable[str]) -> str:
    """Return the names to choose from: ``available: rnn, lstm``, ``available: none``."""
    return f"available: {', '.join(names) or 'none'}"


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Return the first ``limit`` names, and how many more there are: ``a, b and 3 more``."""
    shown = list(names)
    return ", ".join(shown[:limit]) + (f" and {len(shown) - limit} more" if len(shown) > limit else "")


def in_degrees(latitude: float, longitude: float) -> str:
    """Return a position as a reader expects it: ``38° S, 89° W`` for -38 and -89."""
    south, west = latitude < 0, longitude < 0
    return f"{abs(latitude):g}° {'S' if south else 'N'}, {abs(longitude):g}° {'W' if west else 'E'}"
