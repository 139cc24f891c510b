"""FIXME docstring."""

from typing import Final

YEARS: Final = ("year", "yr", "yyyy", "yy")
"""Usual names of a column of years."""


MONTH_NAMES: Final = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
                 "november", "december")  # fmt: skip


def month_number(name: str) -> int | None:
    """1 to 12 of a month's name, short or long, or of its number; None where it is none."""
    plain = name.strip().rstrip(".").lower()
    if plain.isdecimal():
        return int(plain) if 1 <= int(plain) <= 12 else None
    fitting = (
        k for k, month in enumerate(MONTH_NAMES, 1) if plain in (month, month[:3]) or plain == month[:4] == "sept"
    )
    return next(fitting, None)
