"""Observations in any order, put on a regular grid of times."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.series.step_inference import infer_step
from forecasting.series.time_grid import anchor, grid_positions
from forecasting.series.times import Bools, Floats, Times, short
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import counted

MAX_STEPS: Final = 10_000_000
"""Steps that a grid may span; beyond that, a wrong time is more likely than a series so long."""

_MAX_EMPTY_STEPS: Final = 1_000
_MAX_STEPS_PER_VALUE: Final = 100
"""Steps that a grid may span without values, and for each value: two times must not allocate memory for thousands."""

_MAX_REPEATED_SHARE: Final = 0.01


def regular_grid(
    times: Times, values: Floats, step: TimeStep | None, place: Callable[[int], str]
) -> tuple[Floats, np.datetime64, TimeStep, tuple[str, ...]]:
    """Put ``values`` at ``times``, both ``(n,)``, on a regular grid.

    Returns:
        The values on the grid, NaN where there is none; the time of the first; the step; and notes on what was changed.

    Raises:
        SeriesError: if the times are not regular.
    """
    order, notes = sort_order(times, place)
    times, values = times[order], values[order]

    def original(i: int) -> str:
        return place(int(order[i]))

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


def sort_order(times: Times, place: Callable[[int], str]) -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    """Return the positions that sort ``times`` and keep the first of each, and notes on what that changes.

    Raises:
        SeriesError: if more than a hundredth of the times are repeated.
    """
    order = np.argsort(times, kind="stable")
    notes = () if (order[:-1] < order[1:]).all() else ("the times were out of order and have been sorted",)
    repeated = np.concatenate(([False], np.diff(times[order]).astype(np.int64) == 0))
    if not repeated.any():
        return order, notes
    return order[~repeated], (*notes, _describe_repeats(times[order], order, repeated, place))


def _describe_repeats(times: Times, order: npt.NDArray[np.intp], repeated: Bools, place: Callable[[int], str]) -> str:
    count, first = int(repeated.sum()), int(repeated.argmax())
    where = f"{place(int(order[first]))} ({short(times[first])})"
    if count > 1 and count > _MAX_REPEATED_SHARE * len(times):
        raise SeriesError(
            f"{count} of {len(times)} times are repeated, the first at {where}: "
            "does the input contain several stations or depths? Keep one",
            index=int(order[first]),
        )
    return f"{counted(count, 'repeated time')}, the first value of each kept: {where}"
