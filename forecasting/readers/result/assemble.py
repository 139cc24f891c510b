"""Observations as they stand in a file → a series, or the reason why there is none."""

from dataclasses import replace
from typing import Final

import numpy as np

from forecasting.errors import FileError, IrregularError, RangeError, SeriesError
from forecasting.readers.base.flags import Marked
from forecasting.readers.base.options import Options
from forecasting.readers.result.flat_line import describe_flat_line
from forecasting.readers.result.reading import UNSAID, Observations, Station
from forecasting.readers.result.resample import coarser, resample
from forecasting.readers.result.zeros import describe_zeros
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Times
from forecasting.series.units import to_celsius

_COLDEST: Final = -2.0
"""°C, that every sea freezes before."""
_NEAR_ZERO: Final = 1.0
"""°C of a middle that anomalies have, and few seas."""
_WARMEST_YEAR: Final = 32.0
"""°C that every sea is below at some time of the year."""


def understand(found: Observations, options: Options) -> Station:
    """One station with its series.

    Raises:
        FileError: if it holds no valid series: where, and what to do.
    """
    try:
        series = _series(found, options)
    except RangeError as error:
        how = f", as {error.option} does" if error.option else ""
        raise FileError(f"{error}{how}", index=error.index) from None
    except SeriesError as error:
        raise FileError(str(error), index=error.index) from None
    taken = f"time from column {found.columns.time}, SST from column {found.columns.value}, in {found.units}"
    doubts = [
        doubt
        for doubt in (
            _doubt_units(found, series),
            _doubt_anomalies(series),
            describe_flat_line(series),
            describe_zeros(found),
        )
        if doubt is not None
    ]
    warnings = (*found.warnings, *doubts)
    notes = (taken, *found.notes, *warnings, *series.notes)
    return Station(
        found.station, found.columns, found.units, found.units_from, found.flags, warnings,
        replace(series, notes=notes), marked=_placed(found, series, options),
    )  # fmt: skip


def attempt(found: Observations, options: Options) -> Station:
    """As :func:`understand`, with the reason in place of an error."""
    try:
        return understand(found, options)
    except FileError as error:
        return Station(
            found.station, found.columns, found.units, found.units_from, found.flags, found.warnings, None, str(error)
        )


def _series(found: Observations, options: Options) -> SstSeries:
    if options.resample is not None and np.isfinite(found.values).any():
        return resample(found, options.resample)
    try:
        return SstSeries.from_observations(found.times, found.values, units=found.units, place=found.place)
    except IrregularError as error:
        again = _yearly_restart(np.unique(found.times))
        if again is not None:
            raise FileError(
                f"the steps of {again} days begin anew each January, so that they are no regular series; "
                f"make one with --resample month, or --resample P{again}D from the first day on"
            ) from None
        steps = " or ".join(", ".join(coarser(np.unique(found.times))).rsplit(", ", 1))
        how = f", as --resample {steps} does" if steps else ""
        raise FileError(f"{error}{how}", index=error.index) from None


def _doubt_units(found: Observations, series: SstSeries) -> str | None:
    """A sentence on units that the file does not say, where no sea is so warm in every season."""
    year = series.times[-1] - series.times[0] >= np.timedelta64(365, "D")
    least = float(np.fmin.reduce(series.values))
    if found.units_from != UNSAID or not year or least <= _WARMEST_YEAR:
        return None
    said = f"every value is over {_WARMEST_YEAR:g} °C, as no sea is all the year"
    return f"{said}: they may be °F, which --units fahrenheit says"


def _doubt_anomalies(series: SstSeries) -> str | None:
    """A sentence on values about zero that fall under what any sea freezes at."""
    values = series.values[np.isfinite(series.values)]
    middle, least = float(np.median(values)), float(values.min())
    if least >= _COLDEST or abs(middle) >= _NEAR_ZERO:
        return None
    said = f"values fall to {least:.3g} °C, where every sea is ice, about a middle of {middle:.2g} °C"
    return f"{said}: see whether they are anomalies, and no SST"


def _placed(found: Observations, series: SstSeries, options: Options) -> Marked | None:
    """What is marked, on the grid of the series; where that holds means of several values, as it stands in the file."""
    if found.marked is None:
        return None
    times = found.marked.times
    if options.resample is None:
        steps = np.rint(series.step.place(times, series.start)).astype(np.int64)
        times = series.step.shift(np.asarray(series.start), steps)
    return Marked(times, to_celsius(found.marked.values, found.units), found.marked.flags)


def _yearly_restart(times: Times) -> int | None:
    """Days of a step that starts on every first of January, as 8-day composites do; None if there is none."""
    days = times.astype("datetime64[D]")
    years = days.astype("datetime64[Y]")
    since_new_year = (days - years).astype(np.int64)
    # In pentads of climate records the one of 29 February has six days.
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
