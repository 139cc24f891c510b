"""Moves series to the step of a release."""

import math
from dataclasses import dataclass

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.units import outside_sea_range
from forecasting.universal.contexts.refusals import outside_error

_LEAST_VALUES_IN_A_MEAN = 2


@dataclass(frozen=True)
class Resampling:
    """How series at ``step`` are forecast at ``other``, the step of a release.

    Where ``other`` holds several steps, means are forecast; where ``step`` is a multiple of ``other``, the values
    between are missing; else values are interpolated. Both grids share the last observation.
    """

    step: TimeStep
    other: TimeStep

    @property
    def ratio(self) -> float:
        """Number of steps of the series in a step of the release."""
        return self.other.seconds / self.step.seconds

    @property
    def takes_means(self) -> bool:
        """Whether the values of the release are means of those of the series."""
        return self.ratio >= _LEAST_VALUES_IN_A_MEAN

    @property
    def leaves_gaps(self) -> bool:
        """Whether every value of the series is one of the release, which has more."""
        return self.step.seconds % self.other.seconds == 0

    def resampled(self, series: SstSeries) -> SstSeries:
        """Return ``series`` at the other step, without missing values at its end.

        Raises:
            SeriesError: if every value is missing, or one is not a sea temperature.
        """
        if not np.isfinite(series.values).any():
            raise SeriesError("every value of the series is missing")
        if outside_sea_range(series.values).any():
            raise outside_error(series.values)
        known = series.until_last_observation()
        last = known.start + np.timedelta64((len(known) - 1) * self.step.seconds, "s")
        if self.takes_means:
            values = self.means(known.values)
            last -= np.timedelta64((self.other.seconds - self.step.seconds) // 2, "s")
        else:
            values = self._between(known.values)
        start = last - np.timedelta64((len(values) - 1) * self.other.seconds, "s")
        return SstSeries(values, start, self.other, series.notes)

    def means(self, values: Floats) -> Floats:
        """Return the means of the values in each step of the release that are not missing; the last ends the series.

        Values before the first whole step are left out.
        """
        back = np.floor((len(values) - 1 - np.arange(len(values))) / self.ratio + 1e-9).astype(np.int64)
        count = max(int(len(values) / self.ratio + 1e-9), 1)
        known = np.isfinite(values) & (back < count)
        places = count - 1 - back[known]
        number = np.bincount(places, minlength=count)
        total = np.bincount(places, values[known], count)
        means: Floats = np.divide(total, number, out=np.full(count, np.nan), where=number > 0)
        return means

    def _between(self, values: Floats) -> Floats:
        """Return values at the other step, interpolated; missing beside missing ones, and between if it divides."""
        count = (len(values) - 1) * self.step.seconds // self.other.seconds + 1
        places = len(values) - 1 - np.arange(count - 1, -1, -1) * self.other.seconds / self.step.seconds
        before = np.floor(places + 1e-9).astype(np.int64)
        share = np.maximum(places - before, 0.0)
        after = np.minimum(before + 1, len(values) - 1)
        if self.leaves_gaps:
            return np.where(share < 1e-6, values[before], np.nan)
        return np.where(share < 1e-6, values[before], values[before] * (1 - share) + values[after] * share)

    def leads(self, missing_after: int, horizon: int) -> Floats:
        """Return the leads at the other step, which may be fractions, of the steps after the end of a series."""
        leads = missing_after + np.arange(1.0, horizon + 1)
        if self.takes_means:
            return (leads - 0.5) / self.ratio + 0.5
        return leads / self.ratio

    def needed(self, missing_after: int, horizon: int) -> int:
        """Return how many leads at the other step a forecast needs."""
        return math.ceil(float(self.leads(missing_after, horizon)[-1]) - 1e-9)
