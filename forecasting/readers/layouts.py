"""Tables in a layout of their own: NDBC's files, and a row for each year."""

import io
import re
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.delimited import units_in_remarks
from forecasting.readers.names import PLACES, POSITIONS, STATIONS, YEARS, is_anomaly, month_number
from forecasting.readers.options import MAX_COLUMNS, ReadingOptions, refuse_size
from forecasting.readers.table import ABSENT, Table, one_line, refuse_columns, to_numbers
from forecasting.wording import listed

_HEADER: Final = re.compile(r"#?\s*(#?STN\s+)?#?(YY|YYYY)\s+MM\s+DD\s+hh(\s+mm)?\b")
_NINES: Final = (99.0, 999.0, 9999.0, 99.99, 999.99)
_TIME_NAMES: Final = {"YY": "year", "YYYY": "year", "MM": "month", "DD": "day", "hh": "hour", "mm": "minute"}


def is_ndbc(text: str) -> bool:
    """Return whether a text begins with the header of an NDBC file."""
    return _HEADER.match(text.lstrip()[:200]) is not None


def read_ndbc(text: str, notes: tuple[str, ...] = (), max_columns: int = MAX_COLUMNS) -> Table:
    """Parse a standard meteorological file; its columns of time are renamed year to minute."""
    if not is_ndbc(text):
        raise FileError("does not begin with #YY MM DD hh, as NDBC files do")
    before = len(text) - len(text.lstrip())
    refuse_columns(len(text[before:].partition("\n")[0].split()), max_columns, text.count("\n", 0, before) + 1)
    lines = [(number, line.split()) for number, line in enumerate(io.StringIO(text, newline=None), 1) if line.strip()]
    (_, header), *rest = lines
    names = _names(header)
    units: dict[str, str] = {}
    if rest and rest[0][1][0].startswith("#"):
        units = dict(zip(names, [word.lstrip("#") for word in rest[0][1]], strict=False))
    repeated = {number: row for number, row in rest if not row[0][0].isdigit() and is_ndbc(" ".join(row))}
    for number, row in repeated.items():
        if _placed(_names(row)) != _placed(names):
            raise FileError(f"line {number} is a second header with different columns; split the file there")
    body = [(number, row) for number, row in rest if number not in repeated and not row[0].startswith("#")]
    if len(set(names)) < len(names):
        raise FileError("has two columns with the same name; rename one")
    if not body:
        raise FileError("holds only header lines and no data")
    for number, row in body:
        if len(row) != len(names):
            raise FileError(f"line {number} has {len(row)} columns, but the header has {len(names)}")
    cells = pd.DataFrame([row for _, row in body], columns=names, index=[number for number, _ in body], dtype=str)
    cells["year"] = cells["year"].str.replace(r"^([7-9]\d)$", r"19\1", regex=True)
    kind = "NDBC standard meteorological"
    return Table(kind, cells, units, "the unit row", _NINES, "celsius", notes=notes, is_csv=False)


def _names(header: list[str]) -> list[str]:
    return [_TIME_NAMES.get(name, one_line(name)) for name in (word.lstrip("#") for word in header if word != "#")]


def _placed(names: list[str]) -> tuple[int, dict[str, int]]:
    """Return the number of columns, and the positions of those that are read; others were renamed over the years."""
    return len(names), {
        name: position for position, name in enumerate(names) if name in (*_TIME_NAMES.values(), "STN", "WTMP")
    }


_YEAR: Final = r"1[6-9]\d\d|2[01]\d\d"
_ROW: Final = re.compile(rf"\s*(?:{_YEAR})(?:\s+[+-]?\d+(?:\.\d*)?){{12}}\s*")
"""A year and twelve values."""
_SPAN: Final = re.compile(rf"\s*(?:{_YEAR})\s+(?:{_YEAR})\s*")
"""First and last year, as in the first line of PSL's files."""
_NUMBER: Final = re.compile(r"\s*[+-]?\d+(?:\.\d*)?\s*")
_BROKEN: Final = re.compile(rf"\s*(?:{_YEAR})\s(?:.*\s)?[+-]?\d+(?:\.\d*)?(?:\s.*)?")
"""A year and numbers that are not twelve."""
_MIN_YEARS: Final = 2


def one_row_per_month(table: Table, options: ReadingOptions) -> Table:
    """Reshape a table of years and twelve months to one row per month.

    Other tables stay as they are, and so do tables with a column chosen by name.
    """
    year = next(iter(table.named(YEARS)), None)
    months = {name: number for name in table.names if (number := month_number(table.short(name))) is not None}
    if year is None or options.time_column or options.value_column or sorted(months.values()) != list(range(1, 13)):
        return table
    columns = sorted(months, key=lambda name: months[name])
    refuse_size(len(table.cells) * len(columns), "months", options)
    beside = table.named((*STATIONS, *PLACES, *POSITIONS))
    ignored = [name for name in table.names if name not in {year, *columns, *beside}]
    value = f"{columns[0]} to {columns[-1]}"
    repeated = {name: np.repeat(table.cells[name].to_numpy(), len(columns)) for name in (year, *beside)}
    numbers = np.tile([str(months[name]) for name in columns], len(table.cells))
    cells = pd.DataFrame(
        {**repeated, "month": numbers, value: table.cells[columns].to_numpy().ravel()},
        index=np.repeat(table.cells.index.to_numpy(), len(columns)),
        dtype=str,
    )
    # Months of the last year that are yet to come are not gaps.
    absent = cells[value].str.lower().isin(ABSENT) | np.isin(
        to_numbers(cells[value]), (*table.sentinels, *options.missing)
    )
    cells = cells[~absent | (cells[year] != cells[year].max())]
    notes: tuple[str, ...] = (f"one row per year, with the months {value} as columns",)
    if ignored:
        notes += (f"ignored columns that are not months: {listed(ignored)}",)
    units = {table.units[name] for name in columns if name in table.units}
    return replace(
        table, cells=cells, units={value: units.pop()} if len(units) == 1 else {}, notes=(*table.notes, *notes),
        is_csv=False,
    )  # fmt: skip


def bare_years(text: str, notes: tuple[str, ...] = ()) -> Table | None:
    """Parse rows of a year and twelve values without a header, as written by NOAA's PSL and the Climate Explorer.

    The first line may hold two years, and a line below the rows the number that marks missing values; all other lines
    are remarks. The result is None for other texts.
    """
    lines = ((number, line) for number, line in enumerate(io.StringIO(text, newline=None), 1) if line.strip())
    rows: dict[int, list[str]] = {}
    remarks: dict[int, str] = {}
    missing: tuple[float, ...] = ()
    for number, line in lines:
        if _ROW.fullmatch(line) and not missing:
            rows[number] = line.split()
        elif len(rows) >= _MIN_YEARS and _BROKEN.fullmatch(line):
            raise FileError(f"line {number} holds a year without twelve values; correct it")
        elif line.startswith("#") or (len(rows) >= _MIN_YEARS and not _NUMBER.fullmatch(line)):
            remarks[number] = line.strip()
        elif rows and not missing and _NUMBER.fullmatch(line):
            missing = (float(line),)
            notes = (*notes, f"{float(line):g} marks missing values, according to line {number}")
        elif rows or not _SPAN.fullmatch(line):
            return None
    if len(rows) < _MIN_YEARS:
        return None
    for number, line in remarks.items():
        if is_anomaly(line):
            raise FileError(f"holds anomalies, according to line {number} ({line[:60]!r}); provide SST itself")
    names = ["year", *map(str, range(1, 13))]
    cells = pd.DataFrame(list(rows.values()), columns=names, index=list(rows), dtype=str)
    kind = "rows of a year and twelve values, without a header"
    return Table(kind, cells, sentinels=missing, notes=notes, remarked=units_in_remarks(remarks.items()), is_csv=False)
