"""Inputs of a network: their scaling, and the calendar."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, YEAR
from training.examples.trend import NO_TREND, Trend

MIN_CELL_YEARS: Final = 1.9
"""Julian years of data that a cell needs to see the level and the calendar."""

HALF_USUAL_YEARS: Final = 3.0
"""Julian years of data at which half of the autoregression assumes that the past shows what is usual."""


@dataclass(frozen=True)
class Scaling:
    """Scaling of a network's inputs, from the data that the network is fitted to.

    Attributes:
        mean: of the level above the trend, °C.
        std: standard deviation of the level above the trend, °C.
        spread: standard deviation of one-step increments, °C.
        years: Julian years of data that show what is usual; 0 for less than one, or if a season is missing.
        trend: of the level.
    """

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
        level = fitted_trend.removed_from(series)
        return cls(
            mean=float(np.nanmean(level)),
            std=float(np.nanstd(level)),
            spread=float(np.nanstd(np.diff(series.values))),
            years=series.seasonal_years,
            trend=fitted_trend,
        )


class Calendar(nn.Module):
    """The time of year and of day: a constant one, then the cosine and sine of every harmonic.

    Args:
        annual: number of annual harmonics.
        daily: number of daily harmonics.
    """

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
        """Calendar columns, float32 ``(batch, columns)``, of Unix seconds, float64 ``(batch,)``."""
        columns: Tensor = torch.sin(torch.addcmul(self.phases, time.unsqueeze(1), self.rates)).to(torch.float32)
        return columns

    def places(self, annual: int, daily: int) -> list[int]:
        """Positions of the columns of the first ``annual`` and ``daily`` harmonics."""
        day = 1 + 2 * self.annual
        return [*range(1, 1 + 2 * annual), *range(day, day + 2 * daily)]

    def turn(self, seconds: float) -> Tensor:
        """Matrix that turns the calendar of a time, as a row, into that of ``seconds`` later; float64."""
        constant = torch.ones(1, 1, dtype=torch.float64)
        matrix: Tensor = torch.block_diag(constant, *(_rotation(float(rate) * seconds) for rate in self.rates[1::2]))
        return matrix


def _rotation(angle: float) -> Tensor:
    cosine, sine = math.cos(angle), math.sin(angle)
    return torch.tensor([[cosine, sine], [-sine, cosine]], dtype=torch.float64)
