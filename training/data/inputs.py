"""Inputs of a network: the trend that it measures the level from, scaling, calendar, and windows to train on.

A sea that has warmed for forty years is warmer today than on average. A network that takes the average as usual would
pull every forecast back to it. The level is therefore measured from a line through the record that continues past its
end. The line is a sine with a period of a thousand years: straight over decades, yet bounded.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.errors import SeriesError
from forecasting.references.climatology import Climatology
from forecasting.series.origins import Origins
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, YEAR, Floats, Times, unix_seconds
from training.data.dataset import parts_of

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
    """A linear trend."""

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
        """Return the trend at ``times`` of any shape, °C."""
        rise: Floats = self.amplitude * np.sin(TREND_SINE_RATE * (unix_seconds(times) - self.end))
        return rise


NO_TREND: Final = Trend(0.0, 0.0)


def _slope(series: SstSeries) -> tuple[float, float] | None:
    """Return the slope of yearly means, °C a year, and the variance of its error; None if there are too few means."""
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
    """Return the yearly means of anomalies, °C, oldest first; NaN if less than half of a year was observed."""
    anomalies = series.values - Climatology.fit(series)(series.times)
    steps = YEAR / series.step.seconds
    # Complete years, counted back from the end.
    year = (np.arange(len(series))[::-1] / steps).astype(np.int64)
    observed = np.isfinite(anomalies)
    counts = np.bincount(year, observed)
    sums = np.bincount(year, np.where(observed, anomalies, 0.0))
    means: Floats = np.where(counts >= steps / 2, sums / np.maximum(counts, 1), np.nan)[::-1]
    return means


MIN_CELL_YEARS: Final = 1.9
"""Julian years of data that a cell needs to see the level and the calendar."""

HALF_USUAL_YEARS: Final = 3.0
"""Julian years of data at which half of the autoregression assumes that the past shows what is usual."""


@dataclass(frozen=True)
class Scaling:
    """Scaling of a network's inputs, from the data that the network is fitted to."""

    mean: float
    std: float
    spread: float
    years: float
    trend: Trend = NO_TREND

    @property
    def annual(self) -> bool:
        """Whether there are almost two years of data, enough for the cell to see level, season and time of day."""
        return self.years >= MIN_CELL_YEARS

    @property
    def usual(self) -> float:
        """Weight of the autoregression that assumes that the past shows what is usual."""
        return self.years**2 / (self.years**2 + HALF_USUAL_YEARS**2)

    @classmethod
    def of(cls, series: SstSeries, *, trend: bool = True) -> "Scaling":
        """Compute the scaling from the data that the network is fitted to, with or without a trend."""
        fitted_trend = Trend.of(series) if trend else NO_TREND
        level = np.concatenate([part.values - fitted_trend.at(part.times) for part in parts_of(series)])
        return cls(
            mean=float(np.nanmean(level)),
            std=float(np.nanstd(level)),
            spread=float(np.nanstd(np.diff(series.values))),
            years=series.seasonal_years,
            trend=fitted_trend,
        )


class Calendar(nn.Module):
    """The time of year and of day: a constant one, then the cosine and sine of every harmonic."""

    def __init__(self, annual: int, daily: int) -> None:
        super().__init__()
        self.rates: Tensor
        self.phases: Tensor
        self.annual = annual
        self.daily = daily
        frequencies = [harmonic / YEAR for harmonic in range(1, annual + 1)]
        frequencies += [harmonic / DAY for harmonic in range(1, daily + 1)]
        rates = [0.0] + [2 * math.pi * frequency for frequency in frequencies for _ in range(2)]
        phases = [math.pi / 2] + [math.pi / 2, 0.0] * len(frequencies)
        # In float64: Unix seconds exceed the precision of float32.
        self.register_buffer("rates", torch.tensor(rates, dtype=torch.float64), persistent=False)
        self.register_buffer("phases", torch.tensor(phases, dtype=torch.float64), persistent=False)

    def forward(self, time: Tensor) -> Tensor:
        """Return the calendar columns, float32 ``(batch, columns)``, of Unix seconds, float64 ``(batch,)``."""
        columns: Tensor = torch.sin(torch.addcmul(self.phases, time.unsqueeze(1), self.rates)).to(torch.float32)
        return columns

    def positions(self, annual: int, daily: int) -> list[int]:
        """Return the positions of the columns of the first ``annual`` and ``daily`` harmonics."""
        day = 1 + 2 * self.annual
        return [*range(1, 1 + 2 * annual), *range(day, day + 2 * daily)]

    def turn(self, seconds: float) -> Tensor:
        """Return the matrix that turns the calendar of a time, as a row, into that of ``seconds`` later; float64."""
        constant = torch.ones(1, 1, dtype=torch.float64)
        matrix: Tensor = torch.block_diag(constant, *(_rotation(float(rate) * seconds) for rate in self.rates[1::2]))
        return matrix


def _rotation(angle: float) -> Tensor:
    cosine, sine = math.cos(angle), math.sin(angle)
    return torch.tensor([[cosine, sine], [-sine, cosine]], dtype=torch.float64)


@dataclass(frozen=True)
class Examples:
    """Windows, and the values at every lead after them."""

    sst: Tensor
    valid_time: Tensor
    target: Tensor

    @classmethod
    def of(cls, origins: Origins) -> "Examples":
        """Return the examples that start from ``origins``."""
        return cls(
            torch.from_numpy(origins.windows.astype(np.float32)),
            torch.from_numpy(unix_seconds(origins.times)),
            torch.from_numpy(origins.targets.astype(np.float32)),
        )

    def __len__(self) -> int:
        return len(self.target)

    @property
    def leads(self) -> int:
        """Number of leads."""
        return self.target.shape[1]

    def joined(self, other: "Examples") -> "Examples":
        """Return these examples followed by ``other`` ones."""
        return Examples(
            torch.cat([self.sst, other.sst]),
            torch.cat([self.valid_time, other.valid_time]),
            torch.cat([self.target, other.target]),
        )

    def with_next(self) -> "Examples":
        """Return the examples with an observation at the first lead."""
        return self.take(self.target[:, 0].isfinite())

    def take(self, chosen: Tensor | slice) -> "Examples":
        """Return the ``chosen`` examples."""
        return Examples(self.sst[chosen], self.valid_time[chosen], self.target[chosen])

    def to(self, device: torch.device) -> "Examples":
        """Return the examples moved to a ``device``."""
        return Examples(self.sst.to(device), self.valid_time.to(device), self.target.to(device))

    def increments(self, spread: float) -> Tensor:
        """Return the increments from the last value of the window to the first lead, in one-step spreads, ``(n,)``."""
        return (self.target[:, 0] - self.sst[:, -1]) / spread
