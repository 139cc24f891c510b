"""Average observations into a coarser, regular series."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.readers.result.reading import Observations
from forecasting.series.observations import MAX_STEPS, sort_order
from forecasting.series.sea_range import sea_temperatures
from forecasting.series.sst_series import SstSeries
from forecasting.series.step_inference import common_interval
from forecasting.series.time_grid import anchor
from forecasting.series.times import DAY, Floats, Times, short
from forecasting.series.timestep import MONTH, TimeStep, in_words, length_of, one_each

MIN_OBSERVED_SHARE: Final = 0.5
"""Share of a coarser step that has to be observed for its mean to count."""


def resample(observations: Observations, step: TimeStep) -> SstSeries:
    """Average observations over steps; see :func:`average`."""
    values = sea_temperatures(observations.values, observations.units, observations.place)
    return average(observations.times, values, step, observations.place)


def average(times: Times, values: Floats, step: TimeStep, place: Callable[[int], str]) -> SstSeries:
    """Average values over steps that begin on UTC days, or on hours if shorter.

    A mean counts if at least half of its step was observed, given the commonest interval of the observations.

    Args:
        times: UTC, ``(n,)``, in any order.
        values: °C, ``(n,)``; NaN where missing.
        step: of the result.
        place: describes where the i-th value is in the caller's input.

    Raises:
        SeriesError: if the observations are coarser than ``step``, or too few in every step.
    """
    order, notes = sort_order(times, place)
    times, values = times[order], values[order]
    if len(times) < 2:
        raise SeriesError("a series needs at least two times to infer its step, and this one has only one: add values")
    pace = typical_interval(times)
    if pace > step.seconds * 1.1:  # months of 31 days also count as monthly
        observed, wanted = one_each(str(TimeStep(pace))), one_each(str(step))
        raise SeriesError(f"cannot resample {observed} to {wanted}; resample to a longer step")
    start = first_step(times, step)
    positions = np.floor(step.place(times, start) + 1e-9).astype(np.int64)
    if positions[-1] >= MAX_STEPS:
        raise SeriesError(
            f"from {short(times[0])} to {short(times[-1])} there are over {MAX_STEPS:,} steps of "
            f"{in_words(str(step))}; check for a wrong time at either end"
        )
    means, short_of = _means(values, positions, expected_counts(start, step, int(positions[-1]) + 1, pace))
    return _series(means, short_of, start, step, notes)


def typical_interval(times: Times) -> int:
    """Seconds between sorted times: their common interval, or else the median."""
    intervals = np.diff(times).astype(np.int64)
    return common_interval(intervals) or int(np.median(intervals))


def coarser(times: Times) -> list[str]:
    """Names of the steps over which sorted times can be averaged."""
    pace = typical_interval(times) / 1.1
    return [str(step) for step in (TimeStep(DAY), TimeStep(7 * DAY), MONTH) if step.seconds >= pace]


def first_step(times: Times, step: TimeStep) -> np.datetime64:
    """Return the begin of the step that contains the first of ``times``."""
    if step.calendar_month:
        return anchor(times, step)
    length = step.seconds if step.seconds < DAY and DAY % step.seconds == 0 else DAY
    seconds = times[:1].astype(np.int64) // length * length
    start: np.datetime64 = seconds.astype("datetime64[s]")[0]
    return start


def expected_counts(start: np.datetime64, step: TimeStep, count: int, pace: int) -> Floats:
    """Return the number of observations in each of ``count`` steps, if they come every ``pace`` seconds."""
    edges = step.range(start, count + 1)
    lengths: Floats = np.diff(edges).astype(np.float64) / pace
    return lengths


def _means(values: Floats, positions: npt.NDArray[np.int64], expected: Floats) -> tuple[Floats, int]:
    """The mean of each step, NaN if too little was observed, and the number of steps with too few observations."""
    observed = np.isfinite(values)
    count = np.bincount(positions[observed], minlength=len(expected))
    total = np.bincount(positions[observed], weights=values[observed], minlength=len(expected))
    enough = (count > 0) & (count >= MIN_OBSERVED_SHARE * expected)
    means = np.full(len(expected), np.nan)
    means[enough] = total[enough] / count[enough]
    return means, int(((count > 0) & ~enough).sum())


def _series(means: Floats, short_of: int, start: np.datetime64, step: TimeStep, notes: tuple[str, ...]) -> SstSeries:
    kept = np.flatnonzero(np.isfinite(means))
    if not len(kept):
        raise SeriesError(
            f"no step of {in_words(str(step))} has at least half of its observations; resample to a longer step"
        )
    length = length_of(str(step))
    note = f"resampled to the mean of each {length} (UTC): {len(kept)} with at least half of their observations"
    if short_of:
        note += f", {short_of} with fewer, which count as missing"
    begin = step.range(start, int(kept[0]) + 1)[-1]
    return SstSeries(means[kept[0] : kept[-1] + 1], begin, step, (*notes, note))
