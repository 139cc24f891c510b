"""Observations averaged into a coarser, regular series."""

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
"""Of a coarser step, what has to be observed for its mean to count."""


def resample(found: Observations, step: TimeStep) -> SstSeries:
    """Means over steps of ``step`` that begin on UTC days (or hours), each from what was observed in it.

    A mean counts if at least half of the step was observed, at the pace of the file's own commonest interval.

    Raises:
        SeriesError: if the file is coarser than ``step``, or no step is observed enough.
    """
    values = sea_temperatures(found.values, found.units, found.place)
    order, notes = sort_order(found.times, found.place)
    times, values = found.times[order], values[order]
    if len(times) < 2:
        raise SeriesError("a series needs at least two times, or its step cannot be told")
    pace = own_pace(times)
    if pace > step.seconds * 1.1:  # a month of 31 days is as long as a month
        own, wanted = one_each(str(TimeStep(pace))), one_each(str(step))
        raise SeriesError(f"values that come {own} cannot make {wanted}; resample to a longer step")
    start = _start(times, step)
    positions = np.floor(step.place(times, start) + 1e-9).astype(np.int64)
    if positions[-1] >= MAX_STEPS:
        raise SeriesError(
            f"from {short(times[0])} to {short(times[-1])} there are over {MAX_STEPS:,} steps of {in_words(str(step))}"
        )
    means, short_of = _means(values, positions, _expected(start, step, int(positions[-1]) + 1, pace))
    return _series(means, short_of, start, step, notes)


def own_pace(times: Times) -> int:
    """Seconds at which sorted times come: their own step, or else the median interval."""
    intervals = np.diff(times).astype(np.int64)
    return common_interval(intervals) or int(np.median(intervals))


def coarser(times: Times) -> list[str]:
    """Names of steps that sorted times can be averaged over."""
    pace = own_pace(times) / 1.1
    return [str(step) for step in (TimeStep(DAY), TimeStep(7 * DAY), MONTH) if step.seconds >= pace]


def _start(times: Times, step: TimeStep) -> np.datetime64:
    """Where the step begins that holds the first of ``times``."""
    if step.calendar_month:
        return anchor(times, step)
    length = step.seconds if step.seconds < DAY and DAY % step.seconds == 0 else DAY
    seconds = times[:1].astype(np.int64) // length * length
    start: np.datetime64 = seconds.astype("datetime64[s]")[0]
    return start


def _expected(start: np.datetime64, step: TimeStep, count: int, pace: int) -> Floats:
    """Observations that each step would hold at this pace."""
    edges = step.range(start, count + 1)
    lengths: Floats = np.diff(edges).astype(np.float64) / pace
    return lengths


def _means(values: Floats, positions: npt.NDArray[np.int64], expected: Floats) -> tuple[Floats, int]:
    """The mean of each step, NaN where too little was observed, and how many are so though something was."""
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
        raise SeriesError(f"no step of {in_words(str(step))} is observed for half of it; resample to a longer step")
    length = length_of(str(step))
    said = f"resampled to the mean of each {length} (UTC): {len(kept)} from at least half of their observations"
    if short_of:
        said += f", {short_of} with less, which count as missing"
    begin = step.range(start, int(kept[0]) + 1)[-1]
    return SstSeries(means[kept[0] : kept[-1] + 1], begin, step, (*notes, said))
