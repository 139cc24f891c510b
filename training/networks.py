"""The network: one architecture for the three cells."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.series import SstSeries
from forecasting.timestep import DAY, YEAR, TimeStep

_CELLS: Final = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True)
class Scaling:
    """What the network's inputs are measured in, taken from the part that it is fitted on.

    Attributes:
        mean: °C.
        std: °C.
        spread: standard deviation of one-step increments, °C.
        annual: whether that part holds every season, so that the time of year may be used.
    """

    mean: float
    std: float
    spread: float
    annual: bool

    @classmethod
    def of(cls, series: SstSeries) -> "Scaling":
        """From the part that the network is fitted on."""
        return cls(
            mean=float(np.nanmean(series.values)),
            std=float(np.nanstd(series.values)),
            spread=float(np.nanstd(np.diff(series.values))),
            annual=series.years >= 1.0,
        )


class RecurrentForecaster(nn.Module):
    """A recurrent cell read out at the last step.

    For each step of the window it sees the value relative to the last one, the standardised level, and where the
    step stands in the year and, under daily steps, in the day. Its output is the increment from the last value.
    """

    def __init__(self, cell: str, hidden: int, layers: int, window: int, step: TimeStep, scaling: Scaling) -> None:
        super().__init__()
        self.offsets: Tensor
        self.window = window
        self.step_seconds = step.seconds
        self.mean = scaling.mean
        self.std = scaling.std
        self.spread = scaling.spread
        self.annual = scaling.annual
        self.daily = step.is_under_a_day
        self.year = YEAR
        self.day = DAY
        inputs = 2 + 2 * self.annual + 2 * self.daily
        self.cell = _CELLS[cell](inputs, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, 1)
        offsets = torch.arange(-window, 0, dtype=torch.float64) * step.seconds
        self.register_buffer("offsets", offsets, persistent=False)

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast one step.

        Args:
            sst: °C, float32 ``(batch, window)``.
            valid_time: Unix seconds of the step to forecast, float64 ``(batch,)``.

        Returns:
            °C, float32 ``(batch,)``.
        """
        last = sst[:, -1:]
        columns = [(sst - last) / self.spread, (sst - self.mean) / self.std]
        seconds = valid_time.unsqueeze(1) + self.offsets
        if self.annual:
            columns += _circle(seconds, self.year)
        if self.daily:
            columns += _circle(seconds, self.day)
        states, _ = self.cell(torch.stack(columns, dim=2))
        increment: Tensor = self.head(states[:, -1])[:, 0]
        return last[:, 0] + self.spread * increment


def _circle(seconds: Tensor, period: int) -> list[Tensor]:
    """Cosine and sine of the phase, reckoned in float64: Unix seconds overflow the precision of float32."""
    angle = (torch.remainder(seconds, period) * (2 * torch.pi / period)).to(torch.float32)
    return [torch.cos(angle), torch.sin(angle)]
