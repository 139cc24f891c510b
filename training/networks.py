"""The network: one architecture for the three cells."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.series import SstSeries
from forecasting.timestep import DAY, YEAR, TimeStep
from training.config import TrainingConfig

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
            annual=series.holds_every_season,
        )


class RecurrentForecaster(nn.Module):
    """A recurrent cell read out at the last step.

    For each step of the window it sees the value relative to the last one, the standardised level, and where the
    step stands in the year and, under daily steps, in the day. Its output is the increment from the last value.
    """

    def __init__(self, cell: str, config: TrainingConfig, step: TimeStep, scaling: Scaling) -> None:
        super().__init__()
        window = config.window
        self.offsets: Tensor
        self.window = window
        self.step_seconds = step.seconds
        self.mean = scaling.mean
        self.std = scaling.std
        self.spread = scaling.spread
        self.annual_harmonics = config.harmonics if scaling.annual else 0
        self.daily_harmonics = 1 if step.is_under_a_day else 0
        self.year = YEAR
        self.day = DAY
        inputs = 2 + 2 * (self.annual_harmonics + self.daily_harmonics)
        self.cell = _CELLS[cell](inputs, config.hidden, config.layers, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden, 1)
        # The network begins as persistence.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
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
        columns += _circles(seconds, self.year, self.annual_harmonics)
        columns += _circles(seconds, self.day, self.daily_harmonics)
        states, _ = self.cell(torch.stack(columns, dim=2))
        increment: Tensor = self.head(self.dropout(states[:, -1]))[:, 0]
        return last[:, 0] + self.spread * increment


def _circles(seconds: Tensor, period: int, harmonics: int) -> list[Tensor]:
    """Cosine and sine of the phase, reckoned in float64: Unix seconds overflow the precision of float32."""
    turn = torch.remainder(seconds, period) * (2 * torch.pi / period)
    columns: list[Tensor] = []
    for k in range(1, harmonics + 1):
        angle = (k * turn).to(torch.float32)
        columns += [torch.cos(angle), torch.sin(angle)]
    return columns
