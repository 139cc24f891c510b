"""Times of day in a separate column beside the dates."""

import re
from typing import Final

import pandas as pd

from forecasting.readers.base.keys import ANYTHING, DEPTHS, PLACES, POSITIONS, STATIONS
from forecasting.readers.base.table import Table

_CLOCK: Final = r"(\d{1,2}):(\d\d)(:\d\d(?:\.\d+)?)?\s*([AaPp]\.?[Mm]\.?)?"
_MAX_REPEATED_SHARE: Final = 0.01


def times_of_day(table: Table, name: str, date: str) -> "pd.Series[str] | None":
    """Convert a column to HH:MM, perhaps with seconds; None unless every cell is a time of day.

    Times are written as 13:30, 1:30 PM or 1330; numbers up to 23 are hours.
    """
    column = table.cells[name]
    if is_clock(column):
        parts = column.str.extract(rf"^{_CLOCK}$")
        hour = parts[0].astype(int)
        half = parts[3].fillna("").str.lower().str[:1]
        hour = hour.where(half == "", hour % 12 + 12 * (half == "p"))
        return hour.astype(str).str.zfill(2) + ":" + parts[1] + parts[2].fillna("")
    if not column.str.fullmatch(r"\d{1,4}").all() or not table.cells[date].str.contains(r"\d[/. -]\w+[/. -]\d").all():
        return None
    numbers = column.astype(int)
    if numbers.max() <= 23 and (column.str.len() < 3).all():
        numbers = numbers * 100
    # A year beside a date is not a time of day.
    year = [number in cell for number, cell in zip(column, table.cells[date], strict=True)]
    if numbers.max() >= 2_400 or (numbers % 100).max() >= 60 or (all(year) and numbers.min() >= 1_000):
        return None
    padded = numbers.astype(str).str.zfill(4)
    return padded.str[:2] + ":" + padded.str[2:]


def is_clock(column: "pd.Series[str]") -> bool:
    """Whether every cell is a time of day such as 13:30 or 1:30 PM."""
    return re.fullmatch(_CLOCK, column.iloc[0]) is not None and bool(column.str.fullmatch(_CLOCK).all())


def is_one_or_two_digits(column: "pd.Series[str]") -> bool:
    """Whether every cell is a number with one or two digits."""
    return bool(column.str.fullmatch(r"\d{1,2}").all())


def has_separate_hours(table: Table, date: str, others: list[str]) -> bool:
    """Whether other columns complete the dates with times of day: the dates have none, and are repeated.

    In a table of nothing but times, whose columns were chosen before, they always do.
    """
    dates = table.cells[date]
    if dates.str.contains(r":|\dT\d", regex=True).any():
        return False
    if set(table.names) <= {date, *others}:
        return True
    plain = table.plain()
    keys = [plain[name] for name in (*STATIONS, *PLACES, *ANYTHING, *DEPTHS, *POSITIONS) if name in plain]
    return bool(table.cells[[date, *keys]].duplicated().sum() > max(1, _MAX_REPEATED_SHARE * len(dates)))
