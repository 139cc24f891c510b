"""The times of a table's rows: their columns, in UTC."""

import re
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.dates import from_units, have_offset, is_dated, parse_as_written, parse_utc, rewrite
from forecasting.readers.names import ANYTHING, DEPTHS, PLACES, POSITIONS, STATIONS, YEARS, month_number
from forecasting.readers.options import ReadingOptions
from forecasting.readers.table import ABSENT, Table, is_empty, is_numeric, numbers, refuse_first
from forecasting.readers.zones import (
    COLUMNS,
    PERIOD,
    UTC,
    is_period,
    iso_suffix,
    names_utc,
    parse_zone,
    zone_in_name,
)
from forecasting.remedies import Remedy
from forecasting.series.observations import are_repeated, choose_clock
from forecasting.series.times import Times
from forecasting.wording import listed

_USUAL: Final = (
    "time",
    "date",
    "datetime",
    "timestamp",
    "valid_time",
    "date_time",
    "date-time",
    "time_utc",
    "date_utc",
    "system:time_start",
)
_MONTHS: Final = ("month", "day")


@dataclass(frozen=True)
class Clock:
    """The times of a table's rows before they are parsed."""

    label: str
    names: tuple[str, ...]
    texts: "pd.Series[str]"
    shown: "pd.Series[str]"
    timezone: str | None

    def times(self, rows: "npt.NDArray[np.bool_]") -> Times:
        """Return the times of some rows in UTC; monthly times keep their local date."""
        return parse_utc(self.texts[rows], self.shown[rows], self.timezone)

    def as_written(self, rows: "npt.NDArray[np.bool_]") -> "tuple[Times, npt.NDArray[np.bool_]]":
        """Return the times of some rows, in UTC if they state an offset; also return which do not."""
        utc, local, naive = parse_as_written(self.texts[rows], self.shown[rows])
        return utc if naive.all() else choose_clock(utc, local), naive


def find_clock(table: Table, options: ReadingOptions) -> Clock:
    """Find the columns of times."""
    clock = clock_of(table, options)
    if options.dates is not None and not clock.shown.str.match(r"\d{1,2}[/.-]\d{1,2}[/.-]\d\d").any():
        raise FileError("has no dates such as 03/04/2010", remedy=Remedy.of("; remove {}", "dates"))
    if have_offset(clock.texts).all():
        if options.timezone is not None:
            raise FileError("states an offset with every time", remedy=Remedy.of("; remove {}", "timezone"))
        return clock
    return clock if options.timezone is not None else replace(clock, timezone=_written_zone(table, clock))


def _written_zone(table: Table, clock: Clock) -> str | None:
    """Return the offset of the times in the header or the row of units."""
    units = [unit[0] for unit in map(table.unit, clock.names) if unit is not None]
    if any(_is_utc(table, name) for name in clock.names):
        return None
    zones = [*map(parse_zone, units), *(zone_in_name(table.short(name)) for name in clock.names)]
    return next((zone for zone in zones if zone is not None), None)


def _is_utc(table: Table, name: str) -> bool:
    """Return whether the header or the row of units says that a column is in UTC."""
    unit = table.unit(name)
    return names_utc(table.short(name)) or (unit is not None and unit[0].strip().upper() in UTC)


def clock_of(table: Table, options: ReadingOptions) -> Clock:
    """Find the columns of times in a part of a table, without checking whether options apply."""
    clock = _local_clock(table, options)
    return clock if options.timezone is not None else _by_zones(table, clock)


def _by_zones(table: Table, clock: Clock) -> Clock:
    """Add the zone of each row from a column of zones, if there is one and the times have no offset."""
    plain = table.plain
    named = {name: table.cells[plain[name]] for name in COLUMNS if name in plain}
    zoned = (name for name, cells in named.items() if not is_empty(cells) and (name != PERIOD or not is_period(cells)))
    column = next((plain[name] for name in zoned), None)
    naive = clock.texts.str.contains("T") & ~have_offset(clock.texts)
    if column is None or not naive.any() or any(_is_utc(table, name) for name in clock.names):
        return clock
    zones = table.cells[column]
    absent = naive & zones.str.lower().isin(ABSENT)
    refuse_first(absent, zones, lambda _: f"column {column} names no zone, unlike other lines; add it")
    offsets = zones.map({cell: iso_suffix(cell, column) for cell in zones[naive].unique()})
    texts = clock.texts.where(~naive, clock.texts + offsets)
    return replace(clock, label=f"{clock.label} and {column}", names=(*clock.names, column), texts=texts)


def _local_clock(table: Table, options: ReadingOptions) -> Clock:
    """Find the columns of times, ignoring columns of zones."""
    if options.time_column:
        return _single(table, table.column(options.time_column), options)
    usual = table.named(_USUAL)
    parts = find_parts(table)
    if len(usual) > 1 and (hours := times_of_day(table, usual[0], usual[1])) is not None:
        return _joined(table, usual[1], [usual[0]], hours, options)
    if usual and "hour" in parts:
        # A column named min may hold minima.
        has_minutes = "minute" in parts and table.cells[parts["minute"]].str.fullmatch(r"\d{1,2}").all()
        columns = {part: parts[part] for part in ("hour", "minute")[: 1 + has_minutes]}
        if has_separate_hours(table, usual[0], [*columns.values()]):
            hours = None if has_minutes else times_of_day(table, columns["hour"], usual[0])
            if hours is None:
                hours = _time_of({part: _integers(table.cells[name], part) for part, name in columns.items()})
            return _joined(table, usual[0], [*columns.values()], hours, options)
    clocks = _clocks(table) if usual and ":" not in table.cells[usual[0]].iloc[0] else []
    if len(clocks) == 1 and has_separate_hours(table, usual[0], clocks):
        hours = times_of_day(table, clocks[0], usual[0])
        assert hours is not None
        return _joined(table, usual[0], clocks, hours, options)
    if not usual and "year" in parts and ("month" in parts or "doy" in parts):
        texts = compose(table, parts)
        return Clock(" ".join(parts.values()), tuple(parts.values()), texts, texts, options.timezone)
    usual += table.named(_MONTHS)
    return _single(table, usual[0], options) if usual else _dated(table, options)


def _dated(table: Table, options: ReadingOptions) -> Clock:
    """Find the only column of dates, whatever its name, and that of times of day if the dates have none."""
    dated = [name for name in table.names if is_dated(table.cells[name])]
    if len(dated) > 1 and not table.nameless:
        raise FileError(
            f"has {len(dated)} date columns: {listed(dated)}",
            remedy=Remedy.of("; choose one with {}", "time_column").offering_values("time_column", dated),
        )
    if not dated:
        raise FileError(
            f"has no column named time or date, only {table.describe()}",
            remedy=Remedy.of("; name the time column with {}", "time_column"),
        )
    clocks = _clocks(table)
    hours = times_of_day(table, clocks[0], dated[0]) if len(clocks) == 1 else None
    if hours is None or table.cells[dated[0]].str.contains(":").any():
        return _single(table, dated[0], options)
    return _joined(table, dated[0], clocks, hours, options)


def _clocks(table: Table) -> list[str]:
    return [name for name in table.names if is_clock(table.cells[name])]


def _single(table: Table, name: str, options: ReadingOptions) -> Clock:
    column = table.cells[name]
    unit, _ = table.unit(name) or ("", "")
    if " since " in unit:
        times = from_units(numbers(column), unit, column)
        texts = pd.Series(np.char.add(times.astype(str), "Z"), index=column.index, dtype=column.dtype)
    else:
        texts = rewrite(column, options.dates)
    return Clock(name, (name,), texts, column, options.timezone)


def _joined(table: Table, date: str, columns: list[str], hours: "pd.Series[str]", options: ReadingOptions) -> Clock:
    """Join dates with the times of day in other columns."""
    joined = table.cells[date] + " " + hours
    texts = rewrite(joined, options.dates).str.replace(" ", "T")
    names = (date, *columns)
    return Clock(" and ".join(names), names, texts, joined, options.timezone)


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
    """Return the columns by the part of a time that they are named after."""
    return {part: columns[0] for part, names in _NAMES.items() if (columns := table.named(names))}


def compose(table: Table, parts: dict[str, str]) -> "pd.Series[str]":
    """Compose ISO 8601 texts from the columns of the parts."""
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
    return text + "T" + _time_of(fields)


def _time_of(fields: "dict[str, pd.Series[int]]") -> "pd.Series[str]":
    """Return HH:MM from hours, and perhaps minutes."""
    return _two_digits(fields["hour"]) + ":" + _two_digits(fields.get("minute", fields["hour"] * 0))


def _two_digits(column: "pd.Series[int]") -> "pd.Series[str]":
    return column.astype(str).str.zfill(2)


def _integers(column: "pd.Series[str]", part: str) -> "pd.Series[int]":
    if part == "month" and not is_numeric(column):
        column = column.map(lambda cell: str(month_number(cell) or cell))
    values = numbers(column)
    low, high = _LIMITS[part]
    bad = ~((values >= low) & (values <= high) & (values == np.round(values)))
    hint = "; write years with four digits" if part == "year" else ""
    refuse_first(bad, column, lambda cell: f"{cell!r} in column {column.name} is not a valid {part}{hint}")
    if part == "year" and values.min() < 100:
        i = int(values.argmin())
        raise FileError(f"line {column.index[i]}: write the year {column.iloc[i]} with four digits", index=i)
    return pd.Series(values, index=column.index).astype(int)


_CLOCK: Final = r"(\d{1,2}):(\d\d)(:\d\d(?:\.\d+)?)?\s*([AaPp]\.?[Mm]\.?)?"


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
    """Return whether every cell is a time of day such as 13:30 or 1:30 PM."""
    return re.fullmatch(_CLOCK, column.iloc[0]) is not None and bool(column.str.fullmatch(_CLOCK).all())


def has_separate_hours(table: Table, date: str, others: list[str]) -> bool:
    """Return whether other columns complete the dates with times of day: the dates have none, and are repeated.

    In a table of nothing but times, whose columns were chosen before, they always do.
    """
    dates = table.cells[date]
    if dates.str.contains(r":|\dT\d", regex=True).any():
        return False
    if set(table.names) <= {date, *others}:
        return True
    keys = table.named((*STATIONS, *PLACES, *ANYTHING, *DEPTHS, *POSITIONS))
    return are_repeated(int(table.cells[[date, *keys]].duplicated().sum()), len(dates))
