"""Rolling origins: every step of a part is forecast from the window before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from forecasting.series.shape import ForecastShape, fill_gaps
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times
from forecasting.series.timestep import TimeStep


class Roller(Protocol):
    """Anything that forecasts from windows: a network or a reference."""

    def roll(self, windows: Floats, valid_time: Times, horizon: int) -> Floats:
        """Forecast ``horizon`` leads.

        Args:
            windows: °C without gaps, ``(n, window)``.
            valid_time: valid time of lead 1, ``(n,)``.
            horizon: number of leads.

        Returns:
            °C, ``(n, horizon)``.
        """
        ...


@dataclass(frozen=True)
class Origins:
    """Windows of one series, and the values that followed.

    Attributes:
        windows: °C, ``(n, window)``, short gaps interpolated; the last value of each is an observation.
        valid_time: the valid time of lead 1, ``(n,)``.
        targets: °C, ``(n, horizon)``; NaN where nothing was observed or the time is outside the part.
        position: the position of lead 1 in the series, ``(n,)``.
    """

    windows: Floats
    valid_time: Times
    targets: Floats
    position: npt.NDArray[np.int64]
    step: TimeStep

    @property
    def times(self) -> Times:
        """Valid times, ``(n, horizon)``."""
        return self.step.shift(self.valid_time[:, None], np.arange(self.targets.shape[1]))

    def __len__(self) -> int:
        return len(self.windows)

    def take(self, rows: "slice | npt.NDArray[np.intp]") -> "Origins":
        """Return the origins in ``rows``."""
        return Origins(self.windows[rows], self.valid_time[rows], self.targets[rows], self.position[rows], self.step)


def origins(series: SstSeries, shape: ForecastShape, begin: int, end: int) -> Origins:
    """Return every usable origin with a lead in the part ``begin`` to ``end`` (exclusive) of ``series``.

    A window may begin before the part. It is usable if its last value was observed and its gaps are short enough to be
    interpolated, so that filling never looks ahead. All leads have the same targets: those of the part.
    """
    window, horizon, fill_limit = shape
    first = np.arange(max(begin - horizon + 1, window), end)
    filled = fill_gaps(series.values, fill_limit)
    if not len(first):
        return Origins(np.empty((0, window)), series.times[:0], np.empty((0, horizon)), first, series.step)
    windows = np.lib.stride_tricks.sliding_window_view(filled, window)[first - window]
    leads = first[:, None] + np.arange(horizon)
    inside = (leads >= begin) & (leads < end)
    targets = np.where(inside, series.values[np.minimum(leads, len(series) - 1)], np.nan)
    usable = np.isfinite(series.values[first - 1]) & np.isfinite(windows).all(axis=1) & np.isfinite(targets).any(axis=1)
    return Origins(windows[usable], series.times[first[usable]], targets[usable], first[usable], series.step)


def joined(parts: Sequence[Origins]) -> Origins:
    """Join the origins of several series of one step."""
    return Origins(
        np.concatenate([part.windows for part in parts]),
        np.concatenate([part.valid_time for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.position for part in parts]),
        parts[0].step,
    )
