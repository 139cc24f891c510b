"""From the observations of a station to its series, or the reason why there is none."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from forecasting.errors import FileError, IrregularError, RangeError, SeriesError
from forecasting.readers.base.flags import Marked
from forecasting.readers.base.options import ReadingOptions
from forecasting.readers.result.reading import OF_STATION, UNSAID, Observations, Station
from forecasting.readers.result.resample import coarser, resample
from forecasting.readers.result.zeros import describe_zeros
from forecasting.remedies import Remedy, Setting
from forecasting.series.flat_line import flat_line
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Times, short
from forecasting.series.units import to_celsius
from forecasting.wording import counted

_COLDEST: Final = -2.0
"""°C, below the freezing point of sea water."""
_NEAR_ZERO: Final = 1.0
"""°C: anomalies have a median closer to zero, as few seas do."""
_MEANS: Final = {"day": "Daily means", "week": "Weekly means", "month": "Monthly means"}
_ALIKE: Final = 0.05
"""Degrees by which values of one time may differ, as those of one sensor do that was read twice."""
_WARMEST_YEAR: Final = 32.0
"""°C: every sea is colder at some time of year."""


def build_station(observations: Observations, options: ReadingOptions) -> Station:
    """Build the series of a station.

    Raises:
        FileError: if the observations are not a valid series: where, and what to do.
    """
    try:
        series = _series(observations, options)
    except RangeError as error:
        raise FileError(error.message, index=error.index, remedy=Remedy.any_of(error.settings)) from None
    except SeriesError as error:
        raise FileError.of(error) from None
    columns = observations.columns
    source = f"time from column {columns.time}, SST from column {columns.value}, in {observations.units}"
    line = flat_line(series.values)
    doubts = [
        doubt
        for doubt in (
            _doubt_units(observations, series),
            _doubt_anomalies(series),
            line.describe(series.times) if line is not None else None,
            describe_zeros(observations.times, observations.values) if observations.units == "celsius" else None,
            _doubt_repeats(observations),
        )
        if doubt is not None
    ]
    warnings = (*observations.warnings, *doubts)
    notes = (source, *observations.notes, *warnings, *series.notes)
    return Station(
        observations.station, columns, observations.units, observations.units_from, observations.flags, warnings,
        replace(series, notes=notes), marked=_placed(observations, series, options), position=observations.position,
    )  # fmt: skip


def try_build(observations: Observations, options: ReadingOptions) -> Station:
    """Build the series of a station; an error becomes part of the station."""
    try:
        return build_station(observations, options)
    except FileError as error:
        return Station(
            observations.station,
            observations.columns,
            observations.units,
            observations.units_from,
            observations.flags,
            observations.warnings,
            None,
            FileError.of(error),
        )


def _series(observations: Observations, options: ReadingOptions) -> SstSeries:
    if options.resample is not None and np.isfinite(observations.values).any():
        return resample(observations, options.resample)
    from_observations = partial(
        SstSeries.from_observations,
        observations.times,
        observations.values,
        units=observations.units,
        place=observations.place,
    )
    if options.step is not None:
        with suppress(IrregularError):
            return from_observations(step=options.step)
    try:
        return from_observations()
    except IrregularError as error:
        again = _yearly_restart(np.unique(observations.times))
        if again is not None:
            raise FileError(
                f"the {again}-day steps restart each January, so the series is not regular",
                remedy=Remedy.of(
                    "; resample it with {}, or with {} to count days from the first one",
                    Setting("resample", "month", "Monthly means"),
                    Setting("resample", f"P{again}D", f"{again}-day means from the first day"),
                ),
            ) from None
        steps = tuple(Setting("resample", step, _MEANS[step]) for step in coarser(np.unique(observations.times)))
        raise FileError(error.message, index=error.index, remedy=Remedy.any_of(steps)) from None


def _doubt_units(observations: Observations, series: SstSeries) -> str | None:
    """A warning about units that the file does not state, if no sea is as warm in every season."""
    year = series.times[-1] - series.times[0] >= np.timedelta64(365, "D")
    least = float(np.fmin.reduce(series.values))
    if observations.units_from not in (UNSAID, OF_STATION) or not year or least <= _WARMEST_YEAR:
        return None
    warm = f"every value is above {_WARMEST_YEAR:g} °C, but no sea is that warm all year round"
    return f"{warm}; if they are °F, set units to fahrenheit"


def _doubt_anomalies(series: SstSeries) -> str | None:
    """A warning about values around zero, some of them below the freezing point of the sea."""
    values = series.values[np.isfinite(series.values)]
    middle, least = float(np.median(values)), float(values.min())
    if least >= _COLDEST or abs(middle) >= _NEAR_ZERO:
        return None
    cold = f"values fall to {least:.3g} °C, below the freezing point of the sea, and their median is {middle:.2g} °C"
    return f"{cold}; check whether they are anomalies instead of SST"


def _doubt_repeats(observations: Observations) -> str | None:
    """A warning about times that have different values."""
    observed = np.flatnonzero(np.isfinite(observations.values) & ~np.isnat(observations.times))
    order = observed[np.argsort(observations.times[observed], kind="stable")]
    times, values = observations.times[order], observations.values[order]
    other = np.flatnonzero((times[1:] == times[:-1]) & (np.abs(np.diff(values)) > _ALIKE))
    if not len(other):
        return None
    first, second = values[other[0]], values[other[0] + 1]
    return (
        f"{counted(len(other), 'time')} with different values, the first {short(times[other[0]])} with {first:g} and "
        f"{second:g}; the first value of each is kept: check which is right"
    )


def _placed(observations: Observations, series: SstSeries, options: ReadingOptions) -> Marked | None:
    """The marked values at times of the series; at their own times if the series is resampled."""
    if observations.marked is None:
        return None
    times = observations.marked.times
    if options.resample is None:
        steps = np.rint(series.step.place(times, series.start)).astype(np.int64)
        times = series.step.shift(np.asarray(series.start), steps)
    return Marked(times, to_celsius(observations.marked.values, observations.units), observations.marked.flags)


def _yearly_restart(times: Times) -> int | None:
    """Days of a step that restarts each January, as in 8-day composites; None if there is no such step."""
    days = times.astype("datetime64[D]")
    years = days.astype("datetime64[Y]")
    since_new_year = (days - years).astype(np.int64)
    # In climate records, the pentad of 29 February has six days.
    next_years = years + np.timedelta64(1, "Y")
    leap = (next_years.astype("datetime64[D]") - years.astype("datetime64[D]")).astype(np.int64) == 366
    intervals = np.diff(times).astype(np.int64)
    if len(intervals) < 3:
        return None
    step = int(np.median(intervals))
    if step % DAY or step <= DAY or len(np.unique(times.astype("datetime64[Y]"))) < 2:
        return None
    length = step // DAY
    on = (since_new_year % length == 0) | (leap & (since_new_year >= 60) & ((since_new_year - 1) % length == 0))
    return length if on.all() else None
