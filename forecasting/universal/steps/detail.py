"""What means leave out of a series: its daily cycle, and how far the last value is from the last mean.

A value is the mean around it, plus the usual departure at its time of day, plus a residual. At the end of a series the
mean is that of the last values; its residual decays as in an autoregression of order one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import DAY, Floats
from forecasting.universal.steps.resampling import Resampling

_DAYS: Final = 30
"""Days at the end of a series that its daily cycle is estimated from."""

_LEAST_DAYS: Final = 3
_LEAST_SHARE: Final = 0.75
"""Share of the values of a mean that must be known for departures from it."""

_LEAST_PAIRS: Final = 20
_LAGS_IN_A_MEAN: Final = 8
"""The decay is estimated from values that are this fraction of a mean apart, beyond most noise of the sensor."""


@dataclass(frozen=True, eq=False)
class Detail:
    """What means leave out of one series.

    Attributes:
        cycle: usual departure from the mean, °C, of each of the steps after the last observation that make up a day,
            ``(phases,)``; a single zero without a daily cycle.
        last: departure of the last value from the last mean and the cycle, °C.
        decay: share of a departure that remains after a step.
        spread: standard deviation of departures, °C.
    """

    cycle: Floats
    last: float
    decay: float
    spread: float

    @classmethod
    def of(cls, values: Floats, resampling: Resampling) -> "Detail":
        """Estimate the detail of ``values`` ``(n,)``; the last must be observed."""
        size = max(round(resampling.ratio), 1)
        phases = _phases(resampling)
        recent = values[-max(_DAYS * DAY // resampling.step.seconds, 8 * size) :]
        places = (np.arange(len(recent)) - len(recent)) % phases
        cycle = _cycle(recent - _centred(recent, size), places, phases)
        level = recent - cycle[places]
        residual = level - _trailing(level, size)
        around = level - _centred(level, size)
        spread = float(np.sqrt(np.nanmean(around**2))) if np.isfinite(around).any() else 0.0
        last = float(residual[-1]) if np.isfinite(residual[-1]) else 0.0
        return cls(cycle, last, _decay(residual, max(size // _LAGS_IN_A_MEAN, 1)), spread)

    def ahead(self, steps: Floats) -> Floats:
        """Return the departure from the mean at ``steps`` after the last observation, °C ``(n,)``."""
        places = (steps.astype(np.int64) - 1) % len(self.cycle)
        departures: Floats = self.cycle[places] + self.last * self.decay**steps
        return departures

    def spread_ahead(self, steps: Floats) -> Floats:
        """Return the standard deviation of the departure at ``steps`` after the last observation, °C ``(n,)``."""
        spread: Floats = self.spread * np.sqrt(1 - self.decay ** (2 * steps))
        return spread

    def without_cycle(self, values: Floats) -> Floats:
        """Return ``values`` ``(n,)``, which end in the last observation, without the daily cycle."""
        level: Floats = values - self.cycle[(np.arange(len(values)) - len(values)) % len(self.cycle)]
        return level


def _phases(resampling: Resampling) -> int:
    """Return the number of steps in a day; 1 if the release resolves the day, or the step does not divide it."""
    count, rest = divmod(DAY, resampling.step.seconds)
    return 1 if rest or count < 2 or resampling.other.is_under_a_day else count


def _cycle(departures: Floats, places: npt.NDArray[np.int64], phases: int) -> Floats:
    """Return the mean departure at each time of day, whose mean is zero; zero if the days are too few."""
    known = np.isfinite(departures)
    number = np.bincount(places[known], minlength=phases)
    if phases == 1 or number.min() < _LEAST_DAYS:
        return np.zeros(phases)
    cycle = np.bincount(places[known], departures[known], phases) / number
    centred: Floats = cycle - cycle.mean()
    return centred


def _trailing(values: Floats, size: int) -> Floats:
    """Return the mean of the last ``size`` values at each step; NaN where too few are known."""
    known = np.isfinite(values)
    total = np.concatenate([np.zeros(size), np.cumsum(np.where(known, values, 0.0))])
    number = np.concatenate([np.zeros(size), np.cumsum(known)])
    count = number[size:] - number[:-size]
    mean: Floats = np.divide(
        total[size:] - total[:-size], count, out=np.full(len(values), np.nan), where=count >= _LEAST_SHARE * size
    )
    return mean


def _centred(values: Floats, size: int) -> Floats:
    """Return the mean around each step; NaN at the ends. Of an even ``size``, the outermost values count half."""
    before, after = size // 2, (size - 1) // 2
    trailing = _trailing(values, size)
    first = np.concatenate([trailing[after:], np.full(after, np.nan)])[: len(values)]
    if before == after:
        return first
    second = np.concatenate([trailing[before:], np.full(before, np.nan)])[: len(values)]
    centred: Floats = (first + second) / 2
    return centred


def _decay(residual: Floats, lag: int) -> float:
    """Return the share of a departure that remains after a step, from values ``lag`` steps apart."""
    before, after = residual[:-lag], residual[lag:]
    known = np.isfinite(before) & np.isfinite(after)
    size = float((before[known] ** 2).sum())
    if known.sum() < _LEAST_PAIRS or size <= 0:
        return 0.0
    share = float((before[known] * after[known]).sum()) / size
    return float(np.clip(share, 0.0, 0.999) ** (1 / lag))
