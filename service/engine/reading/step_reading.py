"""Reads series whose step the request does not fix: each is parsed at its own step."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series.observations import choose_clock, infer_step
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import LAST_TIME, SECONDS, Times, seconds_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units
from service.engine.reading.parsing import parse_all
from service.engine.reading.series_schema import InputSeries

MISSING_STEP: Final = '`step` is required with `start`; for example "day"'

Expect = Callable[[TimeStep], SeriesError | None]
"""Returns the error of a series at a step that nothing forecasts; None if something does."""


def read_each(
    series: Sequence[InputSeries], units: Units, default: TimeStep | None, horizon: int, expect: Expect
) -> list[SstSeries | SeriesError]:
    """Parse each of ``series`` at its own step.

    Args:
        series: from the body of a request.
        units: of their values.
        default: the step of series that have a ``start`` but no ``step``; None if that is an error.
        horizon: number of steps after the end of each series that are forecast.
        expect: refuses steps.

    Returns:
        In the order of ``series``: °C with at least one observed value, or the error.
    """
    results: list[SstSeries | SeriesError] = []
    by_step: dict[TimeStep, list[int]] = {}
    for i, given in enumerate(series):
        step = _step_of(given, default)
        error = step if isinstance(step, SeriesError) else expect(step)
        # Each place is filled in below, unless the step is wrong.
        results.append(error or SeriesError(MISSING_STEP))
        if error is None and isinstance(step, TimeStep):
            by_step.setdefault(step, []).append(i)
    for step, places in by_step.items():
        parsed = parse_all([series[i] for i in places], units, step)
        for i, result in zip(places, parsed, strict=True):
            results[i] = result if isinstance(result, SeriesError) else checked(result, horizon)
    return results


def lacks_step(given: InputSeries) -> bool:
    """Whether a series has a start but nothing that tells its step."""
    return given.start is not None and given.timestamps is None and given.step is None


def _step_of(given: InputSeries, default: TimeStep | None) -> TimeStep | SeriesError:
    try:
        if given.step is not None:
            return TimeStep.parse(given.step)
        if given.timestamps is not None:
            return _inferred(given.timestamps)
    except SeriesError as error:
        return error if default is None or given.step is not None else default
    if default is not None:
        return default
    if given.start is None:
        return SeriesError("give either start and step, or timestamps with one time for each value")
    return SeriesError(MISSING_STEP)


def _inferred(timestamps: Sequence[str]) -> TimeStep:
    """Infer the step from timestamps; months follow the local calendar."""
    return step_of(*(_times(timestamps, is_local) for is_local in (False, True)))


def step_of(utc: Times, local: Times) -> TimeStep:
    """Infer the step of a series from its times in UTC and on its local clock.

    Raises:
        SeriesError: if the times are not regular.
    """
    return infer_step(np.unique(choose_clock(utc, local)), lambda i: f"time {i}")


def _times(timestamps: Sequence[str], is_local: bool) -> Times:
    seconds = []
    for i, text in enumerate(timestamps):
        try:
            seconds.append(seconds_of(text, local=is_local))
        except SeriesError as error:
            raise SeriesError(f"timestamps[{i}]: {error}") from None
    return np.array(seconds, dtype=np.int64).view(SECONDS)


def checked(series: SstSeries, horizon: int) -> SstSeries | SeriesError:
    """Return the series, or why it cannot be forecast ``horizon`` steps ahead."""
    if not np.isfinite(series.values).any():
        return SeriesError("every value of the series is missing")
    end = series.step.shift(np.asarray(series.start), len(series) - 1 + horizon)
    if end > LAST_TIME:
        return SeriesError("the forecast would extend past the year 9999: check for a wrong time")
    return series
