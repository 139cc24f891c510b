"""Dates and times as files write them, in UTC."""

import calendar
import re
from typing import Final, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.names import month_number
from forecasting.readers.options import DateOrder
from forecasting.readers.table import refuse_first, to_numbers
from forecasting.readers.zones import localise_cells, within_years
from forecasting.remedies import Remedy, Setting
from forecasting.series.observations import choose_clock
from forecasting.series.times import Floats, Times

_CLOCK: Final = (
    r"(?:[ T,]+(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?P<second>:\d\d(?:\.\d+)?)?)?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?)?"
)
_NUMERIC: Final = re.compile(r"(?P<first>\d{1,2})([/.-])(?P<middle>\d{1,2})\2(?P<year>\d{4}|\d\d)" + _CLOCK)
_NAMED: Final = re.compile(r"(?P<day>\d{1,2})([ -]?)(?P<name>[A-Za-z]{3,9})\2(?P<year>\d{4})" + _CLOCK)
_MONTH_FIRST: Final = re.compile(r"(?P<name>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}), ?(?P<year>\d{4})" + _CLOCK)
_YEAR_FIRST: Final = re.compile(r"(?P<year>\d{4})([/. ])(?P<month>\d{1,2})\2(?P<day>\d{1,2})" + _CLOCK)
_FORMS: Final = (_NUMERIC, _NAMED, _MONTH_FIRST, _YEAR_FIRST)
"""Dates that are rewritten as ISO 8601."""
_FIRST_YEAR: Final = 69
"""First two-digit year of the twentieth century, as in POSIX."""
_ISO: Final = re.compile(r"\d{4}-\d\d(-\d\d)?([T ].*)?")
_TOGETHER: Final = re.compile(r"(1[89]|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d\d){0,3}$")
_DIGITS: Final = {6: "%Y%m", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Formats of times without separators, by their length; pandas parses those of days."""
_FIRST_OBSERVED: Final = 1_850
"""Ten-digit numbers that would be earlier than this year are seconds since 1970."""
_UNIX: Final = {10: 1, 13: 1_000}
"""Units per second, by the length of a number of seconds or milliseconds since 1970."""
_SECONDS: Final = {"second": 1.0, "sec": 1.0, "s": 1.0, "minute": 60.0, "min": 60.0, "hour": 3_600.0, "hr": 3_600.0,
                   "h": 3_600.0, "day": 86_400.0, "d": 86_400.0}  # fmt: skip

UNAMBIGUOUS: Final[dict[DateOrder, str]] = {
    "dmy": r"^(1[3-9]|[2-9]\d)[/.-]\d{1,2}[/.-]\d",
    "mdy": r"^\d{1,2}[/.-](1[3-9]|[2-9]\d)[/.-]\d",
}
"""Patterns of dates that settle the order, in the syntax that all regex libraries share."""
FARTHEST_SECONDS: Final = 1e11
"""Largest distance from the origin of times in seconds, some three thousand years."""


class AmbiguousOrderError(FileError):
    """No date of a column settles whether dates begin with the day or the month."""


def rewrite(column: "pd.Series[str]", order: DateOrder | None) -> "pd.Series[str]":
    """Rewrite a column of dates as ISO 8601; cells that are not dates stay as they are.

    The whole column settles the order of day and month: 31/12/2010 settles it for every row.
    """
    filled = column[column != ""]
    if not len(filled):
        return column
    if filled.iloc[0].endswith(("UTC", "GMT")):
        column = column.str.replace(r"\s*(UTC|GMT)$", "Z", regex=True)
    first = column[filled.index[0]]
    form = next((form for form in _FORMS if form.fullmatch(first)), None)
    if form is not None:
        day_first = form is not _NUMERIC or _day_first(column, order) is not False
        return column.map(lambda cell: _iso(cell, form, day_first=day_first))
    if first.isdecimal() and (rewritten := _of_digits(column)) is not None:
        return rewritten
    return column.str.replace(r"^(\d{4}-\d\d-\d\d)\s+", r"\1T", regex=True) if " " in first else column


def is_date(cell: str) -> bool:
    """Return whether a cell is written like a date, including ``20101231``."""
    plain = any(form.fullmatch(cell) for form in (_ISO, _NUMERIC, _YEAR_FIRST, _TOGETHER))
    return plain or any(_iso(cell, form) != cell for form in (_NAMED, _MONTH_FIRST))


def is_dated(column: "pd.Series[str]") -> bool:
    """Return whether most cells, including the first, are written like dates."""
    filled = column[column != ""]
    if not len(filled):
        return False
    first = filled.iloc[0].removesuffix("UTC").rstrip()
    form = next((form for form in (_ISO, *_FORMS, _TOGETHER) if form.fullmatch(first)), None)
    return form is not None and bool(filled.str.match(form).mean() > 0.5)


def _of_digits(column: "pd.Series[str]") -> "pd.Series[str] | None":
    """Rewrite numbers such as 2010123106, or seconds or milliseconds since 1970; None if they are neither."""
    lengths = set(column[column != ""].str.len())
    length = lengths.pop()
    if lengths or not (column.str.isdecimal() | (column == "")).all():
        return None
    if length in _DIGITS:
        # pandas would read 201013 as a day of 2010 or 2020.
        separated = column.str.replace(r"^(\d{4})", r"\1-", regex=True)
        times = pd.to_datetime(separated, format=_DIGITS[length].replace("%Y", "%Y-"), errors="coerce")
        known = times.dt.year >= _FIRST_OBSERVED
        # One invalid time, such as hour 24, does not turn the others into seconds.
        if 2 * known.sum() > (column != "").sum():
            written = times.dt.strftime("%Y-%m" if length == 6 else "%Y-%m-%dT%H:%M:%S")
            return written.where(known, column)
    if length not in _UNIX:
        return None
    seconds = pd.to_numeric(column) // _UNIX[length]
    times = pd.to_datetime(seconds, unit="s")
    return times.dt.strftime("%Y-%m-%dT%H:%M:%SZ").fillna("")


def order_of(column: "pd.Series[str]") -> DateOrder | None:
    """Return the order that :func:`rewrite` infers for a column; None if it has no such dates."""
    filled = column[column != ""]
    if not len(filled) or _NUMERIC.fullmatch(re.sub(r"\s*(UTC|GMT)$", "", filled.iloc[0])) is None:
        return None
    day_first = _day_first(column, None)
    if day_first is None:
        raise _ambiguous(column, 0)
    return "dmy" if day_first else "mdy"


def _day_first(column: "pd.Series[str]", order: DateOrder | None) -> bool | None:
    """Return whether dates begin with the day; None if all of them are the same in both orders, such as 01/01/2010."""
    if order is not None:
        return order == "dmy"
    parts = column.str.extract(r"^(\d{1,2})([/.-])(\d{1,2})\2(\d+)")
    first, second = to_numbers(parts[0]), to_numbers(parts[2])
    differ = np.abs(first - second) > 0
    short = (parts[3].str.len() == 2).to_numpy()
    if short.any():
        differing = short & differ
        i = int((differing if differing.any() else short).argmax())
        if _year_is_first(parts):
            raise FileError(
                f"line {column.index[i]}: {column.iloc[i][:20]!r} seems to begin with a two-digit year; write four "
                "digits, such as 2010-12-31"
            )
        raise FileError(
            f"line {column.index[i]}: {column.iloc[i][:20]!r} has a two-digit year, which could be any of its numbers",
            remedy=_set_order(column.iloc[i]),
        )
    day, month = first > 12, second > 12
    if day.any() and month.any():
        i, j = int(day.argmax()), int(month.argmax())
        raise FileError(
            f"line {column.index[i]} ({column.iloc[i][:20]}) begins with its day and line {column.index[j]} "
            f"({column.iloc[j][:20]}) with its month; write all dates the same way, preferably as 2010-12-31"
        )
    if day.any() or month.any() or parts[1].iloc[0] == ".":
        return not month.any()
    if differ.any():
        raise _ambiguous(column, int(differ.argmax()))
    return None


def _ambiguous(column: "pd.Series[str]", i: int) -> AmbiguousOrderError:
    return AmbiguousOrderError(
        f"line {column.index[i]}: {column.iloc[i][:20]!r} could begin with its day or its month, and no other line "
        "settles which",
        remedy=_set_order(column.iloc[i]),
    )


def _set_order(cell: str) -> Remedy:
    """Return the choice between both orders, with the date that a cell is in each of them."""
    orders = (Setting("dates", order, _dated(cell, order)) for order in get_args(DateOrder))
    return Remedy.of("; write dates such as 2010-12-31, or set the order with {} or {}", *orders)


def _dated(cell: str, order: DateOrder) -> str:
    """Return the date of a cell in words, such as ``1 June 2010``; empty if there is no such date."""
    date = pd.to_datetime(_iso(cell, _NUMERIC, day_first=order == "dmy")[:10], errors="coerce")
    return "" if pd.isna(date) else f"{date.day} {calendar.month_name[date.month]} {date.year}"


def _year_is_first(parts: pd.DataFrame) -> bool:
    """Return whether the first of three numbers cannot be a day, or the last one changes most often, as days do."""
    numbers = [parts[group].dropna() for group in (0, 2, 3)]
    first, middle, last = (int((column != column.shift()).sum()) for column in numbers)
    return (first < last and middle <= last) or bool((numbers[0].astype(int) > 31).any())


def _iso(cell: str, form: re.Pattern[str], *, day_first: bool = True) -> str:
    """Rewrite a cell of this form as ISO 8601, with hours of a 24-hour clock; any other cell stays as it is."""
    match = form.fullmatch(cell)
    if match is None:
        return cell
    part: dict[str, str | None] = match.groupdict()
    year, day, month = match["year"], part.get("day"), part.get("month")
    if form is _NUMERIC:
        day, month = (match["first"], match["middle"]) if day_first else (match["middle"], match["first"])
        century = "" if len(year) > 2 else "19" if int(year) >= _FIRST_YEAR else "20"
        year = f"{century}{year}"
    number = int(month) if month is not None else month_number(match["name"][:3])
    if number is None:
        return cell
    date = f"{year}-{number:02}-{int(day or 0):02}"
    if part["hour"] is None:
        return date
    half = (part["half"] or "").lower()
    hour = int(part["hour"]) if not half else int(part["hour"]) % 12 + 12 * (half == "pm")
    return f"{date}T{hour:02}:{part['minute'] or '00'}{part['second'] or ''}{part['zone'] or ''}"


def seconds_of_unit(unit: str) -> float | None:
    """Return the seconds in a unit of time, such as ``days``; None for an unknown unit."""
    plain = unit.strip().lower()
    return _SECONDS.get(plain, _SECONDS.get(plain.rstrip("s")))


def from_units(values: Floats, units: str, shown: "pd.Series[str]") -> Times:
    """Convert numbers in CF units of time, such as ``seconds since 1970-01-01T00:00:00Z``."""
    unit, _, origin = units.partition(" since ")
    start = pd.to_datetime(origin.strip(), utc=True, errors="coerce")
    seconds = seconds_of_unit(unit)
    if seconds is None or pd.isna(start):
        raise FileError(f"the times have unknown units {units[:60]!r}; write them as 2010-12-01T06:00:00Z")
    bad = ~(np.abs(values * seconds) < FARTHEST_SECONDS)
    refuse_first(bad, shown, lambda cell: f"time {cell!r} is not in {units[:60]}")
    origin_seconds = np.datetime64(start.tz_localize(None), "s")
    times: Times = origin_seconds + np.round(values * seconds).astype("timedelta64[s]")
    return times


_OFFSET: Final = r"T.*[+-]\d\d:?\d\d$"
_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d)*(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")
"""Numbers in the form of a time."""


def have_offset(texts: "pd.Series[str]") -> "pd.Series[bool]":
    """Return whether each text ends in Z or an offset."""
    return texts.str.contains(rf"[Zz]$|{_OFFSET}", regex=True)


def parse_utc(texts: "pd.Series[str]", shown: "pd.Series[str]", timezone: str | None) -> Times:
    """Parse texts as UTC; monthly times keep their local date."""
    utc, local, naive = parse_as_written(texts, shown)
    if timezone is not None and naive.any():
        local = local.copy()
        utc[naive] = localise_cells(utc[naive], timezone, shown[naive])
    return utc if local is utc else choose_clock(utc, local)


def parse_as_written(texts: "pd.Series[str]", shown: "pd.Series[str]") -> "tuple[Times, Times, npt.NDArray[np.bool_]]":
    """Parse texts as UTC and as local times, which are equal without an offset; also return which have none."""
    offset = texts.str.contains(_OFFSET, regex=True)
    utc = _parse(texts, shown)
    local = utc
    if offset.any():
        local = _parse(texts.str.replace(r"[+-]\d\d:?\d\d$", "", regex=True).where(offset, texts), shown)
    return utc, local, ~have_offset(texts).to_numpy()


def _refusal(cell: str, text: str, first: str) -> str:
    """Return why a cell is not a time, given its text in ISO 8601 as far as possible, and the first cell."""
    if not cell:
        return "the time is empty; it should be a time such as 2010-12-01 or 2010-12-01T06:00:00Z"
    if _WRITTEN.fullmatch(text):
        return f"time {cell[:40]!r} does not exist"
    if is_date(cell):
        return f"time {cell[:40]!r} is not written like the first, {first[:40]!r}"
    return f"time {cell[:40]!r} is not a time such as 2010-12-01, 31.12.2010 or 2010-12-01T06:00:00Z"


def _parse(texts: "pd.Series[str]", shown: "pd.Series[str]") -> Times:
    try:
        parsed = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
    except (ValueError, OverflowError):
        parsed = pd.Series(pd.NaT, index=texts.index).dt.tz_localize("UTC")
    bad = parsed.isna().to_numpy()
    if bad.any():
        i = int(bad.argmax())
        raise FileError(
            f"line {texts.index[i]}: {_refusal(shown.iloc[i], texts.iloc[i], shown.iloc[0])}",
            index=i,
            remedy=Remedy.of("; correct it, or name another time column with {}", "time_column"),
        )
    return within_years(parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]"), shown)
