"""Times of the core: ``numpy.datetime64[s]`` in UTC, read from text and written as text."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SECONDS: Final = np.dtype("datetime64[s]")
CALENDAR_MONTHS: Final = np.dtype("datetime64[M]")
"""Resolutions of times, made once: numpy parses a name such as ``datetime64[s]`` at every use."""

DAY: Final = 86_400
"""Seconds."""

YEAR: Final = 31_557_600
"""Seconds in a Julian year of 365.25 days, the period of the seasonal cycle."""

FIRST_TIME: Final = np.datetime64("0001-01-01", "s")
LAST_TIME: Final = np.datetime64("9999-12-31T23:59:59", "s")
"""ISO 8601 has four digits for the year, and Python's dates begin with the year 1."""

SEASONS: Final = ("DJF", "MAM", "JJA", "SON")
"""December to February, March to May, June to August, September to November."""

_SEASON_OF_MONTH: Final = np.asarray([0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0])

_FIRST_KNOWN_DAY: Final = int(np.datetime64("1800-01-01").astype(np.int64))

_FEW: Final = 64
"""Times below which computing their months costs less than a check and a lookup."""

_MONTH: Final = re.compile(r"\d{4}-\d\d")
_TIME: Final = re.compile(r"[\dWw-]{8,10}(?:[Tt ].+)?", re.ASCII)
_MAX_CACHED_CHARS: Final = 64


def month_of(times: Times) -> npt.NDArray[np.int64]:
    """Return the calendar month of each time, in the same shape: 0 is January, 11 is December."""
    months: npt.NDArray[np.int64] = calendar_months(times).astype(np.int64) % 12
    return months


def season_of(times: Times) -> npt.NDArray[np.intp]:
    """Return the meteorological season of each time, in the same shape, as its index in :data:`SEASONS`."""
    season: npt.NDArray[np.intp] = _SEASON_OF_MONTH[month_of(times)]
    return season


def calendar_months(times: Times) -> Times:
    """Return the calendar month that each time is in, with the resolution of months, in the same shape."""
    if times.size >= _FEW and times.dtype == SECONDS:
        days = times.view(np.int64) // DAY - _FIRST_KNOWN_DAY
        months = _known_months()
        if days.min() >= 0 and days.max() < len(months):
            return months.take(days)
    return times.astype(CALENDAR_MONTHS)


@lru_cache(maxsize=1)
def _known_months() -> Times:
    """Return the months of the days of four centuries; looking them up takes half the time of computing them."""
    return np.arange(np.datetime64("1800-01-01"), np.datetime64("2200-01-01")).astype(CALENDAR_MONTHS)


def unix_seconds(times: Times) -> Floats:
    """Return the seconds since 1970-01-01T00:00:00Z."""
    return times.astype("datetime64[s]").astype(np.int64).astype(np.float64)


def iso(time: np.datetime64) -> str:
    """Format a time as ISO 8601 in UTC, to the second: ``2010-12-01T00:00:00Z``."""
    return iso_of(int(np.asarray(time).astype("datetime64[s]").astype(np.int64)))


@lru_cache(maxsize=16_384)
def iso_of(seconds: int) -> str:
    """Format Unix seconds as :func:`iso` does. Cached, because series that arrive together share their times."""
    return f"{np.datetime64(seconds, 's')}Z"


def short(time: np.datetime64) -> str:
    """Format a time for a message: as :func:`iso`, without a time of day at midnight."""
    return _shortened(iso(time))


def shorts(times: Times) -> list[str]:
    """Format each of ``times`` ``(n,)`` as :func:`short` does."""
    return [_shortened(iso_of(seconds)) for seconds in times.astype(np.int64).tolist()]


def _shortened(text: str) -> str:
    return text.replace("T00:00:00Z", "").replace(":00Z", "Z")


def parse_time(text: str, *, local: bool = False) -> np.datetime64:
    """Parse an ISO 8601 time and convert it to UTC. A time without an offset is UTC."""
    return np.datetime64(seconds_of(text, local=local), "s")


def seconds_of(text: str, *, local: bool = False) -> int:
    """Parse a time as :func:`parse_time` does, into Unix seconds."""
    # Longer texts can be valid, with any number of digits, and must not fill the cache.
    return _seconds_of(text, local) if len(text) <= _MAX_CACHED_CHARS else _seconds_of.__wrapped__(text, local)


def all_seconds_of(texts: Sequence[str], *, local: bool = False) -> list[int]:
    """Parse each of ``texts`` into Unix seconds; an error is about the first that is not a time."""
    if max(map(len, texts), default=0) <= _MAX_CACHED_CHARS:
        return list(map(_seconds_of, texts, repeat(local)))
    return [seconds_of(text, local=local) for text in texts]


@lru_cache(maxsize=4_096)
def _seconds_of(text: str, local: bool) -> int:
    """Parse a text. Cached, because series that arrive together share their times."""
    try:
        moment = datetime.fromisoformat(_checked(text))
    except ValueError:
        raise SeriesError(
            f"time {text[:40]!r} is not an ISO 8601 time such as 2010-12-01 or 2010-12-01T06:00:00Z"
        ) from None
    offset = None if local else moment.utcoffset()
    naive = np.datetime64(moment.replace(tzinfo=None), "s")
    return int(naive.astype(np.int64)) - (int(offset.total_seconds()) if offset else 0)


def _checked(text: str) -> str:
    """Return a text for ``datetime.fromisoformat``, which would accept any character between date and time."""
    if _MONTH.fullmatch(text):
        return f"{text}-01"
    if _TIME.fullmatch(text):
        return text.upper()
    raise ValueError
