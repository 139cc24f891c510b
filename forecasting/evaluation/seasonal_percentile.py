"""Percentiles of SST that follow the time of year, from the past of a series at any step."""

from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.evaluation.event_cases import Threshold
from forecasting.events.baseline import Baseline
from forecasting.events.days import day_of_year
from forecasting.references.climatology import Climatology
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats, Times, month_of
from forecasting.series.timestep import TimeStep

_LEAST_YEARS: Final = 5
"""Years of values that the spread of anomalies needs to be that of each season."""

_MONTHS: Final = 12


def seasonal_percentile(past: SstSeries, percent: float) -> Threshold:
    """Return a percentile for any time of year.

    With ten years of daily values, it is that of marine heatwaves (Hobday et al. 2016). Otherwise it is the climatology
    plus the percentile of the anomalies: of those in the calendar month and its two neighbours with five years of
    values, of all with fewer.

    Args:
        past: that it is computed from.
        percent: from 0 to 100.

    Raises:
        SeriesError: if the series is too short for a climatology.
    """
    if past.step == TimeStep(DAY):
        try:
            by_day = Baseline.fit(past, percent).threshold
        except SeriesError:
            pass
        else:
            return lambda times: by_day[day_of_year(times)]
    climatology, departures = Climatology.fit(past), _departures(past, percent)

    def threshold(times: Times) -> Floats:
        values: Floats = climatology(times) + departures[month_of(times)]
        return values

    return threshold


def _departures(past: SstSeries, percent: float) -> Floats:
    """Return the percentile of anomalies in each calendar month, °C ``(12,)``."""
    observed = np.isfinite(past.values)
    times = past.times[observed]
    anomalies = past.values[observed] - Climatology.fit(past)(times)
    overall = float(np.percentile(anomalies, percent))
    if past.observed_years < _LEAST_YEARS:
        return np.full(_MONTHS, overall)
    distance = (month_of(times)[None] - np.arange(_MONTHS)[:, None] + 1) % _MONTHS
    near = [anomalies[row <= 2] for row in distance]
    return np.asarray([np.percentile(values, percent) if len(values) else overall for values in near])
