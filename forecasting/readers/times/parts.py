"""Times in several columns of numbers: year, month, day and so on."""

from typing import Final

import numpy as np
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.base.table import Table, is_numeric, numbers
from forecasting.readers.times.hours import times_of_day
from forecasting.readers.times.month_names import YEARS, month_number

_NAMES: Final = {
    "year": YEARS,
    "month": ("month", "mon", "mo", "mm", "mon/mmm", "mmm", "month_number"),
    "day": ("day", "dy", "dd"),
    "doy": ("doy", "dayofyear", "day_of_year", "yearday", "jday"),
    "hour": ("hour", "hr", "hh"),
    "minute": ("minute", "min", "mn"),
}
_LIMITS: Final = {"year": (1, 9999), "month": (1, 12), "day": (1, 31), "doy": (1, 366), "hour": (0, 23),
                  "minute": (0, 59)}  # fmt: skip


def find_parts(table: Table) -> dict[str, str]:
    """Columns by the part of a time that they are named after."""
    plain = table.plain()
    return {part: plain[name] for part, names in _NAMES.items() for name in reversed(names) if name in plain}


def compose(table: Table, parts: dict[str, str]) -> "pd.Series[str]":
    """Compose ISO 8601 texts from the columns of the parts.

    Raises:
        FileError: if a cell is not a valid part, naming the line.
    """
    fields = {part: _integers(table.cells[name], part) for part, name in parts.items()}
    year = fields["year"].astype(str).str.zfill(4)
    if "month" in fields:
        day = fields["day"] if "day" in fields else fields["month"] * 0 + 1
        text = year + "-" + _two_digits(fields["month"]) + "-" + _two_digits(day)
    else:
        text = year + "-" + fields["doy"].astype(str).str.zfill(3)
        text = pd.to_datetime(text, format="%Y-%j", errors="coerce").dt.strftime("%Y-%m-%d").fillna("")
    if "hour" not in fields:
        return text
    minute = fields["minute"] if "minute" in fields else fields["hour"] * 0
    return text + "T" + _two_digits(fields["hour"]) + ":" + _two_digits(minute)


def compose_hours(table: Table, columns: list[str], date: str) -> "pd.Series[str]":
    """HH:MM from a column of hours, and perhaps one of minutes.

    Raises:
        FileError: if a cell is not valid, naming the line.
    """
    if len(columns) == 1 and (hours := times_of_day(table, columns[0], date)) is not None:
        return hours
    named = zip(columns, ("hour", "minute"), strict=False)
    hour, *minutes = (_integers(table.cells[name], part) for name, part in named)
    return _two_digits(hour) + ":" + _two_digits(minutes[0] if minutes else hour * 0)


def _two_digits(column: "pd.Series[int]") -> "pd.Series[str]":
    return column.astype(str).str.zfill(2)


def _integers(column: "pd.Series[str]", part: str) -> "pd.Series[int]":
    if part == "month" and not is_numeric(column):
        column = column.map(lambda cell: str(month_number(cell) or cell))
    values = numbers(column)
    low, high = _LIMITS[part]
    bad = ~((values >= low) & (values <= high) & (values == np.round(values)))
    if bad.any():
        i = int(bad.argmax())
        cell = column.iloc[i][:40]
        hint = "; write years with four digits" if part == "year" else ""
        raise FileError(
            f"line {column.index[i]}: {cell!r} in column {column.name} is not a valid {part}{hint}", index=i
        )
    if part == "year" and values.min() < 100:
        i = int(values.argmin())
        raise FileError(f"line {column.index[i]}: write the year {column.iloc[i]} with four digits", index=i)
    return pd.Series(values, index=column.index).astype(int)
