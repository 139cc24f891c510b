"""The step of a regular series: a calendar month, or a fixed number of seconds.

Times are ``numpy.datetime64[s]`` in UTC throughout the core. A monthly value stands at the first instant of its month.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import IrregularError, SeriesError

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SECONDS: Final = np.dtype("datetime64[s]")
_MONTHS: Final = np.dtype("datetime64[M]")
"""Kinds of times; numpy reads their names at every use."""

DAY: Final = 86_400
YEAR: Final = 31_557_600
"""Seconds of a Julian year, 365.25 days: the period of the seasonal cycle."""

FIRST_TIME: Final = np.datetime64("0001-01-01", "s")
LAST_TIME: Final = np.datetime64("9999-12-31T23:59:59", "s")
"""ISO 8601 has four digits for the year, and Python's dates begin with the year 1."""

_NAMES: Final = {"hour": 3_600, "day": DAY, "week": 7 * DAY}
_ISO: Final = re.compile(r"P(?:(\d{1,6})W|(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?)")
_UNITS: Final = {"day": DAY, "hour": 3_600, "minute": 60, "second": 1}
_MONTH: Final = re.compile(r"\d{4}-\d\d")
_TIME: Final = re.compile(r"[\dWw-]{8,10}(?:[Tt ].+)?", re.ASCII)
_MAX_TIME_CHARS: Final = 64
_TOLERANCE_STEPS: Final = 0.1
"""How far, in steps, an observation may stand from its place on the regular grid."""
_HOUR: Final = 3_600
_MAX_STRAYING_SHARE: Final = 0.1
"""Of the intervals, how many may be off the commonest one as single wrong times are; of more, the step is another."""
_MIN_OBSERVED_SHARE: Final = 0.4
"""Of a step that only the intervals' common divisor shows, how much of its grid has to be there."""


@dataclass(frozen=True)
class TimeStep:
    """``seconds`` between two values; a calendar month counts as a twelfth of a Julian year."""

    seconds: int
    calendar_month: bool = False

    @classmethod
    def parse(cls, text: str) -> "TimeStep":
        """Read ``month``, ``week``, ``day``, ``hour`` or an ISO 8601 duration (``PT30M``, ``P7D``, ``P1M``).

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
                f"step {text[:40]!r} is not understood: write month, week, day, hour, or an ISO 8601 duration as PT30M"
            )
        return cls(seconds)

    def __str__(self) -> str:
        """The name that :meth:`parse` reads back."""
        if self.calendar_month:
            return "month"
        for name, seconds in _NAMES.items():
            if seconds == self.seconds:
                return name
        days, rest = divmod(self.seconds, DAY)
        hours, rest = divmod(rest, 3_600)
        minutes, rest = divmod(rest, 60)
        date = f"{days}D" if days else ""
        clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
        return f"P{date}" + (f"T{clock}" if clock else "")

    @property
    def is_under_a_day(self) -> bool:
        """Whether the series resolves the daily cycle."""
        return self.seconds < DAY

    def daily_harmonics(self, most: int) -> int:
        """How many of ``most`` harmonics of the day a series tells apart: those with more than two values a cycle."""
        return min(most, (DAY - 1) // (2 * self.seconds))

    def shift(self, times: Times, steps: npt.ArrayLike) -> Times:
        """``times`` moved by ``steps``, which may be negative; the two broadcast.

        Months follow the calendar, and lose the time within the month.
        """
        steps = np.asarray(steps, dtype=np.int64)
        if self.calendar_month:
            moved: Times = times.astype(_MONTHS) + steps
        else:
            moved = times.astype(SECONDS) + steps * self.seconds
        return moved.astype(SECONDS)

    def range(self, start: np.datetime64, count: int) -> Times:
        """``count`` times from ``start`` on."""
        return self.shift(np.asarray(start, dtype="datetime64[s]"), np.arange(count))

    def place(self, times: Times, start: np.datetime64) -> Floats:
        """How many steps each of ``times`` stands after ``start``; whole where it is on the grid."""
        if self.calendar_month:
            offset, length = times.astype("datetime64[M]") - np.asarray(start).astype("datetime64[M]"), 1
        else:
            offset, length = times - start, self.seconds
        return np.asarray(offset.astype(np.int64) / length, dtype=np.float64)


def in_words(step: str) -> str:
    """A step by its name, as a sentence says how long it is: ``one hour``, ``30 minutes``, ``90 minutes``."""
    parsed = TimeStep.parse(step)
    name = str(parsed)
    if not name.startswith("P"):
        return f"one {name}"
    unit = next(unit for unit, seconds in _UNITS.items() if parsed.seconds % seconds == 0)
    count = parsed.seconds // _UNITS[unit]
    return f"one {unit}" if count == 1 else f"{count} {unit}s"


def length_of(step: str) -> str:
    """The same behind a word like ``each``: ``month``, ``30 minutes``."""
    return in_words(step).removeprefix("one ")


def one_each(step: str) -> str:
    """How often a value comes, by the name of the step: ``one a month``, ``one an hour``, ``one every 30 minutes``."""
    words = in_words(step)
    if not words.startswith("one "):
        return f"one every {words}"
    return "one an hour" if words == "one hour" else f"one a {words[4:]}"


MONTH: Final = TimeStep(YEAR // 12, calendar_month=True)


def month_of(times: Times) -> npt.NDArray[np.int64]:
    """Calendar month of each of ``times``, in their shape: 0 is January, 11 December."""
    months: npt.NDArray[np.int64] = times.astype(_MONTHS).astype(np.int64) % 12
    return months


def unix_seconds(times: Times) -> Floats:
    """Seconds since 1970-01-01T00:00:00Z."""
    return times.astype("datetime64[s]").astype(np.int64).astype(np.float64)


def iso(time: np.datetime64) -> str:
    """ISO 8601 in UTC, to the second: ``2010-12-01T00:00:00Z``."""
    return iso_of(int(np.asarray(time).astype("datetime64[s]").astype(np.int64)))


@lru_cache(maxsize=16_384)
def iso_of(seconds: int) -> str:
    """The same of Unix seconds. Kept, since series that come together share their times."""
    return f"{np.datetime64(seconds, 's')}Z"


def short(time: np.datetime64) -> str:
    """As :func:`iso`, without a midnight: what a message to a person shows."""
    return _shortened(iso(time))


def shorts(times: Times) -> list[str]:
    """Each of ``times`` ``(n,)`` as :func:`short` has it."""
    return [_shortened(iso_of(seconds)) for seconds in times.astype(np.int64).tolist()]


def _shortened(text: str) -> str:
    return text.replace("T00:00:00Z", "").replace(":00Z", "Z")


def parse_time(text: str, *, local: bool = False) -> np.datetime64:
    """An ISO 8601 time as UTC; without an offset it is UTC already. With ``local``, what the clock there shows.

    Raises:
        SeriesError: if the text is no such time.
    """
    return np.datetime64(seconds_of(text, local=local), "s")


def seconds_of(text: str, *, local: bool = False) -> int:
    """As :func:`parse_time`, in Unix seconds."""
    # Longer ones are valid with any number of digits, and shall not be kept.
    return _seconds_of(text, local) if len(text) <= _MAX_TIME_CHARS else _seconds_of.__wrapped__(text, local)


def all_seconds_of(texts: Sequence[str], *, local: bool = False) -> list[int]:
    """The same of each of ``texts``; what is raised is about the first that is no time."""
    if max(map(len, texts), default=0) <= _MAX_TIME_CHARS:
        return list(map(_seconds_of, texts, repeat(local)))
    return [seconds_of(text, local=local) for text in texts]


@lru_cache(maxsize=4_096)
def _seconds_of(text: str, local: bool) -> int:
    """Kept, since series that come together share their times."""
    try:
        # Python takes any character between date and time.
        moment = datetime.fromisoformat(_sound_time(text))
    except ValueError:
        raise SeriesError(f"time {text[:40]!r} is not an ISO 8601 time as 2010-12-01 or 2010-12-01T06:00:00Z") from None
    offset = None if local else moment.utcoffset()
    naive = np.datetime64(moment.replace(tzinfo=None), "s")
    return int(naive.astype(np.int64)) - (int(offset.total_seconds()) if offset else 0)


def _sound_time(text: str) -> str:
    if _MONTH.fullmatch(text):
        return f"{text}-01"
    if _TIME.fullmatch(text):
        return text.upper()
    raise ValueError


def infer_step(times: Times, place: Callable[[int], str]) -> TimeStep:
    """The step of a series whose ``times`` are sorted and distinct, gaps allowed.

    It is the commonest interval, where half of all intervals are exactly that; else the round step (minutes that divide
    an hour, hours that divide a day, whole days) next to the median interval, which forgives stamps that wander. Where
    many intervals are no multiples of it, it is the whole hours or days that divide all of them, if two fifths of
    such a grid are there: of days of which half are absent, two days may be the commonest interval.

    ``place`` says in words where the i-th time stands in the caller's input.

    Raises:
        SeriesError: if there are too few times.
        IrregularError: if there is no step that at least half of the intervals share.
    """
    if len(times) < 2:
        raise SeriesError("a series needs at least two times, or its step cannot be told")
    if is_monthly(times):
        return MONTH
    intervals = np.diff(times).astype(np.int64)
    step = common_interval(intervals) or _round_step(intervals)
    odd = (np.abs(intervals - step) > 2 * _TOLERANCE_STEPS * step) & (intervals % step != 0)
    if odd.mean() > 0.5:
        raise IrregularError(
            f"the times are not regular: the likeliest step is {in_words(str(TimeStep(step)))}, and "
            f"{place(int(odd.argmax()) + 1)} is the first of {int(odd.sum())} that do not follow it; "
            "bring the series to one step first"
        )
    if step > 31 * DAY:
        raise SeriesError(f"a step of {step / DAY:.0f} days is longer than a month, which is the longest handled here")
    return TimeStep(step)


def common_interval(intervals: npt.NDArray[np.int64]) -> int | None:
    """Seconds that intervals are, or are whole multiples of, as :func:`infer_step` has it; None where they wander."""
    lengths, counts = np.unique(intervals, return_counts=True)
    commonest = int(lengths[counts.argmax()])
    divisor = int(np.gcd.reduce(lengths))
    dense = divisor % _HOUR == 0 and divisor * len(intervals) >= _MIN_OBSERVED_SHARE * intervals.sum()
    if dense and (intervals % commonest != 0).mean() > _MAX_STRAYING_SHARE:
        return divisor
    if counts.max() * 2 >= len(intervals) or (dense and divisor == commonest):
        return commonest
    return None


def _round_step(intervals: npt.NDArray[np.int64]) -> int:
    minutes, hours = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30), (1, 2, 3, 4, 6, 8, 12)
    steps = np.asarray([60 * m for m in minutes] + [3_600 * h for h in hours] + [DAY * d for d in range(1, 32)])
    median = float(np.median(intervals))
    nearest = int(steps[np.abs(steps - median).argmin()])
    return nearest if abs(nearest - median) <= _TOLERANCE_STEPS * nearest else int(np.median(intervals))


def is_monthly(times: Times) -> bool:
    """Whether sorted times stand for calendar months, one a month, gaps allowed."""
    intervals = np.diff(times).astype(np.int64)
    months = times.astype("datetime64[M]").astype(np.int64)
    if len(times) < 2 or not 28 * DAY <= np.median(intervals) <= 31 * DAY or (np.diff(months) < 1).any():
        return False
    # Thirty days, again and again, is a fixed step that only looks like months for a while.
    return len(intervals) < 4 or len(np.unique(intervals)) > 1


def choose_clock(utc: Times, local: Times) -> Times:
    """UTC, but for months the clock of the place: its midnight of the first may be last month in UTC."""
    return local if is_monthly(np.unique(local)) else utc


def anchor(times: Times, step: TimeStep) -> np.datetime64:
    """Where the grid of sorted ``times`` starts: the first, moved by the median of how far all stand off."""
    if step.calendar_month:
        first: np.datetime64 = step.shift(times[:1], 0)[0]
        return first
    seconds = (times - times[0]).astype(np.int64)
    off = seconds - np.round(seconds / step.seconds) * step.seconds
    moved: np.datetime64 = times[0] + np.timedelta64(int(np.median(off)), "s")
    return moved


def grid_positions(
    times: Times, start: np.datetime64, step: TimeStep, place: Callable[[int], str]
) -> npt.NDArray[np.int64]:
    """The place of each of the sorted ``times`` on the regular grid that starts at ``start``.

    Raises:
        IrregularError: if a time stands between two places, or two share one.
    """
    exact = step.place(times, start)
    positions = np.round(exact).astype(np.int64)
    off = np.abs(exact - positions) > _TOLERANCE_STEPS
    if off.any():
        i, other = _first_off(exact)
        raise IrregularError(
            f"the times are not regular: {place(i)} ({short(times[i])}) is not a whole number of steps "
            f"({in_words(str(step))}) after {short(times[other])}; correct that time, or bring the series to one step "
            "first",
            index=i,
        )
    same = np.diff(positions) == 0
    if same.any():
        i, length = int(same.argmax()) + 1, length_of(str(step))
        raise IrregularError(
            f"{place(i)} ({short(times[i])}) falls into the same {length} as the value before it: "
            f"keep one value for each {length}",
            index=i,
        )
    return positions


def _first_off(exact: Floats) -> tuple[int, int]:
    """The first time that stands off the grid, and one that it is off: a neighbour, or else the best on the grid."""
    off = np.abs(exact - np.round(exact))
    intervals = np.diff(exact)
    breaks = np.abs(intervals - np.round(intervals)) > _TOLERANCE_STEPS
    if not breaks.any():
        return int((off > _TOLERANCE_STEPS).argmax()), int(off.argmin())
    before, after = int(breaks.argmax()), int(breaks.argmax()) + 1
    return (before, after) if off[before] > off[after] else (after, before)
