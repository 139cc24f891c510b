"""The references that callers' series afford from their own past."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.forecast_warning import ForecastWarning
from forecasting.references.baselines import autoregression, damping, linear_windows, roll_autoregression
from forecasting.references.design import design
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import YEAR, Bools, Floats, Times, TimeStep, month_of

CLIMATOLOGY_YEARS: Final = 1.8
"""Years of values, of every month, that a caller's series must hold before its climatology is taken from it.

Two years, of which a tenth may be missing.
"""

_MONTHS: Final = 12
_SHORT_VALUES: Final = 32
"""Series of fewer than twice as many values are computed together, whatever their lengths."""

References = dict[str, Floats]
"""Forecasts of the references, °C ``(n, horizon)``, by name (:data:`~forecasting.references.baselines.BASELINES`)."""


def own_references(
    series: SeriesBatch, windows: Floats, valid_time: Times, horizon: int, fill_limit: int
) -> tuple[References, dict[int, ForecastWarning]]:
    """What the past of each series affords; NaN, and for persistence alone a warning, where it does not.

    Args:
        series: each ending in an observed value.
        windows: their last ones without gaps, °C ``(n, window)``.
        valid_time: of lead 1, ``(n,)``.
        horizon: number of leads.
        fill_limit: longest gap, in steps, that is interpolated.
    """
    found = {"persistence": windows[:, -1:].repeat(horizon, axis=1)}
    warnings: dict[int, ForecastWarning] = {}
    for rows in _of_like_length(series):
        own = series if isinstance(rows, slice) else series.take(rows)
        values, lengths = own.tails(own.longest), own.lengths
        observed = _observed(values)
        affords = _afford_climatology(observed, lengths, series.step, valid_time[rows])
        if not affords.all():
            places = np.arange(len(series))[rows]
            warnings |= _too_short(places[~affords], values[~affords], series.step, valid_time[rows][~affords])
            rows, values, lengths = places[affords], values[affords], lengths[affords]
            observed = None if observed is None else observed[affords]
        if len(values):
            seasonal = _Seasonal.fit(values, observed, lengths, series.step, horizon)
            for name, forecast in seasonal.references(windows[rows], lengths, fill_limit):
                if len(values) == len(series):
                    found[name] = forecast
                else:
                    found.setdefault(name, np.full((len(series), horizon), np.nan))[rows] = forecast
    return found, warnings


def _observed(values: Floats) -> Bools | None:
    """Where ``values`` are none that is missing; None where none is."""
    observed: Bools = np.isfinite(values)
    return None if observed.all() else observed


def _of_like_length(series: SeriesBatch) -> Iterator[slice | npt.NDArray[np.intp]]:
    """Series that are computed together, by place: padded to the longest of them, none is more than twice as long.

    But for short ones, for which another group would cost more than padding does.
    """
    if series.longest < 2 * _SHORT_VALUES:
        yield slice(None)
        return
    _, magnitudes = np.frexp(np.maximum(series.lengths, _SHORT_VALUES))
    for magnitude in np.unique(magnitudes).tolist():
        yield np.flatnonzero(magnitudes == magnitude)


def _afford_climatology(
    observed: Bools | None, lengths: npt.NDArray[np.int64], step: TimeStep, valid_time: Times
) -> Bools:
    """Which series hold enough of every season; see :data:`CLIMATOLOGY_YEARS`.

    ``observed`` are ``(n, longest)``, up to the step before ``valid_time``. A month of which there are more than all
    values that are missing is not missing, so that only series with larger gaps are looked at.
    """
    seen = lengths if observed is None else observed.sum(axis=1)
    afford: Bools = seen * step.seconds / YEAR >= CLIMATOLOGY_YEARS
    if observed is not None:
        gappy = afford & (lengths - seen >= lengths * step.seconds // YEAR)
        if gappy.any():
            afford[gappy] = _months_seen(observed[gappy], step, valid_time[gappy]) == _MONTHS
    return afford


def _months_seen(observed: Bools, step: TimeStep, valid_time: Times) -> npt.NDArray[np.intp]:
    """Of how many calendar months series ``(n, longest)``, up to the step before ``valid_time``, have a value."""
    n, longest = observed.shape
    if step.calendar_month:
        # Values that lie twelve apart are of the same month.
        years = np.zeros((n, -(-longest // _MONTHS), _MONTHS), dtype=np.bool_)
        years.reshape(n, -1)[:, -longest:] = observed
        counted = np.logical_or.reduce(years, axis=1).sum(axis=1)
    else:
        times = step.shift(valid_time[:, None], np.arange(-longest, 0))
        months = month_of(times)
        counted = np.bitwise_count(np.bitwise_or.reduce(np.where(observed, 1 << months, 0), axis=1))
    return np.asarray(counted, dtype=np.intp)


def _too_short(
    places: npt.NDArray[np.intp], values: Floats, step: TimeStep, valid_time: Times
) -> dict[int, ForecastWarning]:
    """By place, what is said of ``values`` ``(n, longest)`` that do not afford a climatology."""
    observed = np.isfinite(values)
    years = observed.sum(axis=1) * step.seconds / YEAR
    months = _months_seen(observed, step, valid_time)
    needs = "a climatology of the place needs two years of values, a tenth of them missing at most, of every month"
    return {
        place: ForecastWarning(
            "no_climatology", f"{needs}; this series holds {held:.1f} years of values, of {seen} calendar months"
        )
        for place, held, seen in zip(places.tolist(), years.tolist(), months.tolist(), strict=True)
    }


@dataclass(frozen=True)
class _Seasonal:
    """Seasonal cycles of many series, fitted as :class:`~forecasting.references.baselines.Baselines` fits one.

    Attributes:
        step: of all series.
        anomalies: °C, ``(n, length)``; NaN where missing.
        observed: where they are not, ``(n, length)``; None where none is.
        past: the cycle at those times, °C.
        leads: and at those to forecast, °C ``(n, horizon)``.
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
        """To ``values``, °C ``(n, length)``, NaN where not ``observed``, of series that have so many."""
        n = values.shape[1]
        fitted = design(step, n, horizon).fit(values, observed, lengths)
        return cls(step, values - fitted[:, :n], observed, fitted[:, :n], fitted[:, n:])

    def references(
        self, windows: Floats, lengths: npt.NDArray[np.int64], fill_limit: int
    ) -> Iterator[tuple[str, Floats]]:
        """Each by name, °C ``(n, horizon)``, from ``windows`` ``(n, window)`` of series so long."""
        horizon = self.leads.shape[1]
        yield "climatology", self.leads
        yield "damped", self.leads + self.anomalies[:, -1:] * damping(self.anomalies, self.observed, horizon)
        enough = lengths >= linear_windows(windows.shape[1])
        if enough.any():
            long = np.flatnonzero(enough).tolist()
            linear = np.full(self.leads.shape, np.nan)
            for k in long:
                linear[k] = self._linear(k, windows[k], int(lengths[k]), fill_limit)
            yield "linear", linear

    def _linear(self, k: int, window: Floats, length: int, fill_limit: int) -> Floats:
        """The autoregression of one series, °C ``(horizon,)``; NaN where gaps leave too few windows to fit."""
        # Anomalies: it does not matter when they begin.
        own = SstSeries(self.anomalies[k, -length:], np.datetime64(0, "s"), self.step)
        weights, intercept = autoregression(own, len(window), fill_limit)
        if not len(weights):
            return np.full(self.leads.shape[1], np.nan)
        anomalies = (window - self.past[k, -len(window) :])[None]
        linear: Floats = self.leads[k] + roll_autoregression(anomalies, weights, intercept, self.leads.shape[1])[0]
        return linear
