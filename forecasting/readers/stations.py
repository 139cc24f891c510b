"""From the observations of a station to its series, which may be coarser, or the reason why there is none."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError, IrregularError, RangeError, SeriesError
from forecasting.readers.flags import Marked
from forecasting.readers.options import ReadingOptions
from forecasting.readers.reading import OF_STATION, UNSAID, ReadStation, StationObservations
from forecasting.remedies import Remedy, Setting
from forecasting.series.doubts import FillValues, fill_values, flat_line
from forecasting.series.observations import MAX_STEPS, anchor, common_interval, sort_order
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats, Times, short
from forecasting.series.timestep import MONTH, TimeStep, in_words, length_of, one_each
from forecasting.series.units import sea_temperatures, to_celsius
from forecasting.wording import counted

MIN_OBSERVED_SHARE: Final = 0.5
"""Share of a coarser step that has to be observed for its mean to count."""


def average(times: Times, values: Floats, step: TimeStep, where: Callable[[int], str]) -> SstSeries:
    """Average values over steps that begin on UTC days, or on hours if shorter.

    A mean counts if at least half of its step was observed, given the commonest interval of the observations.

    Args:
        times: UTC, ``(n,)``, in any order.
        values: °C, ``(n,)``; NaN where missing.
        step: the step of the result.
        where: describes where the i-th value is in the caller's input.
    """
    order, notes = sort_order(times, where)
    times, values = times[order], values[order]
    if len(times) < 2:
        raise SeriesError("a series needs at least two times to infer its step, and this one has only one: add values")
    pace = typical_interval(times)
    if pace > step.seconds * 1.1:  # months of 31 days also count as monthly
        observed, wanted = one_each(str(TimeStep(pace))), one_each(str(step))
        raise SeriesError(f"cannot resample {observed} to {wanted}; resample to a longer step")
    start = first_step(times, step)
    positions = np.floor(step.position(times, start) + 1e-9).astype(np.int64)
    if positions[-1] >= MAX_STEPS:
        raise SeriesError(
            f"from {short(times[0])} to {short(times[-1])} there are over {MAX_STEPS:,} steps of "
            f"{in_words(str(step))}; check for a wrong time at either end"
        )
    means, short_of = _means(values, positions, expected_counts(start, step, int(positions[-1]) + 1, pace))
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


def typical_interval(times: Times) -> int:
    """Return the seconds between sorted times: their common interval, or else the median."""
    intervals = np.diff(times).astype(np.int64)
    return common_interval(intervals) or int(np.median(intervals))


def _coarser(times: Times) -> tuple[Setting, ...]:
    """Return the choices of a step over which sorted times can be averaged: as many days as they are apart, or more."""
    pace = typical_interval(times)
    own = [TimeStep(pace)] if pace % DAY == 0 and pace < MONTH.seconds else []
    steps = dict.fromkeys((*own, TimeStep(DAY), TimeStep(7 * DAY), MONTH))
    names = [str(step) for step in steps if step.seconds >= pace / 1.1]
    return tuple(Setting("resample", name, _MEANS.get(name, f"{pace // DAY}-day means")) for name in names)


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
    """Average over each step, NaN if too little was observed; also return how many steps have too few observations."""
    observed = np.isfinite(values)
    count = np.bincount(positions[observed], minlength=len(expected))
    total = np.bincount(positions[observed], weights=values[observed], minlength=len(expected))
    enough = (count > 0) & (count >= MIN_OBSERVED_SHARE * expected)
    means = np.full(len(expected), np.nan)
    means[enough] = total[enough] / count[enough]
    return means, int(((count > 0) & ~enough).sum())


_COLDEST: Final = -2.0
"""°C, below the freezing point of sea water."""
_NEAR_ZERO: Final = 1.0
"""°C: anomalies have a median closer to zero, as few seas do."""
_MEANS: Final = {"day": "Daily means", "week": "Weekly means", "month": "Monthly means"}
_ALIKE: Final = 0.05
"""Degrees by which values of one time may differ, as those of one sensor do that was read twice."""
_WARMEST_YEAR: Final = 32.0
"""°C: every sea is colder at some time of year."""


def build_station(observations: StationObservations, options: ReadingOptions) -> ReadStation:
    """Build the series of a station."""
    fills = _fills(observations)
    try:
        series = _series(observations, options, fills)
    except RangeError as error:
        raise FileError(error.message, index=error.index, remedy=Remedy.any_of(error.settings)) from None
    except SeriesError as error:
        raise FileError.of(error) from None
    station = observations.station
    columns = station.columns
    source = f"time from column {columns.time}, SST from column {columns.value}, in {station.units}"
    unused = None
    if observations.weather is not None:
        try:
            series = observations.weather.over(series)
        except SeriesError as error:
            reason = error.message.removeprefix("weather: ")
            series, unused = series.until_last_observation(), f"the weather in the file is not used: {reason}"
        else:
            if series.weather is not None:
                source += f", weather from {' and '.join(columns.weather or ())}"
    line = flat_line(series.values)
    found = (
        _doubt_units(observations, series),
        _doubt_anomalies(series),
        line.describe(series.times) if line is not None else None,
        fills.advise(observations.times) if fills is not None else None,
        _doubt_repeats(observations),
        unused,
    )
    warnings = (*station.warnings, *(doubt for doubt in found if doubt is not None))
    series = replace(series, notes=(source, *observations.notes, *warnings, *series.notes))
    return replace(station, warnings=warnings, series=series, marked=_placed(station, series, options))


def try_build(observations: StationObservations, options: ReadingOptions) -> ReadStation:
    """Build the series of a station; an error becomes part of the station."""
    try:
        return build_station(observations, options)
    except FileError as error:
        return replace(observations.station, error=FileError.of(error), marked=None, position=None)


def _fills(observations: StationObservations) -> FillValues | None:
    """Return the observations that are likely to mark missing ones, by their place among the observations."""
    if observations.station.units != "celsius":
        return None
    known = np.flatnonzero(~np.isnat(observations.times))
    order = known[np.argsort(observations.times[known], kind="stable")]
    fills = fill_values(observations.values[order])
    return None if fills is None else fills._replace(indices=order[fills.indices])


def _series(observations: StationObservations, options: ReadingOptions, fills: FillValues | None) -> SstSeries:
    if options.resample is not None and np.isfinite(observations.values).any():
        celsius = sea_temperatures(observations.values, observations.station.units, observations.where)
        if fills is not None and fills.is_certain:
            celsius = celsius.copy()
            celsius[fills.indices] = np.nan
        return average(observations.times, celsius, options.resample, observations.where)
    from_observations = partial(
        SstSeries.from_observations,
        observations.times,
        observations.values,
        units=observations.station.units,
        where=observations.where,
    )
    if options.step is not None:
        with suppress(IrregularError):
            return from_observations(step=options.step)
    try:
        return from_observations()
    except IrregularError as error:
        remedy = Remedy.any_of(_coarser(np.unique(observations.times)))
        raise FileError(error.message, index=error.index, remedy=remedy) from None


def _doubt_units(observations: StationObservations, series: SstSeries) -> str | None:
    """Return a warning about units that the file does not state, if no sea is as warm in every season."""
    year = series.times[-1] - series.times[0] >= np.timedelta64(365, "D")
    least = float(np.fmin.reduce(series.values))
    if observations.station.units_from not in (UNSAID, OF_STATION) or not year or least <= _WARMEST_YEAR:
        return None
    warm = f"every value is above {_WARMEST_YEAR:g} °C, but no sea is that warm all year round"
    return f"{warm}; if they are °F, set units to fahrenheit"


def _doubt_anomalies(series: SstSeries) -> str | None:
    """Return a warning about values around zero, some of them below the freezing point of the sea."""
    values = series.values[np.isfinite(series.values)]
    middle, least = float(np.median(values)), float(values.min())
    if least >= _COLDEST or abs(middle) >= _NEAR_ZERO:
        return None
    cold = f"values fall to {least:.3g} °C, below the freezing point of the sea, and their median is {middle:.2g} °C"
    return f"{cold}; check whether they are anomalies instead of SST"


def _doubt_repeats(observations: StationObservations) -> str | None:
    """Return a warning about times that have different values."""
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


def _placed(station: ReadStation, series: SstSeries, options: ReadingOptions) -> Marked | None:
    """Return the marked values at times of the series; at their own times if the series is resampled."""
    if station.marked is None:
        return None
    times = station.marked.times
    if options.resample is None:
        steps = np.rint(series.step.position(times, series.start)).astype(np.int64)
        times = series.step.shift(np.asarray(series.start), steps)
    return Marked(times, to_celsius(station.marked.values, station.units), station.marked.flags)
