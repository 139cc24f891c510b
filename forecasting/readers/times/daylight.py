"""Daylight saving time: convert times to UTC, and detect local times if no zone is named."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.times.zones import find_zone
from forecasting.remedies import Remedy, Setting
from forecasting.series.times import FIRST_TIME, LAST_TIME, Bools, Times, month_of, short

UNTOLD: Final = (
    "is skipped or repeated in the time zone {}, where the clock changes; write times with their offset, or in UTC"
)
"""What is wrong with a time that :func:`localise` cannot convert."""

LOCAL: Final = "the clock goes back an hour at {}, as when daylight saving time ends, so the times are not in UTC"
"""What is wrong with times that :func:`falls_back` finds."""
SET_ZONE: Final = Remedy.of(
    "; set {} to a zone such as Europe/Rome, or {} if the times are in UTC",
    "timezone",
    Setting("timezone", "UTC", "The times are in UTC"),
)
"""What to do about it."""

_HOUR: Final = np.timedelta64(3_600, "s")
_MAX_CLOCK_CHANGE_DAYS: Final = 366
"""Days in which a clock that goes back also goes forward."""


def localise(times: Times, timezone: str, *, in_order: bool = True) -> Times:
    """Convert times in a zone to UTC; NaT for skipped hours, and for repeated hours that their order does not settle.

    Raises:
        FileError: if there is no such zone.
    """
    zone = find_zone(timezone)
    index = pd.DatetimeIndex(times)
    try:
        local = index.tz_localize(zone, ambiguous="infer" if in_order else "NaT", nonexistent="NaT")
    except ValueError:  # if times are not in order or not repeated, the two hours look the same
        local = index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    return local.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")


def localise_cells(times: Times, timezone: str, shown: "pd.Series[str]") -> Times:
    """Convert times in a zone to UTC, with their cells ``shown`` in errors.

    Raises:
        FileError: if there is no such zone, or it skips or repeats a time, naming the line.
    """
    utc = localise(times, timezone)
    lost = np.isnat(utc)
    if lost.any():
        i = int(lost.argmax())
        raise FileError(f"line {shown.index[i]}: {shown.iloc[i][:40]!r} {UNTOLD.format(timezone)}")
    return within_years(utc, shown)


def within_years(times: Times, shown: "pd.Series[str]") -> Times:
    """Return ``times`` if all are in the years 1 to 9999.

    Raises:
        FileError: if one is not, naming the line.
    """
    far = (times < FIRST_TIME) | (times > LAST_TIME)
    if far.any():
        i = int(far.argmax())
        raise FileError(
            f"line {shown.index[i]}: time {shown.iloc[i][:40]!r} is not in the years 1 to 9999 (UTC); correct it, or "
            "remove the line",
            index=i,
        )
    return times


def refuse_local_clock(times: Times, naive: Bools, shown: "pd.Series[str]", cells: Callable[[], pd.DataFrame]) -> None:
    """Refuse times at which the clock falls back.

    Raises:
        FileError: naming the line, if :func:`falls_back` finds one.
    """
    i = falls_back(times, naive, cells)
    if i is not None:
        message = f"line {shown.index[i]}: {LOCAL.format(short(times[i])[:-1])}"
        raise FileError(message, index=i, remedy=SET_ZONE)


def falls_back(times: Times, naive: Bools, cells: Callable[[], pd.DataFrame]) -> int | None:
    """Position of the first time without an offset at which the clock goes back an hour, as daylight saving time ends.

    One hour back on a Sunday night in spring or autumn is enough. Some countries change on other days: there, repeated
    times may be duplicate lines, so their ``cells`` must differ, and the clock may only go back at night, at most twice
    a year.
    """
    gaps = np.diff(times)
    usual = int(np.median(gaps.astype(np.int64))) if len(gaps) else 0
    if not 0 < usual <= 3_600:
        return None
    back = (gaps == np.timedelta64(usual, "s") - _HOUR) & naive[1:]
    if not back.any():
        return None
    changes = back & _on_sunday(times[1:])
    if not changes.any() and _is_rare(times, gaps, back, usual):
        changes = back & _differs(cells(), 3_600 // usual)
    return int(changes.argmax()) + 1 if changes.any() else None


def _on_sunday(times: Times) -> Bools:
    """Whether times are on a Sunday night in the months in which most countries change their clocks."""
    night = _time_of_day(times) < 4 * _HOUR
    sunday = times.astype("datetime64[D]").astype(np.int64) % 7 == 3
    months = month_of(times) + 1
    likely: Bools = night & sunday & np.isin(months, (3, 4, 9, 10, 11))
    return likely


def _is_rare(times: Times, gaps: npt.NDArray[np.timedelta64], back: Bools, usual: int) -> bool:
    """Whether a clock goes back only at night, at most twice a year, and also forward in data of a year or more."""
    night = (_time_of_day(times) < 4 * _HOUR) | (_time_of_day(times) >= 22 * _HOUR)
    _, counts = np.unique(times[1:][back].astype("datetime64[Y]"), return_counts=True)
    forward = (gaps == np.timedelta64(usual, "s") + _HOUR) & night[:-1]
    whole = times[-1] - times[0] > _MAX_CLOCK_CHANGE_DAYS * 24 * _HOUR
    return bool(night[1:][back].all() and counts.max() <= 2 and (forward.any() or not whole))


def _differs(cells: pd.DataFrame, rows: int) -> Bools:
    """Whether each row but the first differs from the row that is ``rows`` before it."""
    differs: Bools = (cells != cells.shift(rows)).any(axis=1).to_numpy()[1:]
    return differs


def _time_of_day(times: Times) -> npt.NDArray[np.timedelta64]:
    since_midnight: npt.NDArray[np.timedelta64] = times - times.astype("datetime64[D]")
    return since_midnight
