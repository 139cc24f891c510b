"""How a place has warmed while it was observed, and goes on to.

A sea that has warmed for forty years is not today what it was on average, and a network that takes the average to be
usual calls every forecast back to it. So the level is counted from a line through the record, which goes on past its
end: a sine of a thousand years, which is one for decades, and never leaves the sea.
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
"""°C a year: how much a sea is taken to warm before its record is seen. Since 1980 the mean of all did by
0.015, before by less (IPCC 2021, AR6 WG I, 9.2.1.1)."""

TREND_PRIOR_STD: Final = 0.015
"""°C a year: how much trends of the sea differ from place to place, as a standard deviation."""

TREND_HALF_LIFE_YEARS: Final = 10.0
"""Years after which a yearly mean counts half as much: warming does not keep its pace."""

MIN_EFFECTIVE_YEARS: Final = 5.0
"""Effective number of yearly means (Kish's), below which nothing is said of a trend."""

_MAX_AUTOCORRELATION: Final = 0.9
"""Correlation of a year's mean with the one before it, at most: of few years it may come out as one."""

_MIN_VARIANCE: Final = 1e-12
"""°C squared: the least that yearly means are taken to vary about the line."""

TREND_SINE_RATE: Final = 2 * math.pi / (1_000 * YEAR)
"""Radians a second of the sine that stands for a line."""


@dataclass(frozen=True)
class Trend:
    """A line.

    Attributes:
        slope: °C a Julian year.
        end: Unix seconds at which it is nothing.
    """

    slope: float
    end: float

    @classmethod
    def of(cls, seen: SstSeries) -> "Trend":
        """Of what a fit sees: the slope of yearly means, the closer to :data:`TREND_PRIOR_MEAN` the less certain it is.

        A year counts the less the older it is. The slope's standard error counts how a year resembles the one before it
        (Santer et al. 2000, J. Geophys. Res. 105, 7337); what is taken is the posterior's mean, of a prior whose
        standard deviation is :data:`TREND_PRIOR_STD`. Of several series, the one slope that they tell together is no
        more certain than that of the one which tells most.
        """
        parts = parts_of(seen)
        found = np.asarray([slope for slope in map(_slope, parts) if slope is not None])
        if not len(found):
            return NO_TREND
        slopes, variances = found.T
        slope, variance = float(np.average(slopes, weights=1 / variances)), float(variances.min())
        end = max(float(unix_seconds(part.times[-1:])[0]) for part in parts)
        return cls((slope * TREND_PRIOR_STD**2 + TREND_PRIOR_MEAN * variance) / (TREND_PRIOR_STD**2 + variance), end)

    @property
    def amplitude(self) -> float:
        """Of the sine, °C."""
        return self.slope / (TREND_SINE_RATE * YEAR)

    def at(self, times: Times) -> Floats:
        """°C at ``times``, of any shape."""
        risen: Floats = self.amplitude * np.sin(TREND_SINE_RATE * (unix_seconds(times) - self.end))
        return risen

    def taken_from(self, seen: SstSeries) -> Floats:
        """The values of ``seen`` without it, °C."""
        return np.concatenate([part.values - self.at(part.times) for part in parts_of(seen)])


NO_TREND: Final = Trend(0.0, 0.0)


def _slope(series: SstSeries) -> tuple[float, float] | None:
    """Of yearly means, °C a year, and the variance of its error; None where there are too few of them."""
    try:
        means = _yearly_means(series)
    except SeriesError:
        return None
    years = np.flatnonzero(np.isfinite(means))
    if not len(years):
        return None
    worth = 0.5 ** ((years[-1] - years) / TREND_HALF_LIFE_YEARS)
    worth /= worth.sum()
    count = 1 / float(worth @ worth)
    if count < MIN_EFFECTIVE_YEARS:
        return None
    centred, known = years - worth @ years, means[years] - worth @ means[years]
    spread = float(worth @ centred**2)
    slope = float(worth @ (centred * known)) / spread
    left = known - slope * centred
    variance = max(float(worth @ left**2), _MIN_VARIANCE)
    resembles = min(max(float(left[1:] @ left[:-1] / (left @ left + _MIN_VARIANCE)), 0.0), _MAX_AUTOCORRELATION)
    return slope, variance / (count - 2) / spread * (1 + resembles) / (1 - resembles)


def _yearly_means(series: SstSeries) -> Floats:
    """Of anomalies, °C, the oldest first; NaN where less than half of a year was observed.

    Raises:
        SeriesError: if too little was observed for a climatology.
    """
    anomalies = series.values - Climatology.fit(series)(series.times)
    steps = YEAR / series.step.seconds
    # Whole years, counted back from the end.
    year = (np.arange(len(series))[::-1] / steps).astype(np.int64)
    observed = np.isfinite(anomalies)
    counts = np.bincount(year, observed)
    sums = np.bincount(year, np.where(observed, anomalies, 0.0))
    means: Floats = np.where(counts >= steps / 2, sums / np.maximum(counts, 1), np.nan)[::-1]
    return means
