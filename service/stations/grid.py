"""The grid of a station: its readings are whole steps apart, from wherever they begin."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series.step_inference import TOLERANCE_STEPS
from forecasting.series.time_grid import anchor
from forecasting.series.times import SECONDS, Bools, Times, iso_of
from forecasting.series.timestep import TimeStep, in_words, one_each

PAST_STEPS: Final = 1_500
"""Steps that a forecast rests on, the newest: twice what a network for days sees, and all that one for hours does.

References see all of them."""


def between_steps(times: Times, start: np.datetime64, step: TimeStep) -> Bools:
    """Return which of ``times`` ``(n,)`` are too far from a whole number of steps after ``start``."""
    exact = step.place(times, start)
    between: Bools = np.abs(exact - np.round(exact)) > TOLERANCE_STEPS
    return between


def grid_of(times: Times, step: TimeStep) -> np.datetime64:
    """Return the start of the grid that most of the sorted ``times`` ``(n,)`` are on; of two, that of later times."""
    start = anchor(times, step)
    if not between_steps(times, start, step).any():
        return start
    # The median of all times is on no grid if some are half a step from the others.
    main = _most_common(times, step)
    return anchor(times[~between_steps(times, main, step)], step)


def _most_common(times: Times, step: TimeStep) -> np.datetime64:
    """Return the last of the times that most others are whole steps from."""
    places = step.place(times, times[0])
    phases = places - np.floor(places)
    # Once more before and after: the end of a step is next to its beginning.
    around = np.sort(np.concatenate([phases - 1, phases, phases + 1]))
    last = np.searchsorted(around, phases + TOLERANCE_STEPS, "right")
    first = np.searchsorted(around, phases - TOLERANCE_STEPS, "left")
    time: np.datetime64 = times[::-1][np.argmax((last - first)[::-1])]
    return time


def check_together(times: Iterable[int], step: TimeStep) -> None:
    """Check that most readings of a batch are whole steps apart.

    Args:
        times: of the batch, Unix seconds.
        step: of the station.

    Raises:
        SeriesError: if most are not, so that the readings have another step.
    """
    ordered = np.array(sorted(times), dtype=np.int64).view(SECONDS)
    if not len(ordered):
        return
    between = between_steps(ordered, grid_of(ordered, step), step)
    if 2 * between.sum() > len(ordered):
        example = iso_of(int(ordered[between][0].astype(np.int64)))
        raise SeriesError(
            f"most of the readings are between two steps ({in_words(str(step))}), such as the one at {example}: send "
            f"{one_each(str(step))}, such as the mean, or create a station with the step of the readings"
        )


def used_times(times: Times, step: TimeStep) -> Bools:
    """Return which of the sorted ``times`` ``(n,)`` a forecast uses: those a whole number of steps apart, as most are.

    A reading cannot be taken back, so one at a wrong time must not stop all later forecasts. Of several readings in
    one step, the last is used.

    Raises:
        SeriesError: if the newest is between two steps.
    """
    start = grid_of(times, step)
    regular = ~between_steps(times, start, step)
    if not regular[-1]:
        newest, length = iso_of(int(times[-1].astype(np.int64))), in_words(str(step))
        usual = f", such as {iso_of(int(times[regular][-1].astype(np.int64)))}" if regular.any() else ""
        raise SeriesError(
            f"the newest reading, of {newest}, is not a whole number of steps ({length}) after the others{usual}: send "
            "readings at whole steps, or average them to whole steps"
        )
    positions = np.round(step.place(times, start))
    used = np.flatnonzero(regular)
    regular[used[:-1]] = np.diff(positions[used]) > 0
    return regular


def nearby_steps(time: int, start: np.datetime64, step: TimeStep) -> tuple[str, str]:
    """Return the steps before and after a time, in ISO 8601, of the grid that begins at ``start``."""
    moment = np.asarray(np.datetime64(time, "s"))
    whole = int(np.floor(step.place(moment, start)))
    before, after = step.shift(np.asarray(start), [whole, whole + 1]).astype(np.int64).tolist()
    return iso_of(before), iso_of(after)
