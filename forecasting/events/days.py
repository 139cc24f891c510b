"""Days of a calendar year of 366 days, and averages over them."""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.series.times import DAY, Bools, Floats, Times
from forecasting.series.timestep import TimeStep, in_words

DAYS: Final = 366
FEBRUARY_29: Final = 59
"""Its index, from 0."""

Indices = npt.NDArray[np.int64]


def day_of_year(times: Times) -> Indices:
    """Return the index of each day in a leap year, from 0 to 365: 1 March is 60 in every year."""
    days = times.astype("datetime64[D]")
    years = days.astype("datetime64[Y]")
    place = (days - years.astype("datetime64[D]")).astype(np.int64)
    shifted: Indices = place + (~is_leap(years.astype(np.int64) + 1970) & (place >= FEBRUARY_29))
    return shifted


def days_from(start: np.datetime64, count: int) -> Indices:
    """Return what :func:`day_of_year` does, for ``count`` consecutive days; not to be changed."""
    return _days_from(int(start.astype("datetime64[D]").astype(np.int64)), count)


@lru_cache(maxsize=16)
def _days_from(first: int, count: int) -> Indices:
    """Cached, because the cells of a grid share their times."""
    days = day_of_year(np.arange(first, first + count).astype("datetime64[D]"))
    days.setflags(write=False)
    return days


def is_leap(years: Indices) -> Bools:
    """Return whether each year has a 29 February."""
    leap: Bools = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0))
    return leap


def require_days(step: TimeStep, subject: str) -> None:
    """Refuse other steps than days.

    Raises:
        SeriesError: if the step is not a day.
    """
    if step != TimeStep(DAY):
        remedy = ": send daily means" if step.seconds < DAY else ""
        raise SeriesError(f"the step is {in_words(str(step))}, but {subject} need daily values{remedy}")


def smooth(by_day: Floats, width: int) -> Floats:
    """Return centred means over ``width`` days of a year that repeats, skipping days that are NaN.

    Args:
        by_day: a value for each day of the year, ``(366,)``.
        width: an odd number of days.
    """
    known = np.isfinite(by_day)
    if not known.any():
        return by_day
    smoothed = by_day.copy()
    reach = width // 2
    repeated = np.pad(by_day[known], reach, mode="wrap")
    smoothed[known] = np.convolve(repeated, np.full(width, 1 / width), mode="valid")
    return smoothed
