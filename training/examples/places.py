"""Several places that one network forecasts: which of them a window comes from, and what is usual there.

A network that is fitted to places that are little alike knows one level for all, and so has none to return to. But a
window mostly tells where it was observed: each place has a seasonal cycle of its own, and few of them fit. So a
share of such a network's forecast is made on what a window differs by from what is usual at the places that it fits.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.references.climatology import ANNUAL_HARMONICS, DAILY_HARMONICS
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, unix_seconds
from training.config import TrainingConfig
from training.examples.inputs import Calendar
from training.examples.panel import JoinedSeries, parts_of
from training.examples.windows import Examples

FAR_OFFSET_STDS: Final = 2.0
"""Spreads of windows' means about what is usual, beyond which a window is taken to come from a place not seen."""

STRANGE_MISFIT_VARIANCES: Final = 3.0
"""Variances of the places' anomalies, beyond which a window's mean square from what is usual makes a place unsure."""

ALIKE_CYCLES_VARIANCES: Final = 0.1
"""Variances of the places' anomalies, by which cycles may be apart for a window that fits several to be half sure."""

_MIN_VARIANCE: Final = 1e-9
"""°C squared."""

_VALUES_AT_ONCE: Final = 2_000_000
"""Values that are looked at together: an example has one for every term of its season and every place."""


class Places(nn.Module):
    """The seasonal cycles of places, and how likely a window is to come from each.

    Attributes:
        anomalies: the series less their cycles, °C.
    """

    def __init__(self, series: Sequence[SstSeries], window: int) -> None:
        """Of series of one step, two at least, each of which holds every season."""
        super().__init__()
        self.ahead: Tensor
        self.fitted: Tensor
        self.squares: Tensor
        self.past: Tensor
        step = series[0].step
        self.window = window
        self.calendar = Calendar(ANNUAL_HARMONICS, step.daily_harmonics(DAILY_HARMONICS))
        cycles = torch.stack([self._cycle(one) for one in series], dim=1)
        anomalies = [self._less_usual(one, cycle) for one, cycle in zip(series, cycles.T, strict=True)]
        self.anomalies = JoinedSeries.of(anomalies)
        # Counted from their middle, so that single precision tells squares apart that are nearly the same.
        self.middle = float(cycles[0].mean())
        cycles[0] -= self.middle
        turned = [self.calendar.turn((place - window) * step.seconds) @ cycles for place in range(window)]
        past = torch.stack(turned, dim=1)
        squares = torch.einsum("itp,jtp->ijp", past, past) / window
        self.register_buffer("ahead", cycles.float(), persistent=False)
        self.register_buffer("fitted", past.transpose(0, 1).flatten(1), persistent=False)
        self.register_buffer("squares", squares.flatten(0, 1), persistent=False)
        self.register_buffer("past", past.permute(2, 0, 1).flatten(1).float(), persistent=False)
        values = [one.values for one in anomalies]
        variance = float(np.nanvar(np.concatenate(values))) + _MIN_VARIANCE
        # As of so many values that do not resemble each other.
        count = min(max(variance / (_square_of_means(values, window) + _MIN_VARIANCE), 1.0), float(window))
        self.sharpness = count / 2 / variance
        self.strange = STRANGE_MISFIT_VARIANCES * variance
        self.alike = ALIKE_CYCLES_VARIANCES * variance
        self.far = FAR_OFFSET_STDS * math.sqrt(variance / count)

    def forward(self, sst: Tensor, valid_time: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What is usual where a window seems to come from.

        The places' cycles are weighted as a normal distribution of anomalies has it. A window whose mean still lies
        far off is taken to come from a place that is by so much warmer or colder.

        Args:
            sst: °C, ``(batch, window)``.
            valid_time: Unix seconds of the step after the window, float64 ``(batch,)``.

        Returns:
            °C at the window's steps, ``(batch, window)``; shares of the places, ``(batch, places)``; °C that is added
            to all, ``(batch,)``; and how sure that is, from 0 to 1, ``(batch,)``: the square of the likeliest place's
            share, or more where the others' cycles say the same, and less where the window fits none.
        """
        # The square of a difference multiplied out: no window is held against each place step by step.
        season = self.calendar(valid_time)
        exact, level = season.double(), (sst - self.middle).double()
        every, columns = season.shape
        pairs = (exact.unsqueeze(2) * exact.unsqueeze(1)).flatten(1)
        along = (level @ self.fitted).view(every, columns, -1).mul_(exact.unsqueeze(2)).sum(1) / self.window
        misfit = (level.square().mean(1, keepdim=True) + pairs @ self.squares - 2 * along).to(sst.dtype)
        shares = torch.softmax(-self.sharpness * misfit, dim=1)
        past = (shares @ self.past).view(every, columns, self.window)
        usual = (past * season.unsqueeze(2)).sum(1) + self.middle
        apart = (sst - usual).mean(1)
        beyond = torch.clamp(1 - (self.far / apart.abs().clamp_min(1e-6)).square(), min=0.0)
        offset = apart * beyond
        strange = (misfit * shares).sum(1) / self.strange
        ahead = season @ self.ahead
        apart_ahead = (shares * (ahead - (shares * ahead).sum(1, keepdim=True)).square()).sum(1)
        alike = 1 / (1 + apart_ahead / self.alike)
        sure = torch.maximum(shares.amax(1).square(), alike) / strange.clamp_min(1.0)
        return usual + offset.unsqueeze(1), shares, offset, sure

    def at(self, valid_time: Tensor, shares: Tensor, offset: Tensor) -> Tensor:
        """What is usual there at a time, °C ``(batch,)``; arguments as :meth:`forward` takes and returns them."""
        usual: Tensor = ((self.calendar(valid_time) @ self.ahead) * shares).sum(1) + offset + self.middle
        return usual

    @classmethod
    def of(cls, seen: SstSeries, config: TrainingConfig) -> "Places | None":
        """Of what a fit sees; None where fewer than two places were seen at every season.

        And where networks are to have no autoregression, of which what they would be mixed with is made.
        """
        known = [one for one in parts_of(seen) if one.seasonal_years]
        return cls(known, config.window) if len(known) > 1 and config.autoregression else None

    @torch.no_grad()
    def relative(self, examples: Examples) -> Examples:
        """Windows and targets less what is usual where the window seems to come from."""
        rows = max(1, _VALUES_AT_ONCE // self.fitted.shape[1])
        parts = zip(*(one.split(rows) for one in (examples.sst, examples.valid_time, examples.target)), strict=True)
        windows, targets = [], []
        for sst, times, target in parts:
            usual, shares, offset, _ = self(sst, times[:, 0])
            windows.append(sst - usual)
            ahead = [self.at(time, shares, offset) for time in times.T]
            targets.append(target - torch.stack(ahead, dim=1))
        return Examples(torch.cat(windows), examples.valid_time, torch.cat(targets))

    def _cycle(self, series: SstSeries) -> Tensor:
        """Weights of the calendar, float64 ``(columns,)``."""
        observed = np.isfinite(series.values)
        calendar = self.calendar(torch.from_numpy(unix_seconds(series.times[observed]))).double()
        values = torch.from_numpy(series.values[observed])[:, None]
        cycle: Tensor = torch.linalg.lstsq(calendar, values, driver="gelsd").solution[:, 0]
        return cycle

    def _less_usual(self, series: SstSeries, cycle: Tensor) -> SstSeries:
        usual: Floats = (self.calendar(torch.from_numpy(unix_seconds(series.times))).double() @ cycle).numpy()
        return SstSeries(series.values - usual, series.start, series.step)


def _square_of_means(anomalies: Sequence[Floats], window: int) -> float:
    """Mean square of the means of all windows of which half is known; 0 where there are none."""
    means = [_means(one, window) for one in anomalies if len(one) >= window]
    together = np.concatenate([np.empty(0), *means])
    return float((together**2).mean()) if len(together) else 0.0


def _means(values: Floats, window: int) -> Floats:
    known = np.isfinite(values)
    ones = np.ones(window)
    sums, counts = np.convolve(np.where(known, values, 0.0), ones, "valid"), np.convolve(known, ones, "valid")
    enough = counts >= window / 2
    means: Floats = sums[enough] / counts[enough]
    return means
