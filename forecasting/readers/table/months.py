"""A table with a row a year and a column for each month, as indices of the climate come."""

import io
import re
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.base.keys import PLACES, POSITIONS, STATIONS
from forecasting.readers.base.options import Options
from forecasting.readers.base.quantities import is_anomaly
from forecasting.readers.base.table import ABSENT, Table, to_numbers
from forecasting.readers.table.delimited import remarked
from forecasting.readers.times.month_names import YEARS, month_number
from forecasting.wording import listed

_VALUE: Final = "{} to {}"
"""What the column is called that the twelve become."""
_MONTH: Final = "month"
_YEAR: Final = r"1[6-9]\d\d|2[01]\d\d"
_ROW: Final = re.compile(rf"\s*(?:{_YEAR})(?:\s+[+-]?\d+(?:\.\d*)?){{12}}\s*")
"""A year and its twelve values."""
_SPAN: Final = re.compile(rf"\s*(?:{_YEAR})\s+(?:{_YEAR})\s*")
"""The first and the last year, as PSL has them in its first line."""
_NUMBER: Final = re.compile(r"\s*[+-]?\d+(?:\.\d*)?\s*")
_BROKEN: Final = re.compile(rf"\s*(?:{_YEAR})\s(?:.*\s)?[+-]?\d+(?:\.\d*)?(?:\s.*)?")
"""A year and a number, where there are not twelve."""
_MIN_YEARS: Final = 2


def one_row_a_month(table: Table, options: Options) -> Table:
    """The same values with a line each, where a column of years is followed by those of twelve months.

    Other tables stay as they are, and so does one of which columns are asked for by their names.

    Raises:
        FileError: if it becomes longer than ``options`` take.
    """
    year = next((table.plain()[name] for name in YEARS if name in table.plain()), None)
    months = {name: number for name in table.names if (number := month_number(table.short(name))) is not None}
    if year is None or options.time_column or options.value_column or sorted(months.values()) != list(range(1, 13)):
        return table
    columns = sorted(months, key=lambda name: months[name])
    count = len(table.cells) * len(columns)
    if options.most_lines is not None and count > options.most_lines:
        raise FileError(f"holds {count} months, and at most {options.most_lines} values are taken; keep a shorter time")
    plain = table.plain()
    beside = [plain[name] for name in (*STATIONS, *PLACES, *POSITIONS) if name in plain]
    aside = [name for name in table.names if name not in {year, *columns, *beside}]
    value = _VALUE.format(columns[0], columns[-1])
    repeated = {name: np.repeat(table.cells[name].to_numpy(), len(columns)) for name in (year, *beside)}
    numbers = np.tile([str(months[name]) for name in columns], len(table.cells))
    cells = pd.DataFrame(
        {**repeated, _MONTH: numbers, value: table.cells[columns].to_numpy().ravel()},
        index=np.repeat(table.cells.index.to_numpy(), len(columns)),
        dtype=str,
    )
    # Months of the last year that are yet to come are no gaps.
    absent = cells[value].str.lower().isin(ABSENT) | np.isin(
        to_numbers(cells[value]), (*table.sentinels, *options.missing)
    )
    cells = cells[~absent | (cells[year] != cells[year].max())]
    notes: tuple[str, ...] = (f"a row a year: {value} are columns of one month each",)
    if aside:
        notes += (f"of no month by their names, and left aside: {listed(aside)}",)
    said = {table.units[name] for name in columns if name in table.units}
    return replace(
        table, cells=cells, units={value: said.pop()} if len(said) == 1 else {}, notes=(*table.notes, *notes),
        is_csv=False,
    )  # fmt: skip


def bare_years(text: str, notes: tuple[str, ...] = ()) -> Table | None:
    """Rows of a year and twelve values without a header, as NOAA's PSL and the Climate Explorer write them, if any.

    A first line may hold two years, and a line below the rows the number that stands for a missing value; others are
    remarks, as are those that begin with ``#``.

    Raises:
        FileError: if a year has not twelve values, or a remark says that they are anomalies.
    """
    lines = ((k, line) for k, line in enumerate(io.StringIO(text, newline=None), 1) if line.strip())
    rows: dict[int, list[str]] = {}
    remarks: dict[int, str] = {}
    missing: tuple[float, ...] = ()
    for number, line in lines:
        if _ROW.fullmatch(line) and not missing:
            rows[number] = line.split()
        elif len(rows) >= _MIN_YEARS and _BROKEN.fullmatch(line):
            raise FileError(f"line {number} holds a year without the twelve values that others have; correct it")
        elif line.startswith("#") or (len(rows) >= _MIN_YEARS and not _NUMBER.fullmatch(line)):
            remarks[number] = line.strip()
        elif rows and not missing and _NUMBER.fullmatch(line):
            missing = (float(line),)
            notes = (*notes, f"{float(line):g} stands for a missing value, as line {number} says")
        elif rows or not _SPAN.fullmatch(line):
            return None
    if len(rows) < _MIN_YEARS:
        return None
    for number, line in remarks.items():
        if is_anomaly(line):
            raise FileError(f"holds anomalies, as line {number} says ({line[:60]!r}); bring SST itself")
    names = ["year", *map(str, range(1, 13))]
    cells = pd.DataFrame(list(rows.values()), columns=names, index=list(rows), dtype=str)
    kind = "rows of a year and twelve values, without a header"
    return Table(kind, cells, sentinels=missing, notes=notes, remarked=remarked(remarks.items()), is_csv=False)
