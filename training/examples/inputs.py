"""What a network's inputs are measured in, and where they stand in the year and in the day."""

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
"""Julian years that have to be seen before a cell is told what they were like."""

HALF_USUAL_YEARS: Final = 3.0
"""Julian years, of which half of the autoregression takes what was seen to be usual."""


@dataclass(frozen=True)
class Scaling:
    """What the network's inputs are measured in, taken from the part that it is fitted on.

    Attributes:
        mean: of the level from the trend, °C.
        std: standard deviation of the level from the trend, °C.
        spread: standard deviation of one-step increments, °C.
        years: Julian years that say what is usual; 0 where less than one was seen, or not every season.
        trend: of the level.
    """

    mean: float
    std: float
    spread: float
    years: float
    trend: Trend = NO_TREND

    @property
    def annual(self) -> bool:
        """Whether close to two years were seen, so that the cell may be told level, season and time of day."""
        return self.years >= MIN_CELL_YEARS

    @property
    def usual(self) -> float:
        """Share of the autoregression that takes what was seen to be usual, beside one that does not."""
        return self.years**2 / (self.years**2 + HALF_USUAL_YEARS**2)

    @classmethod
    def of(cls, series: SstSeries, *, trend: bool = True) -> "Scaling":
        """From the part that the network is fitted on; without ``trend``, as if there were none."""
        risen = Trend.of(series) if trend else NO_TREND
        level = risen.taken_from(series)
        return cls(
            mean=float(np.nanmean(level)),
            std=float(np.nanstd(level)),
            spread=float(np.nanstd(np.diff(series.values))),
            years=series.seasonal_years,
            trend=risen,
        )


class Calendar(nn.Module):
    """Where a time stands in the year and in the day: one, then cosine and sine of every harmonic.

    Args:
        annual: harmonics of the year.
        daily: harmonics of the day.
    """

    def __init__(self, annual: int, daily: int) -> None:
        super().__init__()
        self.rates: Tensor
        self.phases: Tensor
        self.annual = annual
        self.daily = daily
        turns = [k / YEAR for k in range(1, annual + 1)] + [k / DAY for k in range(1, daily + 1)]
        rates = [0.0] + [2 * math.pi * turn for turn in turns for _ in range(2)]
        phases = [math.pi / 2] + [math.pi / 2, 0.0] * len(turns)
        # In float64: Unix seconds overflow the precision of float32.
        self.register_buffer("rates", torch.tensor(rates, dtype=torch.float64), persistent=False)
        self.register_buffer("phases", torch.tensor(phases, dtype=torch.float64), persistent=False)

    def forward(self, time: Tensor) -> Tensor:
        """Of Unix seconds, float64 ``(batch,)``: float32 ``(batch, columns)``."""
        columns: Tensor = torch.sin(torch.addcmul(self.phases, time.unsqueeze(1), self.rates)).to(torch.float32)
        return columns

    def places(self, annual: int, daily: int) -> list[int]:
        """Columns of the first so many harmonics of the year and of the day."""
        day = 1 + 2 * self.annual
        return [*range(1, 1 + 2 * annual), *range(day, day + 2 * daily)]

    def turn(self, seconds: float) -> Tensor:
        """Matrix that takes the calendar of a time, as a row, to that of ``seconds`` later; float64."""
        one = torch.ones(1, 1, dtype=torch.float64)
        matrix: Tensor = torch.block_diag(one, *(_rotation(float(rate) * seconds) for rate in self.rates[1::2]))
        return matrix


def _rotation(angle: float) -> Tensor:
    cosine, sine = math.cos(angle), math.sin(angle)
    return torch.tensor([[cosine, sine], [-sine, cosine]], dtype=torch.float64)
