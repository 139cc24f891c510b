"""The network: a recurrent cell combined with an autoregression, with one architecture for the three cells."""

from typing import Final

import torch
from torch import Tensor, nn

from forecasting.references.climatology import DAILY_HARMONICS
from forecasting.series.timestep import TimeStep
from training.config import TrainingConfig
from training.data.inputs import TREND_SINE_RATE, Calendar, Scaling
from training.fit.autoregression import SeasonalAutoregression

_CELLS: Final = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentForecaster(nn.Module):
    """A recurrent cell, read out at the last step, combined with a seasonal autoregression.

    For each of the last steps of the window, the cell sees the value relative to the last one, the standardised level,
    and the time of year and, at steps below a day, the time of day. With less than about two years of data it sees
    only the first of these. Its output is added to the increment from the last value that the autoregression forecasts.
    That increment is zero until the autoregression is fitted, after the cell; then :meth:`mix` weights the two.
    """

    def __init__(self, cell: str, config: TrainingConfig, step: TimeStep, scaling: Scaling) -> None:
        super().__init__()
        self.columns: Tensor
        self.window = config.window
        self.layers = config.layers
        self.seen = min(config.cell_window, config.window)
        self.step_seconds = step.seconds
        self.mean = scaling.mean
        self.risen = scaling.trend.amplitude
        self.trend_end = scaling.trend.end
        self.trend_rate = TREND_SINE_RATE
        self.spread = scaling.spread
        annual = max(3, config.harmonics) if scaling.usual else 1
        # Faster daily harmonics are zero or repeat another at every step: their weights would be arbitrary in between.
        self.calendar = Calendar(annual, step.daily_harmonics(DAILY_HARMONICS))
        self.linear = SeasonalAutoregression(config.window, self.calendar, scaling, self.step_seconds)
        seen = self.calendar.positions(config.harmonics, min(1, self.calendar.daily)) if scaling.annual else []
        self.annual = scaling.annual
        self.inputs = 1 + self.annual + len(seen)
        self.cell = _CELLS[cell](self.inputs, config.hidden, config.layers, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden, 1)
        # With these weights the network forecasts persistence.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("columns", self._columns(scaling, seen), persistent=False)

    def _columns(self, scaling: Scaling, seen: list[int]) -> Tensor:
        """Return a matrix from the predictors to the inputs of the cell, all linear, and the calendar of each step."""
        level = self.window
        columns = torch.zeros(len(self.linear.views), self.seen, self.inputs, dtype=torch.float64)
        for step, position in enumerate(range(self.window - self.seen, self.window)):
            columns[position, step, 0] = 1 / scaling.spread
            if scaling.annual:
                columns[[position, level], step, 1] = 1 / scaling.std
                turned = self.calendar.turn((position - self.window) * self.step_seconds)
                columns[level + 1 : -1, step, 2:] = turned[:, seen]
        return columns.flatten(1).to(torch.float32)

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast one step."""
        known, season = self.known(sst, valid_time)
        increment = self.added(known) + self.linear(known, season)
        return torch.add(sst[:, -1], increment, alpha=self.spread)

    def known(self, sst: Tensor, valid_time: Tensor) -> tuple[Tensor, Tensor]:
        """Return predictors of cell and autoregression, and the calendar; for the arguments, see :meth:`forward`."""
        last, season = sst[:, -1:], self.calendar(valid_time)
        level = last - self.mean
        above = level
        if self.risen != 0.0:
            risen = self.risen * torch.sin(self.trend_rate * (valid_time - self.trend_end))
            above = level - risen.to(sst.dtype).unsqueeze(1)
        return torch.cat([sst - last, above, season, level], dim=1), season

    def added(self, known: Tensor) -> Tensor:
        """Return the increment that the cell adds to that of the autoregression, in one-step spreads, ``(batch,)``."""
        states, _ = self.cell((known @ self.columns).view(-1, self.seen, self.inputs))
        increment: Tensor = self.head(self.dropout(states[:, -1]))[:, 0]
        return increment

    def size(self) -> int:
        """Return the number of fitted weights, including those of the autoregression."""
        return sum(weights.numel() for weights in self.parameters()) + int(torch.count_nonzero(self.linear.weights))

    @torch.no_grad()
    def centre(self, known: Tensor) -> None:
        """Make the mean increment of the cell zero over the predictors ``known``, ``(n, …)``."""
        self.head.bias.sub_(self.eval().added(known).mean())

    @torch.no_grad()
    def mix(self, share: float) -> None:
        """Weight the cell by ``share``, and the autoregression by the rest.

        Combining two forecasts with different errors reduces the error (Bates and Granger 1969, Operational Research
        Quarterly 20, 451).
        """
        self.head.weight.mul_(share)
        self.head.bias.mul_(share)
        self.linear.weights.mul_(1 - share)

    @torch.jit.export
    def folded(self) -> dict[str, Tensor]:
        """Return the matrices of :class:`~forecasting.models.place.network.FoldedNetwork`; none for several layers."""
        if self.layers > 1:
            return {}
        size = self.head.weight.shape[1]
        ahead, hidden = self.cell.weight_ih_l0, self.cell.weight_hh_l0
        bias, hidden_bias = self.cell.bias_ih_l0, self.cell.bias_hh_l0.clone()
        gates = torch.arange(len(bias))
        if len(bias) == 4 * size:
            # The gates are input, forget, cell and output; move the three sigmoid gates to the front.
            gates = torch.cat([gates[: 2 * size], gates[3 * size :], gates[2 * size : 3 * size]])
        if len(bias) == 3 * size:
            # The reset gate of a GRU multiplies the hidden bias of the new state; the other hidden biases just add up.
            bias = torch.cat([(bias + hidden_bias)[: 2 * size], bias[2 * size :]])
            hidden_bias[: 2 * size] = 0.0
        else:
            bias = bias + hidden_bias
            hidden_bias = torch.zeros_like(hidden_bias)
        columns = self.columns.view(-1, self.seen, self.inputs).transpose(0, 1)
        inputs = (columns @ ahead.t())[:, :, gates]
        inputs[:, self.window + 1] += bias[gates]
        known, phases, rates = len(self.linear.views), self.calendar.phases, self.calendar.rates
        weights = torch.cat([self._of_level(self.linear.weights[:known]), self.linear.weights[known:]])
        if self.risen != 0.0:
            phases = torch.cat([phases, torch.tensor([-self.trend_rate * self.trend_end], dtype=torch.float64)])
            rates = torch.cat([rates, torch.tensor([self.trend_rate], dtype=torch.float64)])
            weights = torch.cat([weights, torch.zeros_like(weights[:, :1])], dim=1)
        return {
            "phases": phases,
            "rates": rates,
            "mean": torch.tensor(self.mean, dtype=torch.float64),
            "spread": torch.tensor(self.spread, dtype=torch.float64),
            "views": self._of_level(self.linear.views),
            "bounds": self.linear.bounds,
            "weights": weights,
            "inputs": self._of_level(inputs.transpose(0, 1)).transpose(0, 1),
            "hidden": hidden.t()[:, gates],
            "hidden_bias": hidden_bias[gates],
            "head": self.head.weight[0],
            "head_bias": self.head.bias[0],
        }

    def _of_level(self, matrix: Tensor) -> Tensor:
        """Rewrite a ``matrix`` ``(known, …)`` to take the level from the mean only, and the sine of the trend, if any.

        The sine is an additional column at the end of the calendar.
        """
        level, last = self.window, len(matrix) - 1
        rows = matrix[:last].clone()
        rows[level] += matrix[last]
        return rows if self.risen == 0.0 else torch.cat([rows, -self.risen * matrix[level : level + 1]])
