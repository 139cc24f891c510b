"""Forecasts of series at a step that no release has, by the release of the nearest step."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep, in_words
from forecasting.universal.contexts.contexts import late_warning
from forecasting.universal.contexts.refusals import check_range
from forecasting.universal.forecast import UniversalForecast


def nearest_step(step: TimeStep, steps: Iterable[TimeStep]) -> TimeStep | None:
    """Return the step of ``steps`` that is nearest to ``step`` by ratio; None if there is none.

    A calendar month is near to itself only, because its times do not follow a number of seconds.
    """
    known = set(steps)
    if step in known or step.calendar_month:
        return step if step in known else None
    fixed = [other for other in known if not other.calendar_month]
    return min(fixed, key=lambda other: abs(math.log(other.seconds / step.seconds)), default=None)


@dataclass(frozen=True)
class Resampling:
    """How series at ``step`` are forecast at ``other``, the step of a release.

    Where ``other`` is a multiple of ``step``, means are forecast; where ``step`` is a multiple of ``other``, the values
    between are missing; else values are interpolated. Both grids share the last observation.
    """

    step: TimeStep
    other: TimeStep

    @property
    def _mean_of(self) -> int:
        """Number of values in a mean; 0 if none are taken."""
        count, rest = divmod(self.other.seconds, self.step.seconds)
        return 0 if rest else count

    def resampled(self, series: SstSeries) -> SstSeries:
        """Return ``series`` at the other step, without missing values at its end.

        Raises:
            SeriesError: if every value is missing, or one is not a sea temperature.
        """
        if not np.isfinite(series.values).any():
            raise SeriesError("every value of the series is missing")
        check_range(series.values)
        known = series.until_last_observation()
        last = known.start + np.timedelta64((len(known) - 1) * self.step.seconds, "s")
        if self._mean_of:
            values = _means(known.values, self._mean_of)
            last -= np.timedelta64((self._mean_of - 1) * self.step.seconds // 2, "s")
        else:
            values = self._between(known.values)
        start = last - np.timedelta64((len(values) - 1) * self.other.seconds, "s")
        return SstSeries(values, start, self.other, series.notes)

    def _between(self, values: Floats) -> Floats:
        """Return values at the other step, interpolated; missing beside missing ones, and between if it divides."""
        count = (len(values) - 1) * self.step.seconds // self.other.seconds + 1
        places = len(values) - 1 - np.arange(count - 1, -1, -1) * self.other.seconds / self.step.seconds
        before = np.floor(places + 1e-9).astype(np.int64)
        share = np.maximum(places - before, 0.0)
        after = np.minimum(before + 1, len(values) - 1)
        if self.step.seconds % self.other.seconds == 0:
            return np.where(share < 1e-6, values[before], np.nan)
        return np.where(share < 1e-6, values[before], values[before] * (1 - share) + values[after] * share)

    def leads(self, missing_after: int, horizon: int) -> Floats:
        """Return the leads at the other step, which may be fractions, of the steps after the end of a series."""
        leads = missing_after + np.arange(1.0, horizon + 1)
        if self._mean_of:
            return (leads - 0.5) / self._mean_of + 0.5
        return leads * (self.step.seconds / self.other.seconds)

    def needed(self, missing_after: int, horizon: int) -> int:
        """Return how many leads at the other step a forecast needs."""
        return math.ceil(float(self.leads(missing_after, horizon)[-1]) - 1e-9)

    def back(
        self, forecast: UniversalForecast, series: SstSeries, resampled: SstSeries, horizon: int, release: str
    ) -> UniversalForecast:
        """Return a forecast of ``resampled`` at the step of ``series``, with a warning that says so.

        Between two leads it is interpolated. Before the first, spread grows with the square root of time.

        Args:
            forecast: of :meth:`needed` leads.
            series: as the caller sent it.
            resampled: from :meth:`resampled`.
            horizon: number of steps after the end of ``series``.
            release: name of the release.
        """
        missing_after = len(series) - 1 - int(np.flatnonzero(np.isfinite(series.values))[-1])
        leads, last = self.leads(missing_after, horizon), float(resampled.values[-1])
        spread = _interpolated(forecast.quantiles - forecast.sst[:, None], leads, 0.0)
        spread[leads < 1] = (forecast.quantiles[0] - forecast.sst[0]) * np.sqrt(leads[leads < 1, None])
        sst = _interpolated(forecast.sst[:, None], leads, last)
        end = series.times[-1]
        warnings = forecast.warnings
        if missing_after:
            observed = series.times[-1 - missing_after]
            warnings = (*warnings, late_warning(observed, missing_after, self.step))
        return replace(
            forecast,
            times=self.step.shift(end, np.arange(1, horizon + 1)),
            sst=sst[:, 0],
            quantiles=sst + spread,
            baselines={
                name: _interpolated(values[:, None], leads, last)[:, 0] for name, values in forecast.baselines.items()
            },
            warnings=(*warnings, self._warning(release)),
        )

    def _warning(self, release: str) -> ForecastWarning:
        theirs, ours = in_words(str(self.step)), in_words(str(self.other))
        if self._mean_of:
            how = f"means of {ours} were forecast, and interpolated"
        elif self.step.seconds % self.other.seconds == 0:
            how = f"it was forecast at steps of {ours}, and every {self.step.seconds // self.other.seconds}th was kept"
        else:
            how = f"it was interpolated to steps of {ours}, and the forecast back"
        return ForecastWarning("resampled", f"the series has a step of {theirs}, and {release} of {ours}: {how}")


def _means(values: Floats, count: int) -> Floats:
    """Return means of ``count`` values, of those that are not missing; the first values may be left out."""
    if len(values) < count:
        values = np.concatenate([np.full(count - len(values), np.nan), values])
    blocks = values[len(values) % count :].reshape(-1, count)
    known = np.isfinite(blocks)
    total = np.where(known, blocks, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _interpolated(values: Floats, leads: Floats, last: float) -> Floats:
    """Return ``values`` ``(leads, m)``, and ``last`` at lead 0, at other ``leads``: ``(len(leads), m)``."""
    with_last = np.concatenate([np.full((1, values.shape[1]), last), values])
    before = np.minimum(np.floor(leads).astype(np.int64), len(values) - 1)
    share = (leads - before)[:, None]
    between: Floats = with_last[before] * (1 - share) + with_last[before + 1] * share
    return between
