"""The regular grid that the times of observations are put on."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from forecasting.errors import IrregularError
from forecasting.series.step_inference import TOLERANCE_STEPS
from forecasting.series.times import Floats, Times, short
from forecasting.series.timestep import TimeStep, in_words, length_of


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
    times: Times, start: np.datetime64, step: TimeStep, place: Callable[[int], str]
) -> npt.NDArray[np.int64]:
    """Return the position of each time on the grid that begins at ``start``.

    Args:
        times: sorted, ``(n,)``.
        start: of the grid.
        step: of the grid.
        place: describes where the i-th time is in the caller's input.

    Raises:
        IrregularError: if a time is between two positions, or two times have the same one.
    """
    exact = step.place(times, start)
    positions = np.round(exact).astype(np.int64)
    if (np.abs(exact - positions) > TOLERANCE_STEPS).any():
        raise _off_grid(times, exact, step, place)
    repeated = np.diff(positions) == 0
    if repeated.any():
        i, length = int(repeated.argmax()) + 1, length_of(str(step))
        raise IrregularError(
            f"{place(i)} ({short(times[i])}) falls in the same {length} as the value before it: "
            f"keep one value for each {length}",
            index=i,
        )
    return positions


def _off_grid(times: Times, exact: Floats, step: TimeStep, place: Callable[[int], str]) -> IrregularError:
    i, reference = _first_off(exact)
    return IrregularError(
        f"the times are not regular: {place(i)} ({short(times[i])}) is not a whole number of steps "
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
