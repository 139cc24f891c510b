"""References fitted to the past of the series that are forecast."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import UsualOfSeries
from forecasting.forecast_warning import ForecastWarning
from forecasting.references.baselines import autoregression, damping, linear_windows, roll_autoregression
from forecasting.references.design_matrix import design_matrix
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import YEAR, Bools, Floats, Times, calendar_months, month_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import SEA_RANGE

CLIMATOLOGY_YEARS: Final = 1.8
"""Years of values, of every calendar month, that a series needs for a climatology.

Two years; a tenth may be missing.
"""

_MONTHS: Final = 12
_SHORT_VALUES: Final = 32
"""Series of fewer than twice as many values are computed together, regardless of their lengths."""

References = dict[str, Floats]
"""Forecasts of the references, °C ``(n, horizon)``, by name (:data:`~forecasting.references.baselines.BASELINES`)."""


def references_from_past(
    series: SeriesBatch, windows: Floats, valid_time: Times, horizon: int, fill_limit: int
) -> tuple[References, dict[int, ForecastWarning], UsualOfSeries]:
    """Forecast the references of each series.

    Args:
        series: each ends in an observed value.
        windows: the last window of each, without gaps, °C ``(n, window)``.
        valid_time: of lead 1, ``(n,)``.
        horizon: number of leads.
        fill_limit: longest gap, in steps, that is interpolated.
    """
    references = {"persistence": windows[:, -1:].repeat(horizon, axis=1)}
    warnings: dict[int, ForecastWarning] = {}
    usual = UsualOfSeries.none(len(series))
    for rows in _groups_by_length(series):
        group = series if isinstance(rows, slice) else series.take(rows)
        values, lengths = group.tails(group.longest), group.lengths
        observed = _observed(values)
        enough = _enough_for_climatology(observed, lengths, series.step, valid_time[rows])
        if not enough.all():
            indices = np.arange(len(series))[rows]
            warnings |= _too_short(indices[~enough], values[~enough], series.step, valid_time[rows][~enough])
            rows, values, lengths = indices[enough], values[enough], lengths[enough]
            observed = None if observed is None else observed[enough]
        if len(values):
            seasonal = _Seasonal.fit(values, observed, lengths, series.step, horizon)
            usual.years[rows], usual.sst[rows] = seasonal.years(lengths, valid_time[rows]), seasonal.past[:, -1]
            for name, forecast in seasonal.references(windows[rows], lengths, fill_limit):
                if len(values) == len(series):
                    references[name] = forecast
                else:
                    references.setdefault(name, np.full((len(series), horizon), np.nan))[rows] = forecast
    return references, warnings, usual


def _observed(values: Floats) -> Bools | None:
    """Return where ``values`` are not missing; None if none is missing."""
    observed: Bools = np.isfinite(values)
    return None if observed.all() else observed


def _groups_by_length(series: SeriesBatch) -> Iterator[slice | npt.NDArray[np.intp]]:
    """Yield the indices of series that are computed together, padded to the longest of the group.

    Padding at most doubles a series, except for short ones, for which another group would cost more.
    """
    if series.longest < 2 * _SHORT_VALUES:
        yield slice(None)
        return
    _, magnitudes = np.frexp(np.maximum(series.lengths, _SHORT_VALUES))
    for magnitude in np.unique(magnitudes).tolist():
        yield np.flatnonzero(magnitudes == magnitude)


def _enough_for_climatology(
    observed: Bools | None, lengths: npt.NDArray[np.int64], step: TimeStep, valid_time: Times
) -> Bools:
    """Return which series have enough values in every calendar month; see :data:`CLIMATOLOGY_YEARS`.

    ``observed`` is ``(n, longest)`` and ends one step before ``valid_time``. Only series whose gaps could cover all
    values of a month are checked month by month.
    """
    counts = lengths if observed is None else observed.sum(axis=1)
    enough: Bools = counts * step.seconds / YEAR >= CLIMATOLOGY_YEARS
    if observed is not None:
        gappy = enough & (lengths - counts >= lengths * step.seconds // YEAR)
        if gappy.any():
            enough[gappy] = _months_observed(observed[gappy], step, valid_time[gappy]) == _MONTHS
    return enough


def _months_observed(observed: Bools, step: TimeStep, valid_time: Times) -> npt.NDArray[np.intp]:
    """Count the calendar months with a value in series ``(n, longest)`` that end one step before ``valid_time``."""
    n, longest = observed.shape
    if step.calendar_month:
        # Values twelve steps apart are of the same calendar month.
        years = np.zeros((n, -(-longest // _MONTHS), _MONTHS), dtype=np.bool_)
        years.reshape(n, -1)[:, -longest:] = observed
        count = np.logical_or.reduce(years, axis=1).sum(axis=1)
    else:
        times = step.shift(valid_time[:, None], np.arange(-longest, 0))
        months = month_of(times)
        count = np.bitwise_count(np.bitwise_or.reduce(np.where(observed, 1 << months, 0), axis=1))
    return np.asarray(count, dtype=np.intp)


def _too_short(
    indices: npt.NDArray[np.intp], values: Floats, step: TimeStep, valid_time: Times
) -> dict[int, ForecastWarning]:
    """Return a warning for each series, by index, whose ``values`` ``(n, longest)`` are too few for a climatology."""
    observed = np.isfinite(values)
    years = observed.sum(axis=1) * step.seconds / YEAR
    months = _months_observed(observed, step, valid_time)
    needs = "a climatology needs two years of values (at most a tenth missing) that cover every calendar month"
    return {
        index: ForecastWarning(
            "no_climatology", f"{needs}; this series has {length:.1f} years of values in {count} calendar months"
        )
        for index, length, count in zip(indices.tolist(), years.tolist(), months.tolist(), strict=True)
    }


@dataclass(frozen=True)
class _Seasonal:
    """Seasonal cycles of many series, fitted as :class:`~forecasting.references.baselines.Baselines` does for one.

    Attributes:
        anomalies: °C, ``(n, length)``; NaN where missing.
        observed: where anomalies are not missing, ``(n, length)``; None if none is missing.
        past: the cycle at the times of the anomalies, °C ``(n, length)``.
        leads: the cycle at the leads, °C ``(n, horizon)``.
    """

    step: TimeStep
    anomalies: Floats
    observed: Bools | None
    past: Floats
    leads: Floats

    @classmethod
    def fit(
        cls, values: Floats, observed: Bools | None, lengths: npt.NDArray[np.int64], step: TimeStep, horizon: int
    ) -> "_Seasonal":
        """Fit to ``values`` °C ``(n, length)``, NaN where not ``observed``, of series of these ``lengths``."""
        n = values.shape[1]
        fitted = design_matrix(step, n, horizon).fit(values, observed, lengths)
        return cls(step, values - fitted[:, :n], observed, fitted[:, :n], fitted[:, n:])

    def years(self, lengths: npt.NDArray[np.int64], valid_time: Times) -> npt.NDArray[np.int64]:
        """Return the first and the last year of each series, which ends one step before ``valid_time``: ``(n, 2)``."""
        before = lengths if self.observed is None else self.past.shape[1] - self.observed.argmax(axis=1)
        back = np.ones((len(lengths), 2), dtype=np.int64)
        back[:, 0] = before
        if self.step.calendar_month:
            # Shifting the times takes twice as long.
            months: npt.NDArray[np.int64] = calendar_months(valid_time).astype(np.int64)[:, None] - back
            return months // _MONTHS + 1970
        ends = self.step.shift(valid_time[:, None], -back)
        return ends.astype("datetime64[Y]").astype(np.int64) + 1970

    def references(
        self, windows: Floats, lengths: npt.NDArray[np.int64], fill_limit: int
    ) -> Iterator[tuple[str, Floats]]:
        """Yield each reference by name, °C ``(n, horizon)``, for the last ``windows`` ``(n, window)`` of the series."""
        horizon = self.leads.shape[1]
        yield "climatology", self.leads
        yield "damped", self.leads + self.anomalies[:, -1:] * damping(self.anomalies, self.observed, horizon)
        enough = lengths >= linear_windows(windows.shape[1])
        if enough.any():
            linear = np.full(self.leads.shape, np.nan)
            for i in np.flatnonzero(enough).tolist():
                linear[i] = self._linear(i, windows[i], int(lengths[i]), fill_limit)
            yield "linear", linear

    def _linear(self, i: int, window: Floats, length: int, fill_limit: int) -> Floats:
        """Return the autoregression of the ``i``-th series, °C ``(horizon,)``.

        NaN if gaps leave too few windows, or it runs away beyond the temperatures of any sea.
        """
        # The start does not matter for anomalies.
        series = SstSeries(self.anomalies[i, -length:], np.datetime64(0, "s"), self.step)
        weights, intercept = autoregression(series, len(window), fill_limit)
        if not len(weights):
            return np.full(self.leads.shape[1], np.nan)
        anomalies = (window - self.past[i, -len(window) :])[None]
        linear: Floats = self.leads[i] + roll_autoregression(anomalies, weights, intercept, self.leads.shape[1])[0]
        low, high = SEA_RANGE
        return linear if linear.min() >= low and linear.max() <= high else np.full_like(linear, np.nan)
