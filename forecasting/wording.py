"""Pieces of the sentences that users read."""

from collections.abc import Iterable


def counted(n: int, noun: str) -> str:
    """How many there are: ``1 value``, ``5 values``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def too_few(n: int, noun: str) -> str:
    """That so many do not suffice: ``1 value is too few``, ``5 values are too few``."""
    return f"{counted(n, noun)} {'is' if n == 1 else 'are'} too few"


def there_are(names: Iterable[str]) -> str:
    """What can be named in place of what is not there: ``there are: rnn, lstm``, ``there are: none``."""
    return f"there are: {', '.join(names) or 'none'}"


def listed(names: Iterable[str], most: int = 12) -> str:
    """The first ``most`` names, and how many more there are: ``a, b and 3 more``."""
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
