"""The universal network: causal features, a regression that adapts to the series, and a recurrent cell."""

from typing import Final

import torch
from torch import Tensor, nn

from training.pretraining.spec import Spec

LEVELS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
"""Probabilities of the quantiles."""

_NORMAL: Final = (-1.96, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.96)
_WIDTH: Final = 128
_CELLS: Final = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class UniversalNetwork(nn.Module):
    """The recurrent cell, and how it is combined with the companion.

    Without the companion, the cell and what is known of the context forecast alone.
    """

    def __init__(
        self, cell: str, spec: Spec, inputs: int, context: int, hidden: int = 64, companion: bool = True
    ) -> None:
        super().__init__()
        self.interpolation: Tensor
        self.roots: Tensor
        self.gaps: Tensor
        self.horizon = spec.horizon
        self.companion = companion
        self.quantiles = len(LEVELS)
        knots = len(spec.knots)
        self.cell = _CELLS[cell](inputs, hidden, 1, batch_first=True)
        self.hidden = nn.Linear(hidden + 3 * knots + context, _WIDTH)
        self.head = nn.Linear(_WIDTH, self.horizon * (1 + self.quantiles))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        leads = torch.arange(1, spec.horizon + 1, dtype=torch.float32)
        self.register_buffer("interpolation", _interpolation(spec.knots, leads))
        self.register_buffer("roots", torch.tensor(spec.knots, dtype=torch.float32).sqrt())
        gaps = torch.diff(torch.tensor(_NORMAL))
        self.register_buffer("gaps", torch.log(torch.expm1(gaps)))

    def run(self, inputs: Tensor) -> Tensor:
        """States of the cell after each step, ``(n, steps, hidden)``."""
        states: Tensor = self.cell(inputs)[0]
        return states

    def forward(self, states: Tensor, mean: Tensor, spread: Tensor, fit: Tensor, context: Tensor) -> Tensor:
        """Forecast scaled increments.

        Args:
            states: of the cell at the origins, float32 ``(n, hidden)``.
            mean: of the companion, ``(n, knots)``.
            spread: of the companion, ``(n, knots)``.
            fit: of the companion, ``(n, knots)``.
            context: ``(n, context)``.

        Returns:
            The mean and the quantiles at each lead, in units of the volatility, ``(n, horizon, 1 + quantiles)``.
        """
        if not self.companion:
            mean, spread, fit = torch.zeros_like(mean), self.roots.expand_as(spread), torch.zeros_like(fit)
        known = torch.cat([states, torch.asinh(mean / self.roots), torch.log(spread / self.roots), fit, context], 1)
        out = self.head(nn.functional.gelu(self.hidden(known))).view(-1, self.horizon, 1 + self.quantiles)
        centre, width = mean @ self.interpolation, spread @ self.interpolation
        average = centre + width * out[:, :, 0]
        middle = self.quantiles // 2
        median = average + width * out[:, :, 1 + middle]
        gaps = torch.cat([out[:, :, 1 : 1 + middle], out[:, :, 2 + middle :]], 2)
        gaps = nn.functional.softplus(gaps + self.gaps) * width.unsqueeze(2)
        below = median.unsqueeze(2) - torch.flip(torch.cumsum(torch.flip(gaps[:, :, :middle], [2]), 2), [2])
        above = median.unsqueeze(2) + torch.cumsum(gaps[:, :, middle:], 2)
        return torch.cat([average.unsqueeze(2), below, median.unsqueeze(2), above], 2)


def _interpolation(knots: tuple[int, ...], leads: Tensor) -> Tensor:
    """Matrix from values at the knots to values at all leads, linear in the square root of the lead."""
    roots = torch.tensor(knots, dtype=torch.float32).sqrt()
    matrix = torch.zeros(len(knots), len(leads))
    for column, lead in enumerate(leads.sqrt().tolist()):
        above = min(int((roots < lead - 1e-6).sum()), len(knots) - 1)
        if above == 0:
            matrix[0, column] = 1
            continue
        low, high = float(roots[above - 1]), float(roots[above])
        share = min(1.0, (lead - low) / (high - low))
        matrix[above - 1, column], matrix[above, column] = 1 - share, share
    return matrix
