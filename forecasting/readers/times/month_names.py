"""Names of years and months."""

from typing import Final

YEARS: Final = ("year", "yr", "yyyy", "yy")
"""Usual names of a column of years."""


MONTH_NAMES: Final = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
                 "november", "december")  # fmt: skip


def month_number(name: str) -> int | None:
    """Number of a month, 1 to 12, from its short or long name or its number; None for other text."""
    plain = name.strip().rstrip(".").lower()
    if plain.isdecimal():
        return int(plain) if 1 <= int(plain) <= 12 else None
    for number, month in enumerate(MONTH_NAMES, 1):
        if plain in (month, month[:3]) or plain == month[:4] == "sept":
            return number
    return None
