"""The network: one architecture for the three cells, a recurrent cell and an autoregression that forecast together."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.series import SstSeries
from forecasting.timestep import DAY, YEAR, TimeStep
from training.config import TrainingConfig
from training.ridge import ridge, ridge_of_two

_CELLS: Final = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}

_BENT: Final = 7
"""Bent terms before any is multiplied by a harmonic."""


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


class SeasonalAutoregression(nn.Module):
    """An autoregression in closed form whose answer varies with the season and with what the sea is like.

    It stands beside the cell as the autoregressive component of LSTNet does (Lai et al. 2018, SIGIR, 95), but its
    weights come from a regression, not from descent. Each term is something that is known times a column of the
    calendar of the time to forecast. Three harmonics of the year and all of the day stand alone, with a constant; their
    weights are free. Shrunk together are those of the window relative to its last value, of the level, and of the last
    increment and the level times two harmonics of the year. Shrunk for themselves are those of bent terms: products
    of the anomaly, the last increment and the level, kept within bounds, two of them times a harmonic of the year too,
    and the last two increments through tanh, since large ones are answered otherwise than small ones.
    """

    def __init__(self, window: int, calendar: Calendar, scaling: Scaling, step_seconds: float) -> None:
        super().__init__()
        self.weights: Tensor
        self.views: Tensor
        self.bounds: Tensor
        self.std = scaling.std
        self.calendar_before = calendar.turn(-step_seconds)
        self.level = level = window
        columns = len(calendar.rates)
        bent = level + 1 + columns
        alone = [0, *calendar.places(min(calendar.annual, 3), calendar.daily)]
        varying, once = (calendar.places(min(calendar.annual, most), 0) for most in (2, 1))
        self.free = [(level + 1, column) for column in alone]
        self.shrunk = [(row, 0) for row in (*range(window - 1), level)]
        self.shrunk += [(row, column) for row in (window - 2, level) for column in varying]
        self.bent = [(bent + k, 0) for k in range(_BENT)] + [(bent + k, column) for k in range(2) for column in once]
        # Of what the bent terms are made: the last two increments, in spreads; level and anomaly, in deviations.
        views = torch.zeros(level + 1 + columns, 4)
        views[window - 2, 0] = -1 / scaling.spread
        views[level, 2] = 1 / scaling.std
        if window > 2:
            views[window - 3 : window - 1, 1] = torch.tensor([-1.0, 1.0]) / scaling.spread
        self.register_buffer("views", views)
        self.register_buffer("bounds", torch.tensor([3.0, 3.0, 3.0, 2.5]), persistent=False)
        self.register_buffer("weights", torch.zeros(bent + _BENT, columns))

    def forward(self, known: Tensor, season: Tensor) -> Tensor:
        """The increment from the last value, in one-step spreads.

        Args:
            known: the window relative to its last value, °C, the level, °C, and the calendar, ``(batch, …)``.
            season: the calendar of the time to forecast, ``(batch, columns)``.

        Returns:
            ``(batch,)``.
        """
        increment: Tensor = (season * (self.rows(known) @ self.weights)).sum(1)
        return increment

    def rows(self, known: Tensor) -> Tensor:
        """What is known, and the bent terms beside it."""
        seen = known @ self.views
        increment, _, level, anomaly = torch.clamp(seen, -self.bounds, self.bounds).unbind(1)
        products = [anomaly * anomaly, anomaly * increment, increment * increment, level * increment, level * level]
        return torch.cat([known, torch.stack(products, dim=1), torch.tanh(seen[:, :2] / 2)], dim=1)

    @torch.no_grad()
    def fit(self, known: Tensor, season: Tensor, increments: Tensor, time: Tensor) -> None:
        """Take the weights from what was known and what followed.

        A window counts the less the older it is, half at the beginning of what is seen, and the less the more the
        increments of its season scatter.

        Args:
            known: as :meth:`forward` takes it, ``(n, …)``.
            season: likewise, ``(n, columns)``.
            increments: that followed, in one-step spreads, ``(n,)``.
            time: Unix seconds at which they did, ``(n,)``.
        """
        self._see_anomalies(known)
        rows, target = self.rows(known), increments.double()

        def terms(places: list[tuple[int, int]]) -> Tensor:
            known_places, columns = zip(*places, strict=True)
            return (rows[:, known_places] * season[:, columns]).double()

        free, shrunk, bent = terms(self.free), terms(self.shrunk) / self.std, terms(self.bent)
        # In the unit of the others; a term that never varies stays as it is.
        spread = bent.std(0) / shrunk.std(0).median()
        spread = torch.where((spread > 0) & spread.isfinite(), spread, 1.0)
        bent /= spread
        worth = 0.5 ** ((time.max() - time) / (time.max() - time.min()).clamp_min(1.0))
        first = ridge(free, shrunk, target, worth)
        rest = target - torch.cat([free, shrunk], dim=1) @ first
        worth /= _scatter(rest, season[:, :5].double())
        found = ridge_of_two(free, shrunk, bent, target, worth)
        found[len(self.free) :][: len(self.shrunk)] /= self.std
        found[-len(self.bent) :] /= spread
        places, columns = zip(*self.free, *self.shrunk, *self.bent, strict=True)
        self.weights[places, columns] = found.float()

    def _see_anomalies(self, known: Tensor) -> None:
        """Have the view of the anomaly be that from the seasonal cycle of the windows' last values."""
        level, calendar = known[:, self.level].double(), known[:, self.level + 1 :].double() @ self.calendar_before
        cycle = torch.linalg.lstsq(calendar, level[:, None], driver="gelsd").solution[:, 0]
        std = float((level - calendar @ cycle).std())
        if std > 0:
            self.views[self.level, 3] = 1 / std
            self.views[self.level + 1 :, 3] = (-(self.calendar_before @ cycle) / std).float()


def _scatter(rest: Tensor, calendar: Tensor) -> Tensor:
    """Variance of ``rest`` by season: its logarithm regressed on the calendar, ``(n,)``."""
    logarithm = torch.log(rest**2 + 0.01 * rest.var() + torch.finfo(torch.float64).tiny)
    fitted: Tensor = calendar @ torch.linalg.lstsq(calendar, logarithm[:, None], driver="gelsd").solution[:, 0]
    return torch.exp(fitted)


class RecurrentForecaster(nn.Module):
    """A recurrent cell read out at the last step, beside a seasonal autoregression.

    For each of the last steps of the window the cell sees the value relative to the last one, the standardised level,
    and where the step stands in the year and, under daily steps, in the day. Its output is added to the increment from
    the last value that the autoregression gives, which is nothing until it is fitted, after the cell has learnt; then
    :meth:`mix` gives each of the two its share.
    """

    def __init__(self, cell: str, config: TrainingConfig, step: TimeStep, scaling: Scaling) -> None:
        super().__init__()
        self.columns: Tensor
        self.window = config.window
        self.layers = config.layers
        self.seen = min(config.cell_window, config.window)
        self.step_seconds = step.seconds
        self.mean = scaling.mean
        self.spread = scaling.spread
        self.calendar = Calendar(max(3, config.harmonics) if scaling.annual else 0, 2 if step.is_under_a_day else 0)
        self.linear = SeasonalAutoregression(config.window, self.calendar, scaling, self.step_seconds)
        seen = self.calendar.places(config.harmonics if scaling.annual else 0, 1 if step.is_under_a_day else 0)
        self.inputs = 2 + len(seen)
        self.cell = _CELLS[cell](self.inputs, config.hidden, config.layers, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden, 1)
        # The network begins as persistence.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("columns", self._columns(scaling, seen), persistent=False)

    def _columns(self, scaling: Scaling, seen: list[int]) -> Tensor:
        """Matrix from what is known to what the cell sees: all of it is linear, the calendar of each step too."""
        level = self.window
        columns = torch.zeros(level + 1 + len(self.calendar.rates), self.seen, self.inputs, dtype=torch.float64)
        for step, place in enumerate(range(self.window - self.seen, self.window)):
            columns[place, step, 0] = 1 / scaling.spread
            columns[[place, level], step, 1] = 1 / scaling.std
            columns[level + 1 :, step, 2:] = self.calendar.turn((place - self.window) * self.step_seconds)[:, seen]
        return columns.flatten(1).to(torch.float32)

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast one step.

        Args:
            sst: °C, float32 ``(batch, window)``.
            valid_time: Unix seconds of the step to forecast, float64 ``(batch,)``.

        Returns:
            °C, float32 ``(batch,)``.
        """
        known, season = self.known(sst, valid_time)
        increment = self.added(known) + self.linear(known, season)
        return torch.add(sst[:, -1], increment, alpha=self.spread)

    def known(self, sst: Tensor, valid_time: Tensor) -> tuple[Tensor, Tensor]:
        """What the cell and the autoregression take; arguments as those of :meth:`forward`."""
        last, season = sst[:, -1:], self.calendar(valid_time)
        return torch.cat([sst - last, last - self.mean, season], dim=1), season

    def added(self, known: Tensor) -> Tensor:
        """What the cell adds to the autoregression, in one-step spreads, ``(batch,)``."""
        states, _ = self.cell((known @ self.columns).view(-1, self.seen, self.inputs))
        increment: Tensor = self.head(self.dropout(states[:, -1]))[:, 0]
        return increment

    def size(self) -> int:
        """Number of fitted weights, the autoregression's among them."""
        return sum(weights.numel() for weights in self.parameters()) + int(torch.count_nonzero(self.linear.weights))

    @torch.no_grad()
    def mix(self, share: float) -> None:
        """From now on forecast by ``share`` of what the cell says and the rest of what the autoregression does.

        Two forecasts of the same that err differently are better together (Bates and Granger 1969, Operational
        Research Quarterly 20, 451).
        """
        self.head.weight.mul_(share)
        self.head.bias.mul_(share)
        self.linear.weights.mul_(1 - share)

    @torch.jit.export
    def folded(self) -> dict[str, Tensor]:
        """The matrices of :class:`~forecasting.folded.FoldedNetwork`; none where the cell has more than one layer."""
        if self.layers > 1:
            return {}
        size = self.head.weight.shape[1]
        ahead, hidden = self.cell.weight_ih_l0, self.cell.weight_hh_l0
        bias, hidden_bias = self.cell.bias_ih_l0, self.cell.bias_hh_l0.clone()
        gates = torch.arange(len(bias))
        if len(bias) == 4 * size:
            # Input, forget, cell, output: the three that are sigmoids first.
            gates = torch.cat([gates[: 2 * size], gates[3 * size :], gates[2 * size : 3 * size]])
        if len(bias) == 3 * size:
            # A GRU's reset multiplies the new state's; the rest are added to the inputs'.
            bias = torch.cat([(bias + hidden_bias)[: 2 * size], bias[2 * size :]])
            hidden_bias[: 2 * size] = 0.0
        else:
            bias = bias + hidden_bias
            hidden_bias = torch.zeros_like(hidden_bias)
        columns = self.columns.view(-1, self.seen, self.inputs).transpose(0, 1)
        inputs = (columns @ ahead.t())[:, :, gates]
        inputs[:, self.window + 1] += bias[gates]
        return {
            "phases": self.calendar.phases,
            "rates": self.calendar.rates,
            "mean": torch.tensor(self.mean, dtype=torch.float64),
            "spread": torch.tensor(self.spread, dtype=torch.float64),
            "views": self.linear.views,
            "bounds": self.linear.bounds,
            "weights": self.linear.weights,
            "inputs": inputs,
            "hidden": hidden.t()[:, gates],
            "hidden_bias": hidden_bias[gates],
            "head": self.head.weight[0],
            "head_bias": self.head.bias[0],
        }
