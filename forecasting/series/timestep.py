"""The step of a regular series: a calendar month, or a fixed number of seconds.

The time of a monthly value is the first instant of its month.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from forecasting.errors import SeriesError
from forecasting.series.times import CALENDAR_MONTHS, DAY, SECONDS, YEAR, Floats, Times, calendar_months

_NAMES: Final = {"hour": 3_600, "day": DAY, "week": 7 * DAY}
_ISO: Final = re.compile(r"P(?:(\d{1,6})W|(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?)")
_UNITS: Final = {"day": DAY, "hour": 3_600, "minute": 60, "second": 1}


@dataclass(frozen=True)
class TimeStep:
    """The time between two values: ``seconds``, where a calendar month counts as a twelfth of a Julian year."""

    seconds: int
    calendar_month: bool = False

    @classmethod
    def parse(cls, text: str) -> "TimeStep":
        """Parse ``month``, ``week``, ``day``, ``hour`` or an ISO 8601 duration (``PT30M``, ``P7D``, ``P1M``).

        Raises:
            SeriesError: if the text is none of these.
        """
        if text in ("month", "P1M"):
            return MONTH
        if text in _NAMES:
            return cls(_NAMES[text])
        match = _ISO.fullmatch(text)
        parts = [int(part or 0) for part in match.groups()] if match else []
        seconds = sum(part * unit for part, unit in zip(parts, (7 * DAY, DAY, 3_600, 60, 1), strict=False))
        if not seconds:
            raise SeriesError(
                f"unknown step {text[:40]!r}: write month, week, day, hour, or an ISO 8601 duration such as PT30M"
            )
        return cls(seconds)

    def __str__(self) -> str:
        """Return the name that :meth:`parse` reads."""
        if self.calendar_month:
            return "month"
        return next((name for name, seconds in _NAMES.items() if seconds == self.seconds), self.duration)

    @property
    def duration(self) -> str:
        """The step as an ISO 8601 duration."""
        if self.calendar_month:
            return "P1M"
        days, rest = divmod(self.seconds, DAY)
        hours, rest = divmod(rest, 3_600)
        minutes, rest = divmod(rest, 60)
        date = f"{days}D" if days else ""
        clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
        return f"P{date}" + (f"T{clock}" if clock else "")

    @property
    def is_under_a_day(self) -> bool:
        """Whether the step is shorter than a day, so that a series resolves the daily cycle."""
        return self.seconds < DAY

    def daily_harmonics(self, limit: int) -> int:
        """Return how many harmonics of the day a series can resolve, up to ``limit``: more than two values a cycle."""
        return min(limit, (DAY - 1) // (2 * self.seconds))

    def shift(self, times: Times, steps: npt.ArrayLike) -> Times:
        """Move ``times`` by ``steps``, which may be negative; the two broadcast.

        Months follow the calendar, and the result is the first instant of its month.
        """
        steps = np.asarray(steps, dtype=np.int64)
        if self.calendar_month:
            return _first_instants(calendar_months(times) + steps)
        moved: Times = times.astype(SECONDS) + steps * self.seconds
        return moved

    def middle(self, times: Times) -> Times:
        """Return the middle of the steps that begin at ``times``."""
        middle: Times = times + (self.shift(times, 1) - times) / 2
        return middle

    def ranges(self, starts: Times, lengths: npt.NDArray[np.int64]) -> Times:
        """Return the times of several series, one after another, that begin at ``starts`` ``(n,)``."""
        ends = lengths.cumsum()
        begins, steps = ends - lengths, np.arange(int(ends[-1]))
        if self.calendar_month:
            steps += (calendar_months(starts).astype(np.int64) - begins).repeat(lengths)
            return _first_instants(steps.view(CALENDAR_MONTHS))
        steps *= self.seconds
        return (starts.astype(SECONDS) - begins * self.seconds).repeat(lengths) + steps

    def table(self, starts: Times, length: int) -> Times:
        """Return the times of several series of the same ``length`` that begin at ``starts`` ``(n,)``: ``(n, length)``.

        It takes a third of the time of :meth:`ranges`.
        """
        if self.calendar_month and length <= len(_KNOWN_MONTHS):
            first = calendar_months(starts).astype(np.int64) - _FIRST_KNOWN
            rows = _known_stretches(length)
            if first.min() >= 0 and first.max() < len(rows):
                known: Times = rows[first]
                return known
        return self.shift(starts[:, None], np.arange(length))

    def range(self, start: np.datetime64, count: int) -> Times:
        """Return ``count`` times that begin at ``start``."""
        return self.shift(np.asarray(start, dtype="datetime64[s]"), np.arange(count))

    def position(self, times: Times, start: np.datetime64) -> Floats:
        """Return how many steps each of ``times`` is after ``start``; a whole number where it is on the grid."""
        if self.calendar_month:
            offset, length = times.astype("datetime64[M]") - np.asarray(start).astype("datetime64[M]"), 1
        else:
            offset, length = times - start, self.seconds
        return np.asarray(offset.astype(np.int64) / length, dtype=np.float64)


_KNOWN_MONTHS: Final = np.arange(np.datetime64("1800-01"), np.datetime64("2201-01")).astype(SECONDS)
"""First instants of months; looking them up takes a tenth of the time of computing them."""

_FIRST_KNOWN: Final = int(np.datetime64("1800-01").astype(np.int64))

_FEW: Final = 64
"""Months below which computing them costs less than a check and a lookup."""


@lru_cache(maxsize=64)
def _known_stretches(length: int) -> Times:
    """Return views of every ``length`` successive :data:`_KNOWN_MONTHS`."""
    return sliding_window_view(_KNOWN_MONTHS, length)


def _first_instants(months: Times) -> Times:
    """Return the first instants of ``months``, whose resolution is that of calendar months, in the same shape."""
    if months.size >= _FEW:
        rows = months.view(np.int64) - _FIRST_KNOWN
        if rows.min() >= 0 and rows.max() < len(_KNOWN_MONTHS):
            return _KNOWN_MONTHS.take(rows)
    return months.astype(SECONDS)


def in_words(step: str) -> str:
    """Return the length of the step of this name for a sentence: ``one hour``, ``30 minutes``, ``90 minutes``."""
    parsed = TimeStep.parse(step)
    name = str(parsed)
    if not name.startswith("P"):
        return f"one {name}"
    unit = next(unit for unit, seconds in _UNITS.items() if parsed.seconds % seconds == 0)
    count = parsed.seconds // _UNITS[unit]
    return f"one {unit}" if count == 1 else f"{count} {unit}s"


def not_of_station(subject: str, given: TimeStep, station: TimeStep) -> str:
    """Return the beginning of a sentence: ``subject``, such as ``the step of the file``, is not that of a station."""
    return f"{subject} is {in_words(str(given))}, but the step of the station is {in_words(str(station))}"


def length_of(step: str) -> str:
    """Return the length of a step after a word such as "each": ``month``, ``30 minutes``."""
    return in_words(step).removeprefix("one ")


def one_each(step: str) -> str:
    """Return how often values come at the step of this name: ``one a month``, ``one every 30 minutes``."""
    words = in_words(step)
    if not words.startswith("one "):
        return f"one every {words}"
    return "one an hour" if words == "one hour" else f"one a {words[4:]}"


MONTH: Final = TimeStep(YEAR // 12, calendar_month=True)
