"""The network: one architecture for the three cells, a linear forecast plus what a recurrent cell adds to it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.series import SstSeries
from forecasting.timestep import DAY, YEAR, TimeStep
from training.config import TrainingConfig
from training.ridge import ridge

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


class SeasonalAutoregression(nn.Module):
    """A linear autoregression whose answer to the last value and to the last increment varies with the season.

    It stands beside the cell as the autoregressive component of LSTNet does (Lai et al. 2018, SIGIR, 95), but its
    weights come from a regression, not from descent. Its terms are a constant and harmonics of the time to forecast,
    whose weights are free; and, shrunk together, the window relative to its last value, the level, and the last
    increment and the level times harmonics of the year. All but the harmonics are in standard deviations of the series.
    """

    def __init__(self, window: int, step: TimeStep, scaling: Scaling) -> None:
        super().__init__()
        self.mean = scaling.mean
        self.std = scaling.std
        self.spread = scaling.spread
        self.annual_harmonics = 3 if scaling.annual else 0
        self.varying_harmonics = 2 if scaling.annual else 0
        self.daily_harmonics = 2 if step.is_under_a_day else 0
        self.year = YEAR
        self.day = DAY
        free = 1 + 2 * (self.annual_harmonics + self.daily_harmonics)
        self.weights = nn.Parameter(torch.zeros(free + window + 4 * self.varying_harmonics), requires_grad=False)

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """The increment from the last value, in one-step spreads, ``(batch,)``; arguments as the network's."""
        free, shrunk = self.terms(sst, valid_time)
        increment: Tensor = torch.cat([free, shrunk], dim=1) @ self.weights
        return increment

    @torch.jit.export
    def terms(self, sst: Tensor, valid_time: Tensor) -> tuple[Tensor, Tensor]:
        """Free and shrunk terms, ``(batch, …)``."""
        relative = (sst[:, :-1] - sst[:, -1:]) / self.std
        level = (sst[:, -1:] - self.mean) / self.std
        free, shrunk = [torch.ones_like(level)], [relative, level]
        if self.annual_harmonics > 0:
            season = _circle(valid_time, self.year, self.annual_harmonics)
            varying = season[:, :, : self.varying_harmonics].flatten(1)
            latest = torch.cat([relative[:, -1:], level], dim=1)
            free.append(season.flatten(1))
            shrunk.append((latest.unsqueeze(2) * varying.unsqueeze(1)).flatten(1))
        if self.daily_harmonics > 0:
            free.append(_circle(valid_time, self.day, self.daily_harmonics).flatten(1))
        return torch.cat(free, dim=1), torch.cat(shrunk, dim=1)

    @torch.no_grad()
    def fit(self, sst: Tensor, valid_time: Tensor, target: Tensor) -> None:
        """Take the weights from windows, their valid times and the °C that followed, ``(n,)``."""
        free, shrunk = self.terms(sst, valid_time)
        increments = (target - sst[:, -1]) / self.spread
        self.weights.copy_(ridge(free.double(), shrunk.double(), increments.double()))


class RecurrentForecaster(nn.Module):
    """A recurrent cell read out at the last step, beside a seasonal autoregression.

    For each step of the window the cell sees the value relative to the last one, the standardised level, and where the
    step stands in the year and, under daily steps, in the day. Its output is added to the increment from the last value
    that the autoregression gives.
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
        self.linear = SeasonalAutoregression(window, step, scaling)
        self.cell = _CELLS[cell](inputs, config.hidden, config.layers, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden, 1)
        # The cell begins by adding nothing: the network begins as the autoregression, and as persistence before that.
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
        increment = increment + self.linear(sst, valid_time)
        return last[:, 0] + self.spread * increment


def _circles(seconds: Tensor, period: int, harmonics: int) -> list[Tensor]:
    """Cosine and sine of the phase, reckoned in float64: Unix seconds overflow the precision of float32."""
    turn = torch.remainder(seconds, period) * (2 * torch.pi / period)
    columns: list[Tensor] = []
    for k in range(1, harmonics + 1):
        angle = (k * turn).to(torch.float32)
        columns += [torch.cos(angle), torch.sin(angle)]
    return columns


def _circle(seconds: Tensor, period: int, harmonics: int) -> Tensor:
    """The same at one time each, in fewer operations: ``(batch,)`` to ``(batch, 2, harmonics)``."""
    turn = torch.remainder(seconds, period) * (2 * torch.pi / period)
    angles = (turn.unsqueeze(1) * torch.arange(1, harmonics + 1, device=seconds.device)).to(torch.float32)
    return torch.stack([torch.cos(angles), torch.sin(angles)], dim=1)
