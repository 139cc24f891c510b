"""Clocks that are changed twice a year: their times as UTC, and how they show where no zone is named."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.times.zones import find_zone
from forecasting.series.times import FIRST_TIME, LAST_TIME, Bools, Times, month_of, short

UNTOLD: Final = (
    "comes twice or never by the clock of {}, which changes there; write the times with their offset, or in UTC"
)
"""What is wrong with a time that :func:`localise` cannot tell."""

LOCAL: Final = (
    "the clock goes back an hour at {}, as it does when daylight saving ends, so these times are not UTC: say whose "
    "clock it is with --timezone, as Europe/Rome (--timezone UTC if it is UTC all the same)"
)
"""What is wrong with times that :func:`falls_back` finds."""

_HOUR: Final = np.timedelta64(3_600, "s")
_MAX_CLOCK_CHANGE_DAYS: Final = 366
"""After which a clock that has gone back has gone forward, too."""


def localise(times: Times, timezone: str, *, in_order: bool = True) -> Times:
    """Times by the clock of a zone, in UTC; none where it skips the hour, or repeats it and their order does not tell.

    Raises:
        FileError: if there is no such zone.
    """
    zone = find_zone(timezone)
    index = pd.DatetimeIndex(times)
    try:
        local = index.tz_localize(zone, ambiguous="infer" if in_order else "NaT", nonexistent="NaT")
    except ValueError:  # not in order, or not repeated: the clock alone cannot tell the two hours apart
        local = index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    return local.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")


def localise_cells(times: Times, timezone: str, shown: "pd.Series[str]") -> Times:
    """The same of times whose cells are ``shown``.

    Raises:
        FileError: if there is no such zone, or one comes twice or never by its clock, naming the line.
    """
    utc = localise(times, timezone)
    lost = np.isnat(utc)
    if lost.any():
        i = int(lost.argmax())
        raise FileError(f"line {shown.index[i]}: {shown.iloc[i][:40]!r} {UNTOLD.format(timezone)}")
    return within_years(utc, shown)


def within_years(times: Times, shown: "pd.Series[str]") -> Times:
    """``times``, all of which are in the years 1 to 9999.

    Raises:
        FileError: if one is not, naming the line.
    """
    far = (times < FIRST_TIME) | (times > LAST_TIME)
    if far.any():
        i = int(far.argmax())
        raise FileError(
            f"line {shown.index[i]}: time {shown.iloc[i][:40]!r} is not in the years 1 to 9999 (UTC); correct it, or "
            "leave the line out",
            index=i,
        )
    return times


def refuse_local_clock(times: Times, naive: Bools, shown: "pd.Series[str]", cells: Callable[[], pd.DataFrame]) -> None:
    """Refuse times that :func:`falls_back` finds.

    Raises:
        FileError: naming the line.
    """
    i = falls_back(times, naive, cells)
    if i is not None:
        raise FileError(f"line {shown.index[i]}: {LOCAL.format(short(times[i])[:-1])}", index=i)


def falls_back(times: Times, naive: Bools, cells: Callable[[], pd.DataFrame]) -> int | None:
    """The first of the times without an offset at which a clock goes back an hour as with daylight saving, if any.

    In a Sunday's night of spring or autumn that is enough. Some countries change on other days; there a repeated line
    could be a mere duplicate, so that it has to hold other ``cells``, asked for then, and the clock to go back by night
    alone, twice a year at most.
    """
    gaps = np.diff(times)
    usual = int(np.median(gaps.astype(np.int64))) if len(gaps) else 0
    if not 0 < usual <= 3_600:
        return None
    back = (gaps == np.timedelta64(usual, "s") - _HOUR) & naive[1:]
    if not back.any():
        return None
    found = back & _on_sunday(times[1:])
    if not found.any() and _is_seldom(times, gaps, back, usual):
        found = back & _differs(cells(), 3_600 // usual)
    return int(found.argmax()) + 1 if found.any() else None


def _on_sunday(times: Times) -> Bools:
    """Whether times are of a Sunday's night in the months in which most countries change."""
    night = _of_day(times) < 4 * _HOUR
    sunday = times.astype("datetime64[D]").astype(np.int64) % 7 == 3
    months = month_of(times) + 1
    found: Bools = night & sunday & np.isin(months, (3, 4, 9, 10, 11))
    return found


def _is_seldom(times: Times, gaps: npt.NDArray[np.timedelta64], back: Bools, usual: int) -> bool:
    """Whether a clock goes back by night alone, at most twice a year, and forward, too, where a year is there."""
    night = (_of_day(times) < 4 * _HOUR) | (_of_day(times) >= 22 * _HOUR)
    _, counts = np.unique(times[1:][back].astype("datetime64[Y]"), return_counts=True)
    forward = (gaps == np.timedelta64(usual, "s") + _HOUR) & night[:-1]
    whole = times[-1] - times[0] > _MAX_CLOCK_CHANGE_DAYS * 24 * _HOUR
    return bool(night[1:][back].all() and counts.max() <= 2 and (forward.any() or not whole))


def _differs(cells: pd.DataFrame, rows: int) -> Bools:
    """Whether each row but the first holds anything else than the one so many ``rows`` before."""
    found: Bools = (cells != cells.shift(rows)).any(axis=1).to_numpy()[1:]
    return found


def _of_day(times: Times) -> npt.NDArray[np.timedelta64]:
    found: npt.NDArray[np.timedelta64] = times - times.astype("datetime64[D]")
    return found
