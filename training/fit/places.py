"""Places that share one network: which of them a window comes from, and what is usual there.

A network fitted to several places knows only one level for all of them, which fits none. But a window mostly reveals
where it was observed: each place has its own seasonal cycle, and few of them match the window. Part of the forecast is
therefore made for the difference between the window and what is usual at the places that match.
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
from training.data.dataset import JoinedSeries, parts_of
from training.data.inputs import Calendar, Examples

FAR_OFFSET_STDS: Final = 2.0
"""Offset of a window's mean, in standard deviations, beyond which the window is assumed to come from a new place."""

STRANGE_MISFIT_VARIANCES: Final = 3.0
"""Mean square misfit of a window, in variances of the anomalies, beyond which its place becomes less certain."""

ALIKE_CYCLES_VARIANCES: Final = 0.1
"""Spread of the cycles of matching places, in variances of the anomalies, at which the certainty is half."""

_MIN_VARIANCE: Final = 1e-9
"""°C squared."""

_MAX_CHUNK_VALUES: Final = 2_000_000
"""Largest number of values to process at once; an example has one for each calendar column and place."""


class Places(nn.Module):
    """Seasonal cycles of places, and the probability that a window comes from each."""

    def __init__(self, series: Sequence[SstSeries], window: int) -> None:
        """Fit the cycles of at least two series of one step, each with data from every season."""
        super().__init__()
        self.ahead: Tensor
        self.fitted: Tensor
        self.squares: Tensor
        self.past: Tensor
        step = series[0].step
        self.window = window
        self.calendar = Calendar(ANNUAL_HARMONICS, step.daily_harmonics(DAILY_HARMONICS))
        cycles = torch.stack([self._cycle(place) for place in series], dim=1)
        anomalies = [self._anomaly(place, cycle) for place, cycle in zip(series, cycles.T, strict=True)]
        self.anomalies = JoinedSeries.of(anomalies)
        # Relative to their middle, so that single precision can distinguish nearly equal squares.
        self.middle = float(cycles[0].mean())
        cycles[0] -= self.middle
        turned = [self.calendar.turn((position - window) * step.seconds) @ cycles for position in range(window)]
        past = torch.stack(turned, dim=1)
        squares = torch.einsum("itp,jtp->ijp", past, past) / window
        self.register_buffer("ahead", cycles.float(), persistent=False)
        self.register_buffer("fitted", past.transpose(0, 1).flatten(1), persistent=False)
        self.register_buffer("squares", squares.flatten(0, 1), persistent=False)
        self.register_buffer("past", past.permute(2, 0, 1).flatten(1).float(), persistent=False)
        values = [anomaly.values for anomaly in anomalies]
        variance = float(np.nanvar(np.concatenate(values))) + _MIN_VARIANCE
        # Effective number of independent values in a window.
        count = min(max(variance / (_square_of_means(values, window) + _MIN_VARIANCE), 1.0), float(window))
        self.sharpness = count / 2 / variance
        self.strange = STRANGE_MISFIT_VARIANCES * variance
        self.alike = ALIKE_CYCLES_VARIANCES * variance
        self.far = FAR_OFFSET_STDS * math.sqrt(variance / count)

    def forward(self, sst: Tensor, valid_time: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Estimate what is usual at the place that a window comes from.

        The probability of each place assumes normally distributed anomalies. If the mean of the window is still far
        from what is usual, the place is assumed to be warmer or colder than the known ones by that offset.
        """
        # Expand the square of the difference, to avoid a comparison with each place at every step.
        season = self.calendar(valid_time)
        exact, level = season.double(), (sst - self.middle).double()
        batch, columns = season.shape
        pairs = (exact.unsqueeze(2) * exact.unsqueeze(1)).flatten(1)
        along = (level @ self.fitted).view(batch, columns, -1).mul_(exact.unsqueeze(2)).sum(1) / self.window
        misfit = (level.square().mean(1, keepdim=True) + pairs @ self.squares - 2 * along).to(sst.dtype)
        shares = torch.softmax(-self.sharpness * misfit, dim=1)
        past = (shares @ self.past).view(batch, columns, self.window)
        usual = (past * season.unsqueeze(2)).sum(1) + self.middle
        anomaly = (sst - usual).mean(1)
        beyond = torch.clamp(1 - (self.far / anomaly.abs().clamp_min(1e-6)).square(), min=0.0)
        offset = anomaly * beyond
        strange = (misfit * shares).sum(1) / self.strange
        ahead = season @ self.ahead
        apart_ahead = (shares * (ahead - (shares * ahead).sum(1, keepdim=True)).square()).sum(1)
        alike = 1 / (1 + apart_ahead / self.alike)
        sure = torch.maximum(shares.amax(1).square(), alike) / strange.clamp_min(1.0)
        return usual + offset.unsqueeze(1), shares, offset, sure

    def at(self, valid_time: Tensor, shares: Tensor, offset: Tensor) -> Tensor:
        """Return the usual SST at a time, °C ``(batch,)``; ``shares`` and ``offset`` are those of :meth:`forward`."""
        usual: Tensor = ((self.calendar(valid_time) @ self.ahead) * shares).sum(1) + offset + self.middle
        return usual

    @classmethod
    def of(cls, seen: SstSeries, config: TrainingConfig) -> "Places | None":
        """Return the places in the data of a fit; None for fewer than two places with data from every season.

        Also None without an autoregression, which the companion network consists of.
        """
        complete = [part for part in parts_of(seen) if part.seasonal_years]
        return cls(complete, config.window) if len(complete) > 1 and config.autoregression else None

    @torch.no_grad()
    def relative(self, examples: Examples) -> Examples:
        """Return the windows and targets minus what is usual at the place that the window seems to come from."""
        rows = max(1, _MAX_CHUNK_VALUES // self.fitted.shape[1])
        tensors = (examples.sst, examples.valid_time, examples.target)
        chunks = zip(*(tensor.split(rows) for tensor in tensors), strict=True)
        windows, targets = [], []
        for sst, times, target in chunks:
            usual, shares, offset, _ = self(sst, times[:, 0])
            windows.append(sst - usual)
            ahead = [self.at(time, shares, offset) for time in times.T]
            targets.append(target - torch.stack(ahead, dim=1))
        return Examples(torch.cat(windows), examples.valid_time, torch.cat(targets))

    def _cycle(self, series: SstSeries) -> Tensor:
        """Return the seasonal cycle of a series, as weights of the calendar, float64 ``(columns,)``."""
        observed = np.isfinite(series.values)
        calendar = self.calendar(torch.from_numpy(unix_seconds(series.times[observed]))).double()
        values = torch.from_numpy(series.values[observed])[:, None]
        cycle: Tensor = torch.linalg.lstsq(calendar, values, driver="gelsd").solution[:, 0]
        return cycle

    def _anomaly(self, series: SstSeries, cycle: Tensor) -> SstSeries:
        usual: Floats = (self.calendar(torch.from_numpy(unix_seconds(series.times))).double() @ cycle).numpy()
        return SstSeries(series.values - usual, series.start, series.step)


def _square_of_means(anomalies: Sequence[Floats], window: int) -> float:
    """Return the mean square of the means of all windows that are at least half observed; 0 if there are none."""
    ones, means = np.ones(window), [np.empty(0)]
    for values in anomalies:
        if len(values) >= window:
            observed = np.isfinite(values)
            sums = np.convolve(np.where(observed, values, 0.0), ones, "valid")
            counts = np.convolve(observed, ones, "valid")
            enough = counts >= window / 2
            means.append(sums[enough] / counts[enough])
    together = np.concatenate(means)
    return float((together**2).mean()) if len(together) else 0.0
