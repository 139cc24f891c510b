"""The times of a table, as files write them, in UTC."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.base.options import Options
from forecasting.readers.base.table import ABSENT, Table, is_empty, is_numeric, numbers
from forecasting.readers.times.dates import from_units, is_dated, rewrite
from forecasting.readers.times.daylight import localise_cells, refuse_local_clock, within_years
from forecasting.readers.times.hours import is_clock, is_whole, stands_apart, times_of_day
from forecasting.readers.times.month_names import YEARS, month_number
from forecasting.readers.times.zones import COLUMNS, PERIOD, UTC, is_period, names_utc, offset_of, zone_in, zone_of
from forecasting.series.step_inference import choose_clock
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
_PARTS: Final = {
    "year": YEARS,
    "month": ("month", "mon", "mo", "mm", "mon/mmm", "mmm", "month_number"),
    "day": ("day", "dy", "dd"),
    "doy": ("doy", "dayofyear", "day_of_year", "yearday", "jday"),
    "hour": ("hour", "hr", "hh"),
    "minute": ("minute", "min", "mn"),
}
_LIMITS: Final = {"year": (1, 9999), "month": (1, 12), "day": (1, 31), "doy": (1, 366), "hour": (0, 23),
                  "minute": (0, 59)}  # fmt: skip
_OFFSET: Final = r"T.*[+-]\d\d:?\d\d$"


@dataclass(frozen=True)
class Clock:
    """The times of a table's rows, not yet parsed.

    Attributes:
        label: where they come from, in words.
        names: of the columns that they are in.
        texts: ISO 8601, where the cells could be understood so.
        shown: cells, as an error shows them.
        timezone: whose clock times without an offset go by, by its name or offset; UTC where None.
        cells: of all columns of the table.
    """

    label: str
    names: tuple[str, ...]
    texts: "pd.Series[str]"
    shown: "pd.Series[str]"
    timezone: str | None
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)

    def times(self, rows: "npt.NDArray[np.bool_]") -> Times:
        """UTC, of some rows in their order; months by the clock of the place.

        Raises:
            FileError: if a cell is no time, or the clock is one with daylight saving, naming the line.
        """
        return _parse(self.texts[rows], self.shown[rows], self.timezone, lambda: self.cells[rows])

    def as_written(self, rows: "npt.NDArray[np.bool_]") -> "tuple[Times, npt.NDArray[np.bool_]]":
        """Times of some rows, in UTC where they say their offset, and which of them say none.

        Raises:
            FileError: if a cell is no time, naming the line.
        """
        utc, local, naive = _written(self.texts[rows], self.shown[rows])
        return utc if naive.all() else choose_clock(utc, local), naive


def find_clock(table: Table, options: Options) -> Clock:
    """The column, or columns, that hold the times.

    Raises:
        FileError: if there are none, or their cells cannot be understood, naming the line; or if an order of dates is
            asked for that are not written so.
    """
    clock = replace(clock_of(table, options), cells=table.cells)
    if options.date_order is not None and not clock.shown.str.match(r"\d{1,2}[/.-]\d{1,2}[/.-]\d\d").any():
        raise FileError("has no dates as 03/04/2010 in it, so --dates says nothing of it; leave it away")
    if _zoned(clock.texts).all():
        if options.timezone is not None:
            raise FileError("has times that all say their offset, so --timezone says nothing of it; leave it away")
        return clock
    return clock if options.timezone is not None else replace(clock, timezone=_written_zone(table, clock))


def _written_zone(table: Table, clock: Clock) -> str | None:
    """The offset that the header, or the row of units, names for the times."""
    written = [one[0] for one in map(table.unit, clock.names) if one is not None]
    if any(_is_utc(table, name) for name in clock.names):
        return None
    zones = [*map(zone_of, written), *(zone_in(table.short(name)) for name in clock.names)]
    return next((zone for zone in zones if zone is not None), None)


def _is_utc(table: Table, name: str) -> bool:
    """Whether the header, or the row of units, says so of a column."""
    written = table.unit(name)
    return names_utc(table.short(name)) or (written is not None and written[0].strip().upper() in UTC)


def _zoned(texts: "pd.Series[str]") -> "pd.Series[bool]":
    return texts.str.contains(rf"[Zz]$|{_OFFSET}", regex=True)


def clock_of(table: Table, options: Options) -> Clock:
    """As :func:`find_clock`, of a part of a table whose options were held against another part."""
    clock = _local_clock(table, options)
    return clock if options.timezone is not None else _by_zones(table, clock)


def _by_zones(table: Table, clock: Clock) -> Clock:
    """The same where a column names the zone of each row, and times say none themselves."""
    plain = table.plain()
    named = {name: table.cells[plain[name]] for name in COLUMNS if name in plain}
    told = (name for name, cells in named.items() if not is_empty(cells) and (name != PERIOD or not is_period(cells)))
    column = next((plain[name] for name in told), None)
    naive = clock.texts.str.contains("T") & ~_zoned(clock.texts)
    if column is None or not naive.any() or any(_is_utc(table, name) for name in clock.names):
        return clock
    zones = table.cells[column]
    absent = naive & zones.str.lower().isin(ABSENT)
    if absent.any():
        said = f"column {column} names no zone, as it does for others; write it there"
        raise FileError(f"line {absent.idxmax()}: {said}", index=int(absent.argmax()))
    offsets = zones.map({cell: offset_of(cell, column) for cell in zones[naive].unique()})
    texts = clock.texts.where(~naive, clock.texts + offsets)
    return replace(clock, label=f"{clock.label} and {column}", names=(*clock.names, column), texts=texts)


def _local_clock(table: Table, options: Options) -> Clock:
    """The columns of times as they stand there."""
    if options.time_column:
        return _one(table, table.column(options.time_column), options)
    plain = table.plain()
    usual = [plain[name] for name in _USUAL if name in plain]
    parts = {part: plain[name] for part, names in _PARTS.items() for name in reversed(names) if name in plain}
    if len(usual) > 1 and (hours := times_of_day(table, usual[0], usual[1])) is not None:
        return _joined(table, usual[1], [usual[0]], hours, options)
    if usual and "hour" in parts:
        # A column min may hold the least of something.
        minutes = [parts["minute"]] if "minute" in parts and is_whole(table.cells[parts["minute"]]) else []
        columns = [parts["hour"], *minutes]
        if stands_apart(table, usual[0], columns):
            return _joined(table, usual[0], columns, _hours(table, columns, usual[0]), options)
    clocks = _clocks(table) if usual and ":" not in table.cells[usual[0]].iloc[0] else []
    if len(clocks) == 1 and stands_apart(table, usual[0], clocks):
        hours = times_of_day(table, clocks[0], usual[0])
        assert hours is not None
        return _joined(table, usual[0], clocks, hours, options)
    if not usual and "year" in parts and ("month" in parts or "doy" in parts):
        texts = _compose(table, parts)
        return Clock(" ".join(parts.values()), tuple(parts.values()), texts, texts, options.timezone)
    usual += [plain[name] for name in _MONTHS if name in plain]
    return _one(table, usual[0], options) if usual else _dated(table, options)


def _dated(table: Table, options: Options) -> Clock:
    """The only column that holds dates, whatever its name, and the only one of times of day beside days."""
    found = [name for name in table.names if is_dated(table.cells[name])]
    if len(found) > 1 and not table.nameless:
        raise FileError(f"has {len(found)} columns of dates; name one with --time-column, one of {listed(found)}")
    if not found:
        raise FileError(f"has no column named time or date; name it with --time-column, one of {table.describe()}")
    clocks = _clocks(table)
    hours = times_of_day(table, clocks[0], found[0]) if len(clocks) == 1 else None
    if hours is None or table.cells[found[0]].str.contains(":").any():
        return _one(table, found[0], options)
    return _joined(table, found[0], clocks, hours, options)


def _clocks(table: Table) -> list[str]:
    return [name for name in table.names if is_clock(table.cells[name])]


def _one(table: Table, name: str, options: Options) -> Clock:
    column = table.cells[name]
    unit, _ = table.unit(name) or ("", "")
    if " since " in unit:
        times = from_units(numbers(column), unit, column)
        texts = pd.Series(np.char.add(times.astype(str), "Z"), index=column.index, dtype=column.dtype)
    else:
        texts = rewrite(column, options.date_order)
    return Clock(name, (name,), texts, column, options.timezone)


def _hours(table: Table, columns: list[str], date: str) -> "pd.Series[str]":
    """HH:MM of a column of hours, and perhaps one of minutes."""
    if len(columns) == 1 and (hours := times_of_day(table, columns[0], date)) is not None:
        return hours
    hour, *minutes = (_whole(table.cells[name], part) for name, part in zip(columns, ("hour", "minute"), strict=False))
    return _two(hour) + ":" + _two(minutes[0] if minutes else hour * 0)


def _joined(table: Table, date: str, columns: list[str], hours: "pd.Series[str]", options: Options) -> Clock:
    """Dates and the times of day that stand in other columns."""
    joined = table.cells[date] + " " + hours
    texts = rewrite(joined, options.date_order).str.replace(" ", "T")
    names = (date, *columns)
    return Clock(" and ".join(names), names, texts, joined, options.timezone)


def _compose(table: Table, parts: dict[str, str]) -> "pd.Series[str]":
    """ISO 8601 texts from columns of year, month, day and so on."""
    fields = {part: _whole(table.cells[name], part) for part, name in parts.items()}
    year = fields["year"].astype(str).str.zfill(4)
    if "month" in fields:
        day = fields["day"] if "day" in fields else fields["month"] * 0 + 1
        text = year + "-" + _two(fields["month"]) + "-" + _two(day)
    else:
        text = year + "-" + fields["doy"].astype(str).str.zfill(3)
        text = pd.to_datetime(text, format="%Y-%j", errors="coerce").dt.strftime("%Y-%m-%d").fillna("")
    if "hour" not in fields:
        return text
    minute = fields["minute"] if "minute" in fields else fields["hour"] * 0
    return text + "T" + _two(fields["hour"]) + ":" + _two(minute)


def _two(column: "pd.Series[int]") -> "pd.Series[str]":
    return column.astype(str).str.zfill(2)


def _whole(column: "pd.Series[str]", part: str) -> "pd.Series[int]":
    if part == "month" and not is_numeric(column):
        column = column.map(lambda cell: str(month_number(cell) or cell))
    found = numbers(column)
    low, high = _LIMITS[part]
    bad = ~((found >= low) & (found <= high) & (found == np.round(found)))
    if bad.any():
        i = int(bad.argmax())
        cell = column.iloc[i][:40]
        hint = "; write years with four digits" if part == "year" else ""
        raise FileError(f"line {column.index[i]}: {cell!r} in column {column.name} is no {part}{hint}", index=i)
    if part == "year" and found.min() < 100:
        i = int(found.argmin())
        raise FileError(f"line {column.index[i]}: year {column.iloc[i]} needs four digits", index=i)
    return pd.Series(found, index=column.index).astype(int)


def _parse(
    texts: "pd.Series[str]", shown: "pd.Series[str]", timezone: str | None, cells: Callable[[], pd.DataFrame]
) -> Times:
    """ISO 8601 texts as UTC; months by the clock of the place."""
    utc, local, naive = _written(texts, shown)
    if timezone is None:
        refuse_local_clock(utc, naive, shown, cells)
        if local is utc:
            return utc
    elif naive.any():
        local = local.copy()
        utc[naive] = localise_cells(utc[naive], timezone, shown[naive])
    return choose_clock(utc, local)


def _written(texts: "pd.Series[str]", shown: "pd.Series[str]") -> "tuple[Times, Times, npt.NDArray[np.bool_]]":
    """ISO 8601 texts as UTC and by the clock of the place, the same without an offset; and which are without."""
    offset = texts.str.contains(_OFFSET, regex=True)
    utc = _iso(texts, shown)
    local = utc
    if offset.any():
        local = _iso(texts.str.replace(r"[+-]\d\d:?\d\d$", "", regex=True).where(offset, texts), shown)
    return utc, local, ~_zoned(texts).to_numpy()


def _iso(texts: "pd.Series[str]", shown: "pd.Series[str]") -> Times:
    try:
        parsed = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
    except (ValueError, OverflowError):
        parsed = pd.Series(pd.NaT, index=texts.index).dt.tz_localize("UTC")
    bad = parsed.isna().to_numpy()
    if bad.any():
        i = int(bad.argmax())
        cell = shown.iloc[i][:40]
        said = f"time {cell!r} is not" if cell else "the time is empty; it should be"
        raise FileError(
            f"line {texts.index[i]}: {said} an ISO 8601 time as 2010-12-01 or 2010-12-01T06:00:00Z; "
            "write the times of the column so, or name another with --time-column",
            index=i,
        )
    return within_years(parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]"), shown)
