"""The step that the times of a series follow."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import IrregularError, SeriesError
from forecasting.series.times import DAY, Bools, Times
from forecasting.series.timestep import MONTH, TimeStep, in_words

TOLERANCE_STEPS: Final = 0.1
"""How far, in steps, an observation may be from its place on the regular grid."""

_HOUR_SECONDS: Final = 3_600

_MAX_IRREGULAR_SHARE: Final = 0.1
"""Share of intervals that may differ from the most common one as isolated wrong times; with more, the step differs."""

_MIN_OBSERVED_SHARE: Final = 0.4
"""Share of a grid that must be observed if only the common divisor of the intervals suggests its step."""

_ROUND_STEPS: Final = np.asarray(
    [60 * minutes for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)]
    + [_HOUR_SECONDS * hours for hours in (1, 2, 3, 4, 6, 8, 12)]
    + [DAY * days for days in range(1, 32)]
)
"""Seconds: minutes that divide an hour, hours that divide a day, whole days."""


def infer_step(times: Times, place: Callable[[int], str]) -> TimeStep:
    """Infer the step of a series from its times, which may have gaps.

    The step is the most common interval if half of all intervals are exactly that. Otherwise it is the round step
    (minutes that divide an hour, hours that divide a day, whole days) nearest to the median interval, which tolerates
    jitter. If many intervals are not multiples of it, the step is the largest whole hour or day that divides all of
    them, provided that two fifths of such a grid are observed: where half of the days are missing, the most common
    interval may be two days.

    Args:
        times: sorted and distinct, ``(n,)``.
        place: describes where the i-th time is in the caller's input.

    Raises:
        SeriesError: if there are too few times, or the step is longer than a month.
        IrregularError: if no step fits at least half of the intervals.
    """
    if len(times) < 2:
        raise SeriesError("a series needs at least two times to infer its step, and this one has only one: add values")
    if is_monthly(times):
        return MONTH
    intervals = np.diff(times).astype(np.int64)
    step = common_interval(intervals) or _round_step(intervals)
    irregular = (np.abs(intervals - step) > 2 * TOLERANCE_STEPS * step) & (intervals % step != 0)
    if irregular.mean() > 0.5:
        raise _no_common_step(step, irregular, place)
    if step > 31 * DAY:
        raise SeriesError(f"a step of {step / DAY:.0f} days is too long: the longest supported step is a month")
    return TimeStep(step)


def _no_common_step(step: int, irregular: Bools, place: Callable[[int], str]) -> IrregularError:
    return IrregularError(
        f"the times are not regular: the most likely step is {in_words(str(TimeStep(step)))}, and "
        f"{place(int(irregular.argmax()) + 1)} is the first of {int(irregular.sum())} that do not follow it; "
        "resample the series to one step first"
    )


def common_interval(intervals: npt.NDArray[np.int64]) -> int | None:
    """Return the seconds that most intervals are multiples of, as in :func:`infer_step`; None if there is jitter."""
    lengths, counts = np.unique(intervals, return_counts=True)
    commonest = int(lengths[counts.argmax()])
    divisor = int(np.gcd.reduce(lengths))
    dense = divisor % _HOUR_SECONDS == 0 and divisor * len(intervals) >= _MIN_OBSERVED_SHARE * intervals.sum()
    if dense and (intervals % commonest != 0).mean() > _MAX_IRREGULAR_SHARE:
        return divisor
    if counts.max() * 2 >= len(intervals) or (dense and divisor == commonest):
        return commonest
    return None


def _round_step(intervals: npt.NDArray[np.int64]) -> int:
    median = float(np.median(intervals))
    nearest = int(_ROUND_STEPS[np.abs(_ROUND_STEPS - median).argmin()])
    return nearest if abs(nearest - median) <= TOLERANCE_STEPS * nearest else int(np.median(intervals))


def is_monthly(times: Times) -> bool:
    """Whether sorted times are calendar months, one value a month; there may be gaps."""
    intervals = np.diff(times).astype(np.int64)
    months = times.astype("datetime64[M]").astype(np.int64)
    if len(times) < 2 or not 28 * DAY <= np.median(intervals) <= 31 * DAY or (np.diff(months) < 1).any():
        return False
    # Thirty days, repeated, are a fixed step that only looks like months for a while.
    return len(intervals) < 4 or len(np.unique(intervals)) > 1


def choose_clock(utc: Times, local: Times) -> Times:
    """Return the local times if they are monthly, else the UTC times.

    Local midnight of the first of a month may be in the previous month in UTC.
    """
    return local if is_monthly(np.unique(local)) else utc
