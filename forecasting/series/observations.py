"""Observations in any order, put on a regular grid of times, whose step they may have to show."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import IrregularError, SeriesError
from forecasting.series.times import DAY, Bools, Floats, Times, short
from forecasting.series.timestep import MONTH, TimeStep, in_words, length_of
from forecasting.wording import counted

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


def infer_step(times: Times, where: Callable[[int], str]) -> TimeStep:
    """Infer the step of a series from its times, which may have gaps.

    The step is the most common interval if half of all intervals are exactly that. Otherwise it is the round step
    (minutes that divide an hour, hours that divide a day, whole days) nearest to the median interval, which tolerates
    jitter. If many intervals are not multiples of it, the step is the largest whole hour or day that divides all of
    them, provided that two fifths of such a grid are observed: where half of the days are missing, the most common
    interval may be two days.

    Args:
        times: sorted and distinct, ``(n,)``.
        where: describes where the i-th time is in the caller's input.
    """
    if len(times) < 2:
        raise SeriesError("a series needs at least two times to infer its step, and this one has only one: add values")
    if is_monthly(times):
        return MONTH
    intervals = np.diff(times).astype(np.int64)
    step = common_interval(intervals) or _round_step(intervals)
    irregular = (np.abs(intervals - step) > 2 * TOLERANCE_STEPS * step) & (intervals % step != 0)
    if irregular.mean() > 0.5:
        raise _no_common_step(step, irregular, where)
    if step > 31 * DAY:
        raise SeriesError(f"a step of {step / DAY:.0f} days is too long: the longest supported step is a month")
    return TimeStep(step)


def _no_common_step(step: int, irregular: Bools, where: Callable[[int], str]) -> IrregularError:
    return IrregularError(
        f"the times are not regular: the most likely step is {in_words(str(TimeStep(step)))}, and "
        f"{where(int(irregular.argmax()) + 1)} is the first of {int(irregular.sum())} that do not follow it; "
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
    """Return whether sorted times are calendar months, one value a month; there may be gaps."""
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


def anchor(times: Times, step: TimeStep) -> np.datetime64:
    """Return the start of the grid for sorted ``times``: the first, moved by the median offset from the grid."""
    if step.calendar_month:
        first: np.datetime64 = step.shift(times[:1], 0)[0]
        return first
    seconds = (times - times[0]).astype(np.int64)
    offsets = seconds - np.round(seconds / step.seconds) * step.seconds
    start: np.datetime64 = times[0] + np.timedelta64(int(np.median(offsets)), "s")
    return start


def grid_positions(
    times: Times, start: np.datetime64, step: TimeStep, where: Callable[[int], str]
) -> npt.NDArray[np.int64]:
    """Return the position of each time on the grid that begins at ``start``.

    Args:
        times: sorted, ``(n,)``.
        start: the start of the grid.
        step: the step of the grid.
        where: describes where the i-th time is in the caller's input.
    """
    exact = step.position(times, start)
    positions = np.round(exact).astype(np.int64)
    if (np.abs(exact - positions) > TOLERANCE_STEPS).any():
        raise _off_grid(times, exact, step, where)
    repeated = np.diff(positions) == 0
    if repeated.any():
        i, length = int(repeated.argmax()) + 1, length_of(str(step))
        raise IrregularError(
            f"{where(i)} ({short(times[i])}) falls in the same {length} as the value before it: "
            f"keep one value for each {length}",
            index=i,
        )
    return positions


def _off_grid(times: Times, exact: Floats, step: TimeStep, where: Callable[[int], str]) -> IrregularError:
    i, reference = _first_off(exact)
    return IrregularError(
        f"the times are not regular: {where(i)} ({short(times[i])}) is not a whole number of steps "
        f"({in_words(str(step))}) after {short(times[reference])}; correct that time, or resample the series to one "
        "step first",
        index=i,
    )


def _first_off(exact: Floats) -> tuple[int, int]:
    """Return the first time off the grid and a reference for it: a neighbour, or else the time nearest to the grid."""
    off = np.abs(exact - np.round(exact))
    intervals = np.diff(exact)
    breaks = np.abs(intervals - np.round(intervals)) > TOLERANCE_STEPS
    if not breaks.any():
        return int((off > TOLERANCE_STEPS).argmax()), int(off.argmin())
    before, after = int(breaks.argmax()), int(breaks.argmax()) + 1
    return (before, after) if off[before] > off[after] else (after, before)


MAX_STEPS: Final = 10_000_000
"""Steps that a grid may span; beyond that, a wrong time is more likely than a series so long."""

_MAX_EMPTY_STEPS: Final = 1_000
_MAX_STEPS_PER_VALUE: Final = 100
"""Steps that a grid may span without values, and for each value: two times must not allocate memory for thousands."""

_MAX_REPEATED_SHARE: Final = 0.01


def regular_grid(
    times: Times, values: Floats, step: TimeStep | None, where: Callable[[int], str]
) -> tuple[Floats, np.datetime64, TimeStep, tuple[str, ...]]:
    """Put ``values`` at ``times``, both ``(n,)``, on a regular grid."""
    order, notes = sort_order(times, where)
    times, values = times[order], values[order]

    def original(i: int) -> str:
        return where(int(order[i]))

    step = step or infer_step(times, original)
    start = anchor(times, step)
    positions = grid_positions(times, start, step, original)
    positions -= positions[0]
    if positions[-1] >= max_steps(len(times)):
        raise SeriesError(
            f"there are {positions[-1]:,} steps of {in_words(str(step))} from {short(times[0])} to {short(times[-1])} "
            f"but only {len(times)} values: check for a wrong time at either end"
        )
    grid = np.full(positions[-1] + 1, np.nan)
    grid[positions] = values
    return grid, start, step, notes


def max_steps(n: int) -> int:
    """Return how many steps the grid of ``n`` observations may span."""
    return min(MAX_STEPS, _MAX_EMPTY_STEPS + _MAX_STEPS_PER_VALUE * n)


def sort_order(times: Times, where: Callable[[int], str]) -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    """Return the positions that sort ``times`` and keep the first of each, and notes on what that changes."""
    order = np.argsort(times, kind="stable")
    notes = () if (order[:-1] < order[1:]).all() else ("the times were out of order and have been sorted",)
    repeated = np.concatenate(([False], np.diff(times[order]).astype(np.int64) == 0))
    if not repeated.any():
        return order, notes
    return order[~repeated], (*notes, _describe_repeats(times[order], order, repeated, where))


def are_repeated(count: int, of: int) -> bool:
    """Return whether so many times are repeated that they are of several places or depths."""
    return count > max(1, _MAX_REPEATED_SHARE * of)


def _describe_repeats(times: Times, order: npt.NDArray[np.intp], repeated: Bools, where: Callable[[int], str]) -> str:
    count, first = int(repeated.sum()), int(repeated.argmax())
    first_at = f"{where(int(order[first]))} ({short(times[first])})"
    if are_repeated(count, len(times)):
        raise SeriesError(
            f"{count} of {len(times)} times are repeated, the first at {first_at}: "
            "does the input contain several stations or depths? Keep one",
            index=int(order[first]),
        )
    return f"{counted(count, 'repeated time')}, the first value of each kept: {first_at}"
