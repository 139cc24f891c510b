"""The warming trend of a place, extrapolated beyond the end of the record.

A sea that has warmed for forty years is warmer today than on average. A network that takes the average as usual would
pull every forecast back to it. The level is therefore measured from a line through the record that continues past its
end. The line is a sine with a period of a thousand years: straight over decades, yet bounded.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.references.climatology import Climatology
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import YEAR, Floats, Times, unix_seconds
from training.examples.panel import parts_of

TREND_PRIOR_MEAN: Final = 0.01
"""Prior mean of the trend, °C a year. The global mean has risen by 0.015 a year since 1980, and by less before (IPCC
2021, AR6 WG I, 9.2.1.1)."""

TREND_PRIOR_STD: Final = 0.015
"""Prior standard deviation of the trend, °C a year: how much trends differ from place to place."""

TREND_HALF_LIFE_YEARS: Final = 10.0
"""Age in years at which a yearly mean has half the weight, since the pace of warming changes."""

MIN_EFFECTIVE_YEARS: Final = 5.0
"""Least effective number of yearly means (Kish) to estimate a trend from."""

_MAX_AUTOCORRELATION: Final = 0.9
"""Largest correlation between the means of successive years; with few years, the estimate may reach one."""

_MIN_VARIANCE: Final = 1e-12
"""Least variance of yearly means about the line, °C squared."""

TREND_SINE_RATE: Final = 2 * math.pi / (1_000 * YEAR)
"""Angular frequency of the sine that represents a line, radians per second."""


@dataclass(frozen=True)
class Trend:
    """A linear trend.

    Attributes:
        slope: °C per Julian year.
        end: Unix seconds at which the trend is zero.
    """

    slope: float
    end: float

    @classmethod
    def of(cls, seen: SstSeries) -> "Trend":
        """Estimate the trend from the data of a fit, as the posterior mean of the slope of yearly means.

        The prior has the mean :data:`TREND_PRIOR_MEAN` and the standard deviation :data:`TREND_PRIOR_STD`. Old years
        have less weight than recent ones. The standard error of the slope accounts for the correlation between
        successive years (Santer et al. 2000, J. Geophys. Res. 105, 7337). For several series, the common slope is
        assumed to be as certain as that of the most certain series, since neighbouring stations are not independent.
        """
        parts = parts_of(seen)
        estimates = np.asarray([estimate for estimate in map(_slope, parts) if estimate is not None])
        if not len(estimates):
            return NO_TREND
        slopes, variances = estimates.T
        slope, variance = float(np.average(slopes, weights=1 / variances)), float(variances.min())
        end = max(float(unix_seconds(part.times[-1:])[0]) for part in parts)
        return cls((slope * TREND_PRIOR_STD**2 + TREND_PRIOR_MEAN * variance) / (TREND_PRIOR_STD**2 + variance), end)

    @property
    def amplitude(self) -> float:
        """Amplitude of the sine, °C."""
        return self.slope / (TREND_SINE_RATE * YEAR)

    def at(self, times: Times) -> Floats:
        """The trend at ``times`` of any shape, °C."""
        rise: Floats = self.amplitude * np.sin(TREND_SINE_RATE * (unix_seconds(times) - self.end))
        return rise

    def removed_from(self, seen: SstSeries) -> Floats:
        """The values of ``seen`` minus the trend, °C."""
        return np.concatenate([part.values - self.at(part.times) for part in parts_of(seen)])


NO_TREND: Final = Trend(0.0, 0.0)


def _slope(series: SstSeries) -> tuple[float, float] | None:
    """Slope of yearly means, °C a year, and the variance of its error; None if there are too few means."""
    try:
        means = _yearly_means(series)
    except SeriesError:
        return None
    years = np.flatnonzero(np.isfinite(means))
    if not len(years):
        return None
    weights = 0.5 ** ((years[-1] - years) / TREND_HALF_LIFE_YEARS)
    weights /= weights.sum()
    count = 1 / float(weights @ weights)
    if count < MIN_EFFECTIVE_YEARS:
        return None
    centred_years, centred_means = years - weights @ years, means[years] - weights @ means[years]
    spread = float(weights @ centred_years**2)
    slope = float(weights @ (centred_years * centred_means)) / spread
    residual = centred_means - slope * centred_years
    variance = max(float(weights @ residual**2), _MIN_VARIANCE)
    autocorrelation = float(residual[1:] @ residual[:-1] / (residual @ residual + _MIN_VARIANCE))
    autocorrelation = min(max(autocorrelation, 0.0), _MAX_AUTOCORRELATION)
    return slope, variance / (count - 2) / spread * (1 + autocorrelation) / (1 - autocorrelation)


def _yearly_means(series: SstSeries) -> Floats:
    """Yearly means of anomalies, °C, oldest first; NaN if less than half of a year was observed.

    Raises:
        SeriesError: if there is too little data for a climatology.
    """
    anomalies = series.values - Climatology.fit(series)(series.times)
    steps = YEAR / series.step.seconds
    # Complete years, counted back from the end.
    year = (np.arange(len(series))[::-1] / steps).astype(np.int64)
    observed = np.isfinite(anomalies)
    counts = np.bincount(year, observed)
    sums = np.bincount(year, np.where(observed, anomalies, 0.0))
    means: Floats = np.where(counts >= steps / 2, sums / np.maximum(counts, 1), np.nan)[::-1]
    return means
