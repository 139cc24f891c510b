"""Files as users have them → series. Today: CSV with a time and a value column."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from forecasting.errors import FileError, SeriesError
from forecasting.series import SstSeries, Units
from forecasting.timestep import Floats, Times, choose_clock

_TIME_NAMES: Final = ("time", "date", "datetime", "timestamp", "valid_time", "month", "day")
_ABSENT: Final = ("", "nan", "na", "n/a", "null", "none", "-", "--")
_SST_NAMES: Final = ("sst", "sea_surface_temperature", "analysed_sst", "water_temperature", "sea_water_temperature",
                     "wtmp", "thetao", "temperature", "temp")  # fmt: skip


def read_csv(
    path: Path | str,
    *,
    time_column: str | None = None,
    value_column: str | None = None,
    units: Units = "celsius",
    missing: tuple[float, ...] = (),
) -> SstSeries:
    """Read one series from a CSV file with a header line.

    Args:
        path: of the file; UTF-8, separated by comma, semicolon or tab.
        time_column: its name; found by the usual names where None.
        value_column: its name; found by the usual names, or as the only column of numbers, where None.
        units: of the values.
        missing: numbers that stand for a missing value, as −999; an empty cell and ``NaN`` do anyway.

    Raises:
        FileError: naming the file, the line or column, and the remedy.
    """
    path = Path(path)
    try:
        table = _read_table(path)
        time_name = _time_column(table, time_column)
        value_name = _value_column(table, value_column, time_name)
        times = _times(table[time_name])
        values = _numbers(table[value_name])
        values[np.isin(values, missing)] = np.nan
        lines = table.index

        def place(i: int) -> str:
            return f"line {lines[i]}"

        series = SstSeries.from_observations(times, values, units=units, place=place)
    except SeriesError as error:
        raise FileError(f"{path}: {error}", index=error.index) from None
    taken = f"time from column {time_name}, SST from column {value_name}, in {units}"
    return replace(series, notes=(taken, *series.notes))


def _read_table(path: Path) -> pd.DataFrame:
    """Every cell as text, so that a bad one can be named; the index holds line numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = [line for line in file.read(65_536).splitlines() if line.strip() and not line.startswith("#")]
            separator = max(",;\t", key=sample[0].count) if sample else ","
            file.seek(0)
            reader = csv.reader(file, delimiter=separator)
            numbered = [(reader.line_num, _strip(row)) for row in reader]
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FileError("is not UTF-8 text; save it as CSV with UTF-8 encoding") from None
    except csv.Error as error:
        raise FileError(f"is not CSV: {error}") from None
    rows = [(number, row) for number, row in numbered if any(row) and not row[0].startswith("#")]
    if len(rows) < 2:
        raise FileError("holds no data: a header line and one line a value are needed")
    (_, header), *body = rows
    width = len(header)
    for number, row in body:
        if len(row) < width or any(row[width:]):
            raise FileError(f"line {number} has {len(row)} columns where the header has {width}; correct that line")
    named = [k for k, name in enumerate(header) if name]
    if len({header[k] for k in named}) < len(named):
        raise FileError("two columns have the same name in the header; rename one")
    cells = [[row[k] for k in named] for _, row in body]
    return pd.DataFrame(cells, columns=[header[k] for k in named], index=[number for number, _ in body], dtype=str)


def _strip(row: list[str]) -> list[str]:
    return [cell.strip() for cell in row]


def _columns(table: pd.DataFrame) -> str:
    names = [str(name) for name in table.columns]
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _named(table: pd.DataFrame, name: str) -> str:
    if name not in table.columns:
        raise FileError(f"has no column {name!r}; its columns are {_columns(table)}")
    return name


def _usual(table: pd.DataFrame, usual: tuple[str, ...]) -> str | None:
    """The column with the most usual of names, units in brackets left aside; None if there is none."""
    plain = {str(name).split("(")[0].strip().lower().replace(" ", "_"): str(name) for name in table.columns}
    return next((plain[name] for name in usual if name in plain), None)


def _time_column(table: pd.DataFrame, asked: str | None) -> str:
    found = _named(table, asked) if asked else _usual(table, _TIME_NAMES)
    if found is None:
        raise FileError(f"has no column named time or date; name it with --time-column, one of {_columns(table)}")
    return found


def _value_column(table: pd.DataFrame, asked: str | None, time_name: str) -> str:
    if asked:
        return _named(table, asked)
    others = [str(name) for name in table.columns if name != time_name]
    usual = _usual(table[others], _SST_NAMES)
    if usual is not None:
        return usual
    numeric = [name for name in others if pd.to_numeric(table[name], errors="coerce").notna().any()]
    if len(numeric) == 1:
        return numeric[0]
    several = f"has {len(numeric)} columns that could be SST" if numeric else "has no column of numbers"
    raise FileError(f"{several}; name it with --value-column, one of {', '.join(others[:12])}")


def _times(column: "pd.Series[str]") -> Times:
    """The times of a column, in UTC; months by the clock of the place."""
    utc = _parse(column)
    offset = column.str.contains(r"T.*[+-]\d\d:?\d\d$", regex=True)
    if not offset.any():
        return utc
    return choose_clock(utc, _parse(column.str.replace(r"[+-]\d\d:?\d\d$", "", regex=True).where(offset, column)))


def _parse(column: "pd.Series[str]") -> Times:
    try:
        parsed = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
    except (ValueError, OverflowError):
        parsed = pd.Series(pd.NaT, index=column.index)
    bad = parsed.isna().to_numpy()
    if bad.any():
        i = int(bad.argmax())
        cell = column.iloc[i][:40]
        said = f"time {cell!r} is not" if cell else "the time is empty; it should be"
        raise FileError(
            f"line {column.index[i]}: {said} an ISO 8601 time as 2010-12-01 or 2010-12-01T06:00:00Z; "
            "write the times of the column so, or name another with --time-column",
            index=i,
        )
    return parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]")


def _numbers(column: "pd.Series[str]") -> Floats:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
    absent = column.str.lower().isin(_ABSENT).to_numpy()
    bad = np.isnan(numbers) & ~absent
    if bad.any():
        i = int(bad.argmax())
        cell = column.iloc[i][:40]
        remedy = "write it with a decimal point" if "," in cell else "leave it empty if it is missing"
        raise FileError(f"line {column.index[i]}: {cell!r} in column {column.name} is no number; {remedy}", index=i)
    numbers[absent] = np.nan
    return numbers
