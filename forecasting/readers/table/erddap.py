"""ERDDAP's dialects of CSV.

``.csv`` has names, then a row of units; ``.csvp`` has ``name (units)``; ``.csv0`` begins with the first row of data.
Times are ISO 8601 with Z, and the units of time are written ``UTC``.
"""

import re
from typing import Literal

from forecasting.readers.base.table import NO_NAMES
from forecasting.readers.base.units import in_brackets
from forecasting.readers.times.dates import is_date
from forecasting.series.units import parse_units, unbracketed

Dialect = Literal["csv", "csvp", "csv0"]

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}.*)?|\d{1,2}[/.]\d{1,2}[/.]\d{4}.*")


def dialect(first: list[str], second: list[str]) -> Dialect | None:
    """The dialect of a file with these first two rows; None for other CSV."""
    dated = [starts_as_date(cell) for cell in first]
    others = [cell for cell, date in zip(first, dated, strict=True) if not date]
    if any(dated) and any(_is_number(cell.replace(",", ".", 1)) or cell.lower() in NO_NAMES for cell in others):
        return "csv0"
    if "UTC" in map(unbracketed, second) and is_units_row(second):
        return "csv"
    return "csvp" if any(in_brackets(name) == ("time", "UTC") for name in first) else None


def starts_as_date(cell: str) -> bool:
    """Whether a cell is a date, with or without a time."""
    return _DATE.fullmatch(cell) is not None or is_date(cell)


def holds_data(row: list[str]) -> bool:
    """Whether any cell is a date or a number."""
    return any(kinds(row))


def kinds(row: list[str]) -> list[bool]:
    """Which cells are dates or numbers."""
    return [starts_as_date(cell) or _is_number(cell) for cell in row]


def is_units_row(row: list[str]) -> bool:
    """Whether the row below the header holds units, including those of time or temperature, and no data."""
    units = [unbracketed(cell) for cell in row if cell]
    if any(starts_as_date(unit) for unit in units):
        return False
    if "UTC" in units:  # other units may look like numbers: salinity is in 1e-3
        return True
    return not any(_is_number(unit) for unit in units) and any(" since " in unit or parse_units(unit) for unit in units)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
